//! Answers that end by their bytes end at the same contact.

use contacts_tests::client::{Request, Response};
use contacts_tests::twins::Twins;

use crate::support::{CONTACTS, get, has_status, post, simple_vcard, twins, vcard};

/// Writes once, by the container.
async fn write(twins: &Twins, request: Request) -> Response {
    twins.albs[0].send(twins.dressed(request)).await
}

/// Follows a list to its end; the number of pages and of contacts.
async fn pages(twins: &Twins, first: &str, accept: &str) -> (usize, usize) {
    let (mut path, mut pages, mut contacts) = (first.to_owned(), 0, 0);
    loop {
        let page = twins.same(get(&path).header("accept", accept)).await;
        has_status(&page, 200);
        pages += 1;
        let next = if accept == "text/vcard" {
            let begin = b"BEGIN:VCARD";
            contacts += page
                .body
                .windows(begin.len())
                .filter(|bytes| bytes == begin)
                .count();
            let link = page.text("link").map(str::to_owned);
            link.map(|link| link[1..link.find('>').unwrap()].to_owned())
        } else {
            let page = page.json().unwrap();
            contacts += page["items"].as_array().unwrap().len();
            let cursor = page["cursor"].as_str().map(str::to_owned);
            cursor.map(|cursor| format!("{first}&cursor={cursor}"))
        };
        match next {
            Some(next) => path = next,
            None => return (pages, contacts),
        }
    }
}

#[tokio::test]
async fn a_page_of_large_vcards_ends_at_the_same_contact() {
    let twins = twins().await;
    for number in 0..12 {
        // Bytes that grow in base64 and in JSON alike.
        let note = "ü\\n\\,😀".repeat(15_000);
        let text = simple_vcard(&format!("Person {number:02}"), &note);
        let made = write(&twins, vcard("POST", CONTACTS, text.as_bytes())).await;
        has_status(&made, 201);
    }
    let (count, contacts) = pages(&twins, &format!("{CONTACTS}?limit=500"), "text/vcard").await;
    assert!(count > 1, "one page");
    assert_eq!(contacts, 12);
    assert_eq!(
        pages(
            &twins,
            &format!("{CONTACTS}?limit=500&q=person"),
            "text/vcard"
        )
        .await
        .1,
        12
    );
    assert_eq!(
        pages(&twins, &format!("{CONTACTS}?limit=5"), "application/json").await,
        (3, 12)
    );
}

#[tokio::test]
async fn a_page_of_large_summaries_ends_at_the_same_contact() {
    let twins = twins().await;
    let batch = format!("{CONTACTS}/batch");
    // What a summary shows, in letters that JSON within JSON doubles.
    let cards: Vec<_> = (0..600)
        .map(|number| {
            let quotes = "\"\\".repeat(400);
            serde_json::json!({
                "@type": "Card",
                "version": "1.0",
                "name": {"full": format!("Person {number:03} {quotes}")},
                "organizations": {"o": {"name": format!("Works {quotes}")}},
            })
        })
        .collect();
    for cards in cards.chunks(100) {
        let items: Vec<_> = cards
            .iter()
            .map(|card| serde_json::json!({"op": "create", "card": card}))
            .collect();
        let request = post(&batch, &serde_json::json!({"items": items}));
        has_status(&write(&twins, request).await, 200);
    }
    let (count, contacts) =
        pages(&twins, &format!("{CONTACTS}?limit=500"), "application/json").await;
    assert_eq!(contacts, 600);
    assert!(count >= 2);
    pages(
        &twins,
        &format!("{CONTACTS}?limit=500&q=person"),
        "application/json",
    )
    .await;
    twins
        .same(Request::new("HEAD", format!("{CONTACTS}?limit=500")))
        .await;
}
