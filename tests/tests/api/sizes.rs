//! How large requests and answers may be.

use contacts_tests::client::Request;
use contacts_tests::contract::{LAMBDA_ANSWER, lambda_bytes};
use serde_json::{Value, json};

use crate::support::{CONTACTS, at, card, created, ok, problem, somebody, text};

const BATCH: &str = "/v1/books/default/contacts/batch";
const KIB: usize = 1024;

fn vcard(name: &str, bytes: usize) -> Vec<u8> {
    let mut vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\n");
    let end = "END:VCARD\r\n";
    let mut number = 0;
    while vcard.len() + end.len() + 100 < bytes {
        vcard += &format!("X-FILL-{}:{}\r\n", number % 500, "x".repeat(60));
        number += 1;
    }
    let rest = bytes - vcard.len() - end.len() - "NOTE:\r\n".len();
    vcard += &format!("NOTE:{}\r\n{end}", "y".repeat(rest));
    vcard.into_bytes()
}

/// One property, so that the number of properties is no limit.
fn photo(bytes: usize) -> Vec<u8> {
    let start = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:P\r\nPHOTO:data:image/png;base64,";
    let end = "\r\nEND:VCARD\r\n";
    format!(
        "{start}{}{end}",
        "A".repeat(bytes - start.len() - end.len())
    )
    .into_bytes()
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_the_most() {
    let me = somebody().await;
    for (path, kind) in [
        (CONTACTS, "application/json"),
        (CONTACTS, "text/vcard"),
        (BATCH, "application/json"),
        (BATCH, "text/vcard"),
        ("/v1/books", "application/json"),
        ("/v1/tokens", "application/json"),
    ] {
        let body = |bytes: usize| Request::new("POST", path).body(kind, vec![b' '; bytes]);
        let refused = problem(&me.send(body(1_048_577)).await, 413, "too-large");
        assert_eq!(refused["maximum"], 1_048_576);
        let judged = me.send(body(1_048_576)).await;
        assert!(
            [400, 413, 422].contains(&judged.status),
            "{path} {}",
            judged.status
        );
        assert_ne!(judged.json().unwrap()["limit"], "request body bytes");
    }
}

#[tokio::test]
async fn a_vcard_of_256_kib_is_the_most_and_comes_back() {
    let me = somebody().await;
    let largest = vcard("Largest", 20 * KIB);
    let made = created(&me.post_vcard(CONTACTS, &largest).await);
    assert!(me.get_vcard(&at(&made)).await.body == largest);
    let above = photo(256 * KIB + 1);
    let refused = problem(&me.post_vcard(CONTACTS, &above).await, 413, "too-large");
    assert_eq!(refused["maximum"], 256 * KIB);
    let answer = ok(&me.post_vcard(BATCH, &[above, largest].concat()).await);
    assert_eq!(answer["items"][0]["status"], 413);
    assert_eq!(answer["items"][1]["status"], 201);
    // The card that a vCard becomes is a little longer, and has the same limit.
    let near = photo(256 * KIB - 400);
    let made = created(&me.post_vcard(CONTACTS, &near).await);
    assert!(me.get_vcard(&at(&made)).await.body == near);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_card_of_256_kib_is_the_most() {
    let me = somebody().await;
    let mut large = card("Large");
    large["uid"] = json!("urn:example:large");
    large["example.com:fill"] = json!([]);
    let empty = large.to_string().len();
    let fill = |bytes: usize| -> Value {
        let mut large = large.clone();
        // Quotes, which are the most expensive text there is on the way to an ALB.
        let mut left = bytes - empty;
        let mut parts = Vec::new();
        while left > 0 {
            let part = left.min(50_000);
            parts.push(format!(
                "{}{}",
                "\"".repeat((part - 3) / 2),
                "x".repeat((part - 3) % 2)
            ));
            left -= part;
        }
        large["example.com:fill"] = json!(parts);
        let slack = bytes as i64 - large.to_string().len() as i64;
        assert!((0..=8).contains(&slack), "{slack}");
        large["name"]["full"] = json!(format!("Large{}", "e".repeat(slack as usize)));
        large
    };
    let made = created(&me.post(CONTACTS, &fill(256 * KIB)).await);
    assert_eq!(made["card"], fill(256 * KIB));
    ok(&me.get(&at(&made)).await);
    assert_eq!(me.get_vcard(&at(&made)).await.status, 200);
    let refused = problem(
        &me.post(CONTACTS, &fill(256 * KIB + 1)).await,
        413,
        "too-large",
    );
    assert_eq!(refused["maximum"], 256 * KIB);
    let patch = json!({"example.com:more": "x".repeat(100)});
    problem(&me.patch(&at(&made), &patch).await, 413, "too-large");
}

#[tokio::test]
async fn a_page_of_json_ends_before_it_is_too_large_for_lambda() {
    let me = somebody().await;
    // Summaries of quotes and backslashes, which grow most on their way to the ALB.
    let wide = |number: usize| -> Value {
        let text = format!("{number:03}{}", "\"\\".repeat(62));
        let mut wide = card(&text);
        wide["organizations"] = json!({"o": {"name": text}});
        wide["emails"] =
            json!({"e": {"address": format!("\"{}\"@example.org", "\\\"".repeat(40))}});
        wide["phones"] = json!({"p": {"number": "\\\"".repeat(60)}});
        wide
    };
    for start in [0, 200, 400] {
        let items: Vec<Value> = (start..start + 200)
            .map(|number| json!({"op": "create", "card": wide(number)}))
            .collect();
        let answer = ok(&me.post(BATCH, &json!({"items": items})).await);
        for item in answer["items"].as_array().unwrap() {
            assert_eq!(item["status"], 201, "{item}");
        }
    }
    let page = me.get(&format!("{CONTACTS}?limit=500")).await;
    let items = ok(&page)["items"].as_array().unwrap().len();
    assert!(
        items < 500,
        "the page ends by bytes, at {} of them",
        lambda_bytes(&page)
    );
    assert!(
        lambda_bytes(&page) > LAMBDA_ANSWER / 2,
        "and not long before: {items}"
    );
    assert!(ok(&page)["cursor"].is_string());
    let all = me.all(&format!("{CONTACTS}?limit=500")).await.unwrap();
    let mut ids: Vec<_> = all.iter().map(|item| text(&item["id"])).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all.len(), ids.len()), (600, 600));
}

