//! Single contacts: shapes, uids, merge patches, writes that change nothing.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{
    CONTACTS, add, at, card, created, is_id, is_time, members, ok, problem, somebody, text,
};

const NOBODY: &str = "/v1/books/default/contacts/00000000000000000000000000";

#[tokio::test]
async fn a_contact_has_its_shape_and_the_card_that_was_sent() {
    let me = somebody().await;
    // As text, because numbers are to come back as they are written.
    let sent = concat!(
        r#"{"version":"1.0","@type":"Card","uid":"urn:example:1","name":{"full":"Ada Lovelace","#,
        r#""components":[{"kind":"given","value":"Ada"}]},"emails":{"z":{"address":"#,
        r#""ada@example.org"},"a":{"address":"b@example.org","example.org:y":[1,2.50,null]}},"#,
        r#""example.com:vendor":{"deep":{"number":1.10,"big":12345678901234567890123}}}"#
    );
    let request = Request::new("POST", CONTACTS).body("application/json", sent);
    let response = me.send(request).await;
    let contact = created(&response);
    assert_eq!(
        members(&contact),
        ["id", "book", "etag", "created", "updated", "card"]
    );
    is_id(&contact["id"]);
    is_id(&contact["book"]);
    is_time(&contact["created"]);
    assert_eq!(contact["created"], contact["updated"]);
    assert_eq!(contact["card"].to_string(), sent);
    let location = format!(
        "/v1/books/{}/contacts/{}",
        text(&contact["book"]),
        text(&contact["id"])
    );
    assert_eq!(response.text("location"), Some(&*location));
    assert_eq!(response.text("etag"), Some(text(&contact["etag"])));
    assert_eq!(response.text("vary"), Some("accept"));
    let read = me.get(&location).await;
    assert_eq!(ok(&read), contact);
    assert_eq!(read.text("etag"), Some(text(&contact["etag"])));
    assert_eq!(read.text("vary"), Some("accept"));
}

#[tokio::test]
async fn the_server_gives_a_uid_where_it_is_missing_and_changes_nothing_else() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let mut read = contact["card"].clone();
    assert!(text(&read["uid"]).starts_with("urn:uuid:"));
    read.as_object_mut().unwrap().remove("uid");
    assert_eq!(read, card("Ada"));
}

#[tokio::test]
async fn a_taken_uid_is_409_and_names_the_other() {
    let me = somebody().await;
    let mut ada = card("Ada");
    ada["uid"] = json!("urn:example:ada");
    let first = created(&me.post(CONTACTS, &ada).await);
    let refused = problem(&me.post(CONTACTS, &ada).await, 409, "uid-taken");
    assert_eq!(refused["contact"], first["id"]);
    let vcard = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:example:ada\r\nFN:Ada\r\nEND:VCARD\r\n";
    let refused = problem(&me.post_vcard(CONTACTS, vcard).await, 409, "uid-taken");
    assert_eq!(refused["contact"], first["id"]);
    // In another book it is free, and once the contact is gone as well.
    let book = created(&me.post("/v1/books", &json!({"name": "other"})).await);
    let other = format!("/v1/books/{}/contacts", text(&book["id"]));
    created(&me.post(&other, &ada).await);
    assert_eq!(me.delete(&at(&first)).await.status, 204);
    created(&me.post(CONTACTS, &ada).await);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_uid_never_changes() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let mut other = card("Ada King");
    other["uid"] = json!("urn:example:other");
    problem(&me.put(&at(&contact), &other).await, 409, "uid-changed");
    problem(
        &me.patch(&at(&contact), &json!({"uid": "urn:example:other"}))
            .await,
        409,
        "uid-changed",
    );
    problem(
        &me.patch(&at(&contact), &json!({"uid": null})).await,
        409,
        "uid-changed",
    );
    let vcard = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:x\r\nFN:Ada\r\nEND:VCARD\r\n";
    let put = Request::new("PUT", at(&contact)).body("text/vcard", vcard);
    problem(&me.send(put).await, 409, "uid-changed");

    let put = ok(&me.put(&at(&contact), &card("Ada King")).await);
    assert_eq!(
        put["card"]["uid"], contact["card"]["uid"],
        "a PUT without uid keeps it"
    );
    let vcard = vcard.replace("UID:urn:x\r\n", "");
    let put = ok(&me
        .send(Request::new("PUT", at(&contact)).body("text/vcard", vcard.clone()))
        .await);
    assert_eq!(put["card"]["uid"], contact["card"]["uid"]);
    assert_eq!(me.get_vcard(&at(&contact)).await.body, vcard.as_bytes());
}

