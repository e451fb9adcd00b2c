//! `Idempotency-Key`: a repeat gets the first answer, byte for byte.

use contacts_store::Claimed;
use contacts_tests::app::Caller;
use contacts_tests::client::{Request, Response};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{CONTACTS, card, created, ok, problem, somebody, text};

const BATCH: &str = "/v1/books/default/contacts/batch";

fn keyed(path: &str, key: &str, body: &Value) -> Request {
    Request::new("POST", path)
        .header("idempotency-key", key)
        .json(body)
}

/// Status, headers and body, without what names the single exchange.
fn lasting(mut response: Response) -> Response {
    response.headers.retain(|(name, _)| name != "x-request-id");
    response.headers.sort();
    response
}

async fn contacts(me: &Caller) -> usize {
    me.all(&format!("{CONTACTS}?limit=500"))
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_does_nothing() {
    let me = somebody().await;
    let items = json!({"items": [
        {"op": "create", "card": card("Batch")},
        {"op": "create"},
        {"op": "create", "card": {"@type": "Card"}},
        {"op": "create", "card": card("Another")},
    ]});
    let vcards = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:V\r\nEND:VCARD\r\n";
    let as_vcard = |path: &str| {
        Request::new("POST", path)
            .header("idempotency-key", "vcards")
            .body("text/vcard", vcards)
    };
    for request in [
        keyed("/v1/books", "book", &json!({"name": "Once"})),
        keyed(CONTACTS, "contact", &card("Once")),
        keyed(BATCH, "batch", &items),
        as_vcard(CONTACTS).header("x-other", "1"),
    ] {
        let first = me.send(request.clone()).await;
        assert!([200, 201].contains(&first.status), "{first:?}");
        let before = (
            contacts(&me).await,
            me.all("/v1/books").await.unwrap().len(),
        );
        // Meanwhile the world moves on.
        if let Some(path) = first
            .text("location")
            .filter(|path| path.contains("/contacts/"))
        {
            ok(&me
                .patch(path, &json!({"nicknames": {"n": {"name": "moved"}}}))
                .await);
        }
        for _ in 0..2 {
            assert_eq!(
                lasting(me.send(request.clone()).await),
                lasting(first.clone())
            );
        }
        // Elsewhere it is remembered too.
        let elsewhere = me.app.sibling().await.unwrap();
        let repeat = elsewhere.send(request.clone().bearer(&me.token)).await;
        assert_eq!(lasting(repeat), lasting(first.clone()));
        let after = (
            contacts(&me).await,
            me.all("/v1/books").await.unwrap().len(),
        );
        assert_eq!(before, after);
    }
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn another_request_with_the_key_is_422() {
    let me = somebody().await;
    created(&me.send(keyed(CONTACTS, "key", &card("Ada"))).await);
    for other in [
        keyed(CONTACTS, "key", &card("Bob")),
        keyed(BATCH, "key", &json!({"items": []})),
        keyed("/v1/books", "key", &json!({"name": "Ada"})),
    ] {
        problem(&me.send(other).await, 422, "idempotency-mismatch");
    }
    assert_eq!(contacts(&me).await, 1);
    // It is the caller's key, nobody else's.
    let other = me.app.caller("other").await.unwrap();
    created(&other.send(keyed(CONTACTS, "key", &card("Bob"))).await);
}

#[tokio::test]
async fn of_two_requests_at_once_one_runs() {
    let me = somebody().await;
    for round in 0..10 {
        let key = format!("key {round}").replace(' ', "-");
        let request = keyed(CONTACTS, &key, &card(&format!("Person {round}")));
        let answers = futures(&me, &request, 4).await;
        let made: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 201)
            .collect();
        assert!(!made.is_empty());
        for answer in &answers {
            match answer.status {
                201 => assert_eq!(answer.body, made[0].body),
                _ => {
                    problem(answer, 409, "idempotency-running");
                    assert!(answer.text("retry-after").is_some());
                }
            }
        }
        assert_eq!(contacts(&me).await, round + 1);
    }
    me.app.check().await.unwrap();
}

async fn futures(me: &Caller, request: &Request, count: usize) -> Vec<Response> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (me, request) = (me.clone(), request.clone());
            tokio::spawn(async move { me.send(request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn while_another_process_runs_the_request_it_is_409_with_retry_after() {
    let me = somebody().await;
    let body = card("Ada");
    // The other process has claimed the key for this request and has not answered yet.
    let hash = BASE64URL_NOPAD.encode(&Sha256::digest(body.to_string().as_bytes()));
    let request = contacts_store::digest_text(&["POST", CONTACTS, "application/json", &hash]);
    let store = me.app.store();
    let Claimed::Mine(claim) = store.claim("somebody", "held", &request).await.unwrap() else {
        panic!("the key is free");
    };
    let answer = me.send(keyed(CONTACTS, "held", &body)).await;
    problem(&answer, 409, "idempotency-running");
    assert!(answer.text("retry-after").is_some());
    assert_eq!(contacts(&me).await, 0);
    // It fails and lets go.
    store.release(&claim).await.unwrap();
    created(&me.send(keyed(CONTACTS, "held", &body)).await);
}

#[tokio::test]
async fn a_request_that_failed_frees_its_key() {
    let me = somebody().await;
    let mut ada = card("Ada");
    ada["uid"] = json!("urn:example:ada");
    let other = created(&me.post(CONTACTS, &ada).await);
    problem(
        &me.send(keyed(CONTACTS, "k1", &ada)).await,
        409,
        "uid-taken",
    );
    let mut free = ada.clone();
    free["uid"] = json!("urn:example:free");
    created(&me.send(keyed(CONTACTS, "k1", &free)).await);

    problem(
        &me.send(keyed(CONTACTS, "k2", &json!({"@type": "Card"})))
            .await,
        422,
        "invalid-card",
    );
    created(&me.send(keyed(CONTACTS, "k2", &card("Bob"))).await);

    let nowhere = "/v1/books/00000000000000000000000000/contacts";
    for path in [nowhere.to_owned(), format!("{nowhere}/batch")] {
        let body = json!({"items": []});
        let body = if path.ends_with("batch") {
            body
        } else {
            card("x")
        };
        problem(
            &me.send(keyed(&path, "k3", &body)).await,
            404,
            "book-not-found",
        );
    }
    created(
        &me.send(keyed("/v1/books", "k3", &json!({"name": "x"})))
            .await,
    );

    problem(
        &me.send(keyed("/v1/books", "k4", &json!({"name": ""})))
            .await,
        400,
        "invalid-json",
    );
    created(
        &me.send(keyed("/v1/books", "k4", &json!({"name": "x"})))
            .await,
    );
    // And once it is free, the same request can succeed.
    problem(
        &me.send(keyed(CONTACTS, "k5", &ada)).await,
        409,
        "uid-taken",
    );
    let path = format!("{CONTACTS}/{}", text(&other["id"]));
    assert_eq!(me.delete(&path).await.status, 204);
    created(&me.send(keyed(CONTACTS, "k5", &ada)).await);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn what_is_no_key_is_400() {
    let me = somebody().await;
    for key in ["", "with space", "ünï", &"k".repeat(256)] {
        for (path, body) in [
            (CONTACTS, card("x")),
            (BATCH, json!({"items": []})),
            ("/v1/books", json!({"name": "x"})),
        ] {
            let refused = problem(
                &me.send(keyed(path, key, &body)).await,
                400,
                "invalid-header",
            );
            assert_eq!(refused["header"], "Idempotency-Key");
        }
    }
    let twice = keyed(CONTACTS, "a", &card("x")).header("idempotency-key", "b");
    problem(&me.send(twice).await, 400, "invalid-header");
    created(&me.send(keyed(CONTACTS, &"k".repeat(255), &card("x"))).await);
}
