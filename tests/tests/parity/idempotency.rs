//! A repeated write gets the first answer again, whichever target is asked.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{CONTACTS, card, has_status, post, simple_vcard, twins, vcard};

#[tokio::test]
async fn an_answer_is_replayed_by_the_other_target_byte_for_byte() {
    let twins = twins().await;
    let batch = format!("{CONTACTS}/batch");
    let two = simple_vcard("Zoë", "1") + &simple_vcard("Two", "2");
    let requests = [
        post(CONTACTS, &card("Zoë \" \\ 😀")),
        vcard("POST", CONTACTS, simple_vcard("Größe", "x").as_bytes()),
        post("/v1/books", &json!({"name": "Ünal"})),
        post(
            &batch,
            &json!({"items": [{"op": "create", "card": card("x")}, {"op": "paint"}]}),
        ),
        vcard("POST", &batch, two.as_bytes()),
    ];
    for (number, request) in requests.into_iter().enumerate() {
        for (first, second) in [(0, 1), (1, 0)] {
            let key = format!("key-{number}-{first}");
            let request = twins.dressed(request.clone().header("idempotency-key", key));
            let made = twins.albs[first].send(request.clone()).await;
            assert!([200, 201].contains(&made.status));
            let again = twins.albs[second].send(request.clone()).await;
            contacts_tests::differences::compare(&made, &again).unwrap();
            // And both together.
            assert_eq!(twins.same(request).await.body, made.body);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_not_kept_for_a_key() {
    let twins = twins().await;
    let keyed = |request: Request| request.header("idempotency-key", "k");
    let bad = twins.dressed(keyed(post(CONTACTS, &json!({"emails": 1}))));
    let good = twins.dressed(keyed(post(CONTACTS, &card("Ada"))));
    for alb in &twins.albs {
        has_status(&alb.send(bad.clone()).await, 422);
    }
    has_status(&twins.albs[1].send(good.clone()).await, 201);
    has_status(&twins.same(good).await, 201);
}