#[tokio::test]
async fn a_page_of_vcards_has_at_most_700_kb_and_a_link() {
    let me = somebody().await;
    let mut sent = Vec::new();
    for number in 0..6 {
        let vcard = photo((200 + number) * KIB);
        created(&me.post_vcard(CONTACTS, &vcard).await);
        sent.push(vcard);
    }
    let mut path = format!("{CONTACTS}?limit=500");
    let mut all = Vec::new();
    let mut pages = 0;
    loop {
        let page = me.get_vcard(&path).await;
        assert!(page.body.len() <= 700_000, "{}", page.body.len());
        pages += 1;
        all.extend(page.body.clone());
        let Some(link) = page.text("link") else { break };
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(pages, 2, "three of them fit a page");
    let total: usize = sent.iter().map(Vec::len).sum();
    assert_eq!(all.len(), total);
}

#[tokio::test]
async fn an_answer_about_mistakes_in_long_places_is_not_too_large() {
    let me = somebody().await;
    // Pointers are made of what the client sent: they can be long, and there can be many.
    let quotes = "\"".repeat(60_000);
    let key = "k".repeat(255);
    let empty = vec![json!({}); 50];
    for (property, value) in [
        ("addresses", json!({&key: {"components": empty}})),
        (
            "phones",
            json!({&quotes: {"number": 1, "pref": 1000, "features": 5, "contexts": 5}}),
        ),
        ("phones", json!({"\"".repeat(450_000): 1})),
        (
            "vCardProps",
            json!([[&quotes, {&quotes: 5}, 5, 5], {&quotes: 1}]),
        ),
    ] {
        let mut wrong = card("x");
        wrong[property] = value;
        let single = me.post(CONTACTS, &wrong).await;
        if single.status != 413 {
            let errors = problem(&single, 422, "invalid-card");
            assert!(!errors["errors"].as_array().unwrap().is_empty());
        }
        let count = (1_000_000 / (wrong.to_string().len() + 40)).min(200);
        let items: Vec<Value> = (0..count)
            .map(|_| json!({"op": "create", "card": wrong}))
            .collect();
        let answer = ok(&me.post(BATCH, &json!({"items": items})).await);
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), count);
        for item in items {
            assert!(item["status"] == 422 || item["status"] == 413);
        }
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_mistakes_of_two_hundred_cards_is_not_too_large() {
    let me = somebody().await;
    let mut emails = json!({});
    for number in 0..50 {
        emails[format!("{number}")] = json!({"address": 1});
    }
    let mut wrong = card("x");
    wrong["emails"] = emails;
    let items: Vec<Value> = (0..200)
        .map(|_| json!({"op": "create", "card": wrong}))
        .collect();
    let request = Request::new("POST", BATCH).header("idempotency-key", "many");
    let request = request.json(&json!({"items": items}));
    let first = me.send(request.clone()).await;
    let answer = ok(&first);
    assert_eq!(answer["items"].as_array().unwrap().len(), 200);
    for item in answer["items"].as_array().unwrap() {
        assert_eq!(
            (&item["status"], &item["error"]["status"]),
            (&json!(422), &json!(422))
        );
    }
    assert_eq!(me.send(request).await.body, first.body);
}

#[tokio::test]
async fn what_is_too_large_is_told_in_a_sentence_with_its_unit() {
    let me = somebody().await;
    let told = |response| {
        let refused = problem(&response, 413, "too-large");
        text(&refused["detail"]).to_owned()
    };
    let large = told(me.post_vcard(CONTACTS, &photo(256 * KIB + 1)).await);
    assert!(
        large.starts_with("A vCard may have at most 262144 bytes, and this one has 262145: "),
        "{large}"
    );
    // It fits as a vCard; the card that it makes has a few bytes more.
    let made = told(me.post_vcard(CONTACTS, &photo(256 * KIB - 60)).await);
    assert!(
        made.starts_with(
            "The card that is made of a vCard may have at most 262144 bytes as JSON, "
        ),
        "{made}"
    );
    let mut noted = card("Ada");
    noted["vCardProps"] = json!([["note", {}, "text", "x".repeat(60 * KIB)]]);
    for number in 0..5 {
        noted[format!("example.com:{number}")] = json!("x".repeat(60 * KIB));
    }
    let json = told(me.post(CONTACTS, &noted).await);
    assert!(
        json.starts_with("A card may have at most 262144 bytes as JSON "),
        "{json}"
    );
    let body = Request::new("POST", "/v1/books").body("application/json", vec![b' '; 1_048_577]);
    let body = told(me.send(body).await);
    assert!(
        body.starts_with("A request body may have at most 1048576 bytes"),
        "{body}"
    );
    let items = json!({"items": vec![json!({"op": "x"}); 201]});
    assert_eq!(
        told(me.post(BATCH, &items).await),
        "A batch may have at most 200 items, and this one has 201: send several batches."
    );
}
