//! Many writes in one request.

use contacts_tests::client::Request;
use serde_json::{Value, json};

use crate::support::{CONTACTS, add, at, card, is_id, members, ok, problem, somebody, text};

const BATCH: &str = "/v1/books/default/contacts/batch";

#[tokio::test]
async fn each_write_has_its_outcome_in_order() {
    let me = somebody().await;
    let ada = add(&me, "Ada").await;
    let bob = add(&me, "Bob").await;
    let carl = add(&me, "Carl").await;
    let unknown = "00000000000000000000000000";
    let mut taken = card("Twin");
    taken["uid"] = ada["card"]["uid"].clone();
    let items = json!({"items": [
        {"op": "create", "card": card("New")},
        {"op": "update", "id": ada["id"], "if_match": ada["etag"], "card": card("Ada King")},
        {"op": "update", "id": bob["id"], "if_match": "\"9\"", "card": card("x")},
        {"op": "delete", "id": bob["id"]},
        {"op": "delete", "id": bob["id"]},
        {"op": "update", "id": carl["id"], "card": card("Carl")},
        {"op": "create", "card": taken},
        {"op": "create", "card": {"@type": "Card"}},
        {"op": "create"},
        {"op": "update", "card": card("x")},
        {"op": "update", "id": unknown, "card": card("x")},
        {"op": "update", "id": "nonsense", "card": card("x")},
        {"op": "delete", "id": unknown},
        {"op": "delete", "id": carl["id"], "card": card("x")},
        {"op": "delete", "id": carl["id"], "if_match": "no tag"},
        {"op": "create", "id": carl["id"], "card": card("x")},
        {"op": "merge", "id": carl["id"]},
        {"op": "create", "card": "text"},
        {"op": "create", "card": card("Last")},
    ]});
    let answer = ok(&me.post(BATCH, &items).await);
    assert_eq!(members(&answer), ["items"]);
    let outcomes = answer["items"].as_array().unwrap();
    let statuses: Vec<_> = outcomes
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            201, 200, 412, 204, 404, 200, 409, 422, 400, 400, 404, 404, 404, 400, 400, 400, 400,
            422, 201
        ]
    );
    for outcome in outcomes {
        match outcome["status"].as_u64().unwrap() {
            201 | 200 => {
                assert_eq!(members(outcome), ["status", "id", "etag"]);
                is_id(&outcome["id"]);
            }
            204 => assert_eq!(members(outcome), ["status", "id"]),
            status => {
                assert_eq!(members(outcome), ["status", "error"]);
                assert_eq!(outcome["error"]["status"], status);
                assert!(text(&outcome["error"]["type"]).starts_with("/docs#problem-"));
            }
        }
    }
    assert_eq!(outcomes[5]["etag"], carl["etag"], "nothing changed");
    assert_eq!(outcomes[6]["error"]["contact"], ada["id"]);
    assert_eq!(ok(&me.get(&at(&ada)).await)["etag"], outcomes[1]["etag"]);
    let names: Vec<_> = me.all(CONTACTS).await.unwrap();
    assert_eq!(names.len(), 4);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn later_writes_see_earlier_ones() {
    let me = somebody().await;
    let ada = add(&me, "Ada").await;
    let mut twin = card("Twin");
    twin["uid"] = json!("urn:example:twin");
    let items = json!({"items": [
        {"op": "create", "card": twin},
        {"op": "create", "card": twin},
        {"op": "update", "id": ada["id"], "card": card("Second")},
        {"op": "update", "id": ada["id"], "if_match": ada["etag"], "card": card("Third")},
        {"op": "update", "id": ada["id"], "card": card("Fourth")},
        {"op": "delete", "id": ada["id"]},
        {"op": "update", "id": ada["id"], "card": card("Fifth")},
    ]});
    let answer = ok(&me.post(BATCH, &items).await);
    let outcomes = answer["items"].as_array().unwrap();
    let statuses: Vec<_> = outcomes
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 409, 200, 412, 200, 204, 404]);
    assert_eq!(outcomes[1]["error"]["contact"], outcomes[0]["id"]);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn two_hundred_items_are_the_most() {
    let me = somebody().await;
    let items = |count: usize| -> Value {
        let items: Vec<_> = (0..count)
            .map(|number| json!({"op": "create", "card": card(&format!("Person {number}"))}))
            .collect();
        json!({"items": items})
    };
    let refused = problem(&me.post(BATCH, &items(201)).await, 413, "too-large");
    assert_eq!(
        (&refused["maximum"], &refused["actual"]),
        (&json!(200), &json!(201))
    );
    assert_eq!(me.all(CONTACTS).await.unwrap().len(), 0);
    let answer = ok(&me.post(BATCH, &items(200)).await);
    let outcomes = answer["items"].as_array().unwrap();
    assert!(outcomes.iter().all(|one| one["status"] == 201));
    let listed = me.all(&format!("{CONTACTS}?limit=500")).await.unwrap();
    assert_eq!(listed.len(), 200);
    for (number, outcome) in outcomes.iter().enumerate() {
        let item = listed
            .iter()
            .find(|item| item["id"] == outcome["id"])
            .unwrap();
        assert_eq!(item["summary"]["name"], format!("Person {number}"));
    }
    let vcard = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n";
    let refused = me.post_vcard(BATCH, vcard.repeat(201).as_bytes()).await;
    problem(&refused, 413, "too-large");
    assert_eq!(
        ok(&me.post(BATCH, &json!({"items": []})).await),
        json!({"items": []})
    );
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused_whole() {
    let me = somebody().await;
    for body in [
        json!([]),
        json!({}),
        json!({"items": 1}),
        json!({"items": [1]}),
        json!({"items": [{}]}),
        json!({"items": [{"op": "create", "card": card("x"), "more": 1}]}),
        json!({"items": [], "more": 1}),
    ] {
        problem(&me.post(BATCH, &body).await, 400, "invalid-json");
    }
    for vcards in ["", "nonsense", "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\n"] {
        problem(
            &me.post_vcard(BATCH, vcards.as_bytes()).await,
            422,
            "invalid-vcard",
        );
    }
    problem(
        &me.send(Request::new("POST", BATCH).body("text/plain", "x"))
            .await,
        415,
        "unsupported-media-type",
    );
    let mixed = "BEGIN:VCARD\r\nVERSION:9\r\nFN:A\r\nEND:VCARD\r\nBEGIN:VCARD\r\nVERSION:4.0\r\nFN:B\r\nEND:VCARD\r\n";
    let answer = ok(&me.post_vcard(BATCH, mixed.as_bytes()).await);
    assert_eq!(answer["items"][0]["status"], 422);
    assert_eq!(answer["items"][1]["status"], 201);
}

#[tokio::test]
async fn what_is_no_vcard_is_refused_in_its_place_and_the_others_are_created() {
    let me = somebody().await;
    let whole = |name: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEND:VCARD\r\n");
    let open = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Open\r\n";
    let (ada, bob, carl) = (whole("Ada"), whole("Bob"), whole("Carl"));
    let body = format!("{ada}junk\r\nmore junk\r\n{bob}{open}{carl}{open}");
    let answer = ok(&me.post_vcard(BATCH, body.as_bytes()).await);
    let outcomes = answer["items"].as_array().unwrap();
    let statuses: Vec<_> = outcomes.iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [201, 422, 201, 422, 201, 422]);
    for (at, line) in [(1, "line 5"), (3, "line 11"), (5, "line 18")] {
        let error = &outcomes[at]["error"];
        assert_eq!(error["type"], "/docs#problem-invalid-vcard");
        assert!(text(&error["detail"]).contains(line), "{error}");
    }
    assert_eq!(me.all(CONTACTS).await.unwrap().len(), 3);
    me.app.check().await.unwrap();
}