#[tokio::test]
async fn a_write_that_changes_nothing_keeps_etag_and_updated() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let (_, token) = me.changes("default", None, 500).await.unwrap();
    assert_eq!(ok(&me.put(&at(&contact), &contact["card"]).await), contact);
    assert_eq!(ok(&me.put(&at(&contact), &card("Ada")).await), contact);
    assert_eq!(ok(&me.patch(&at(&contact), &json!({})).await), contact);
    assert_eq!(
        ok(&me
            .patch(&at(&contact), &json!({"name": {"full": "Ada"}}))
            .await),
        contact
    );
    assert_eq!(
        ok(&me.patch(&at(&contact), &json!({"nicknames": null})).await),
        contact
    );

    let vcard = b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:King;Ada;;;\r\nFN:Ada King\r\nEND:VCARD\r\n";
    let made = created(&me.post_vcard(CONTACTS, vcard).await);
    let put = Request::new("PUT", at(&made)).body("text/vcard", &vcard[..]);
    assert_eq!(ok(&me.send(put).await), made);
    assert_eq!(ok(&me.put(&at(&made), &made["card"]).await), made);
    assert_eq!(
        me.get_vcard(&at(&made)).await.body,
        vcard,
        "the same card keeps the vCard"
    );
    let (changes, _) = me.changes("default", Some(&token), 500).await.unwrap();
    assert_eq!(changes.len(), 1, "only the new contact: {changes:?}");
}

#[tokio::test]
async fn a_merge_patch_merges_maps_and_replaces_the_rest() {
    let me = somebody().await;
    let mut ada = card("Ada");
    ada["emails"] =
        json!({"a": {"address": "a@example.org", "pref": 1}, "b": {"address": "b@example.org"}});
    ada["keywords"] = json!({"friends": true, "team": true});
    ada["example.com:x"] = json!([1, 2, {"a": null}]);
    let contact = created(&me.post(CONTACTS, &ada).await);
    let patch = json!({
        "emails": {"a": {"pref": null, "label": "work"}, "b": null, "c": {"address": "c@example.org"}},
        "keywords": null,
        "example.com:x": [{"b": null}],
        "nicknames": {"n": {"name": "Countess"}},
    });
    let patched = ok(&me.patch(&at(&contact), &patch).await);
    assert_eq!(
        patched["card"]["emails"],
        json!({"a": {"address": "a@example.org", "label": "work"}, "c": {"address": "c@example.org"}})
    );
    assert_eq!(patched["card"].get("keywords"), None);
    assert_eq!(
        patched["card"]["example.com:x"],
        json!([{"b": null}]),
        "null within a list stays"
    );
    assert_eq!(patched["card"]["nicknames"]["n"]["name"], "Countess");
    assert_eq!(patched["card"]["name"], ada["name"]);
    assert_eq!(patched["created"], contact["created"]);
    assert_eq!(ok(&me.get(&at(&contact)).await), patched);
    // JSON as it is will do for a patch as well.
    let request = Request::new("PATCH", at(&contact)).json(&json!({"nicknames": null}));
    assert_eq!(ok(&me.send(request).await)["card"].get("nicknames"), None);
    for wrong in [
        json!({"emails": 5}),
        json!({"version": null}),
        json!([]),
        json!(null),
        json!("x"),
    ] {
        problem(&me.patch(&at(&contact), &wrong).await, 422, "invalid-card");
    }
}

