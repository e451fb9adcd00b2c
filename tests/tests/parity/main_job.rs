//! The main job on real files: in, listed, found, changed, synced, read back byte for byte.

use contacts_tests::client::Request;
use contacts_tests::differences::without_random;
use contacts_tests::twins::{Both, Twins, member};
use contacts_tests::vcards;
use serde_json::json;

use crate::support::{body, get, has_status, patch, twins, vcard};

/// The vCards of what each target has written, which both targets give.
async fn as_vcards(twins: &Twins, paths: &Both<String>) -> Both {
    let read = |path: &String| twins.same(get(path).header("accept", "text/vcard"));
    let [left, right] = paths.each_ref().map(read);
    let answers = [left.await, right.await];
    answers.iter().for_each(|answer| has_status(answer, 200));
    answers
}

/// A book for what each target writes, so that no UID is taken; the paths of their contacts.
async fn book_of_each(twins: &Twins) -> Both<String> {
    let books = twins
        .each(|_| Request::new("POST", "/v1/books").json(&json!({"name": "b"})))
        .await;
    member(&books, "id")
        .unwrap()
        .map(|id| format!("/v1/books/{id}/contacts"))
}

#[tokio::test]
async fn every_real_vcard_makes_the_same_contact_on_both() {
    let twins = twins().await;
    for text in vcards::all().unwrap() {
        let books = book_of_each(&twins).await;
        let made = twins.each(|side| vcard("POST", &books[side], &text)).await;
        has_status(&made[0], 201);
        let ids = member(&made, "id").unwrap();
        let paths = [0, 1].map(|side| format!("{}/{}", books[side], ids[side]));
        assert!(
            as_vcards(&twins, &paths)
                .await
                .iter()
                .all(|answer| answer.body == text)
        );

        for side in [0, 1] {
            for accept in ["application/json", "text/vcard"] {
                has_status(
                    &twins.same(get(&books[side]).header("accept", accept)).await,
                    200,
                );
            }
            let listed = twins.same(get(&books[side])).await;
            assert!(body(&listed).contains(&ids[side]));
        }
        let read = twins.same(get(&paths[0])).await.json().unwrap();
        let word = read["card"]["name"].to_string();
        let letter = |c: char| !c.is_alphanumeric();
        for word in word.split(letter).filter(|word| !word.is_empty()).take(20) {
            let encoded: String = word.bytes().map(|byte| format!("%{byte:02x}")).collect();
            for books in &books {
                twins.same(get(&format!("{books}?q={encoded}"))).await;
            }
        }

        let feeds = books
            .each_ref()
            .map(|book| book.replace("/contacts", "/changes"));
        let mut tokens = Vec::new();
        for feed in &feeds {
            let page = twins.same(get(feed)).await.json().unwrap();
            assert_eq!(page["changes"].as_array().unwrap().len(), 1);
            tokens.push(page["token"].as_str().unwrap().to_owned());
        }
        let link = json!({"links": {"added": {"uri": "https://example.org/added"}}});
        has_status(&twins.each(|side| patch(&paths[side], &link)).await[0], 200);
        let rendered = as_vcards(&twins, &paths).await;
        assert!(body(&rendered[0]).contains("https://example.org/added"));
        let [left, right] = rendered.each_ref().map(without_random);
        assert_eq!(body(&left), body(&right));
        for (feed, token) in feeds.iter().zip(&tokens) {
            let page = twins
                .same(get(&format!("{feed}?since={token}")))
                .await
                .json()
                .unwrap();
            assert_eq!(page["changes"][0]["etag"], "\"2\"", "{page}");
        }
        has_status(
            &twins
                .each(|side| Request::new("DELETE", &paths[side]))
                .await[0],
            204,
        );
        for (feed, token) in feeds.iter().zip(&tokens) {
            let page = twins
                .same(get(&format!("{feed}?since={token}")))
                .await
                .json()
                .unwrap();
            assert_eq!(
                page["changes"].as_array().unwrap().last().unwrap()["deleted"],
                true
            );
        }
    }
    let report = twins.contacts.store().check().await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[tokio::test]
async fn whole_files_go_in_as_a_batch_and_come_out_as_the_same_page() {
    let twins = twins().await;
    let file = vcards::all().unwrap().concat();
    let books = book_of_each(&twins).await;
    let done = twins
        .each(|side| vcard("POST", &format!("{}/batch", books[side]), &file))
        .await;
    assert!([200, 422].contains(&done[0].status));
    for book in &books {
        for accept in ["application/json", "text/vcard"] {
            let page = get(&format!("{book}?limit=500")).header("accept", accept);
            has_status(&twins.same(page).await, 200);
        }
    }
}