#[tokio::test]
async fn everything_wrong_with_a_card_is_said_at_once() {
    let me = somebody().await;
    let wrong = json!({"@type": "Cart", "version": "1.0", "name": {"full": 5}, "emails": {"e": {"address": 1}}});
    let refused = problem(&me.post(CONTACTS, &wrong).await, 422, "invalid-card");
    let pointers: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert_eq!(members(error), ["pointer", "detail"]);
            text(&error["pointer"]).to_owned()
        })
        .collect();
    for pointer in ["/@type", "/name/full", "/emails/e/address"] {
        assert!(pointers.iter().any(|one| one == pointer), "{pointers:?}");
    }
    for (vcard, why) in [
        ("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\n", "no end"),
        ("FN:Ada\r\n", "no begin"),
        ("", "nothing"),
        (
            "BEGIN:VCARD\r\nVERSION:5.0\r\nFN:Ada\r\nEND:VCARD\r\n",
            "no such version",
        ),
    ] {
        let refused = me.post_vcard(CONTACTS, vcard.as_bytes()).await;
        assert_eq!(refused.status, 422, "{why}");
    }
    for body in ["", "{", "nonsense", "{\"a\":1}x"] {
        let request = Request::new("POST", CONTACTS).body("application/json", body);
        let refused = me.send(request).await;
        problem(&refused, 400, "invalid-json");
    }
}

#[tokio::test]
async fn an_unknown_or_malformed_id_is_404_for_every_method() {
    let me = somebody().await;
    add(&me, "Ada").await;
    let malformed = format!("{CONTACTS}/Nonsense");
    for path in [NOBODY, &malformed] {
        for response in [
            me.get(path).await,
            me.get_vcard(path).await,
            me.put(path, &card("x")).await,
            me.patch(path, &json!({})).await,
            me.delete(path).await,
        ] {
            problem(&response, 404, "contact-not-found");
        }
    }
    for book in ["00000000000000000000000000", "nonsense", "DEFAULT"] {
        let path = format!("/v1/books/{book}/contacts");
        for response in [
            me.get(&path).await,
            me.post(&path, &card("x")).await,
            me.post(&format!("{path}/batch"), &json!({"items": []}))
                .await,
            me.get(&format!("/v1/books/{book}/changes")).await,
        ] {
            problem(&response, 404, "book-not-found");
        }
    }
    let id = me.all(CONTACTS).await.unwrap()[0]["id"].clone();
    let book = created(&me.post("/v1/books", &json!({"name": "other"})).await);
    let path = format!("/v1/books/{}/contacts/{}", text(&book["id"]), text(&id));
    problem(&me.get(&path).await, 404, "contact-not-found");
}

#[tokio::test]
async fn a_vcard_stays_as_it_was_sent_until_the_card_changes() {
    let me = somebody().await;
    let odd = b"begin:vcard\nversion:3.0\nfn:Ada\nn:King;Ada;;;\nX-Odd;type=a:\\x,y;z\nend:vcard";
    let made = created(&me.post_vcard(CONTACTS, odd).await);
    assert_eq!(me.get_vcard(&at(&made)).await.body, odd);
    ok(&me
        .patch(
            &at(&made),
            &json!({"nicknames": {"n": {"name": "Countess"}}}),
        )
        .await);
    let rendered = String::from_utf8(me.get_vcard(&at(&made)).await.body).unwrap();
    assert!(
        rendered.contains("VERSION:3.0") && rendered.contains("NICKNAME:Countess"),
        "{rendered}"
    );
    assert!(
        rendered.contains("X-ODD") && rendered.contains("\\x,y;z"),
        "{rendered}"
    );
    let from_json = add(&me, "Grace").await;
    let rendered = String::from_utf8(me.get_vcard(&at(&from_json)).await.body).unwrap();
    assert!(
        rendered.contains("VERSION:4.0") && rendered.contains("FN:Grace"),
        "{rendered}"
    );
}
