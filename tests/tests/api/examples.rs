//! The examples of the OpenAPI document: there for everything, of the right shape, and true.

use std::collections::BTreeSet;

use contacts::Scope;
use contacts_tests::client::Request;
use contacts_tests::contract::{DOCUMENT, conforms};
use serde_json::Value;

use crate::documents::operations;
use crate::support::{CONTACTS, add, at, card, somebody, text};

/// Every body of the document: of requests, and of answers that are no problems.
fn bodies() -> impl Iterator<Item = (String, &'static Value)> {
    operations().flat_map(|(path, method, operation)| {
        let answers = operation["responses"].as_object().unwrap().iter();
        let answers = answers.filter(|(status, _)| status.starts_with('2'));
        let request = operation.get("requestBody");
        let all = answers.map(|(_, answer)| answer).chain(request);
        all.flat_map(move |one| {
            let contents = one["content"].as_object().into_iter().flatten();
            contents.map(move |(kind, content)| (format!("{method} {path} {kind}"), content))
        })
    })
}

#[test]
fn every_body_has_a_whole_example_of_its_shape() {
    let mut count = 0;
    for (what, content) in bodies() {
        let example = content
            .get("example")
            .unwrap_or_else(|| panic!("{what} has no example"));
        conforms(&content["schema"], example, "").unwrap_or_else(|why| panic!("{what}: {why}"));
        count += 1;
    }
    assert!(count > 25, "{count}");
}

#[test]
fn every_problem_has_an_example_of_its_own() {
    let mut details = BTreeSet::new();
    for (path, method, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples = &response["content"]["application/problem+json"]["examples"];
            for (name, example) in examples.as_object().into_iter().flatten() {
                let what = format!("{method} {path} {status} {name}");
                let example = &example["value"];
                let detail = text(&example["detail"]);
                assert!(!detail.starts_with(status.as_str()), "{what}: {detail}");
                assert_eq!(example["status"].to_string(), *status, "{what}");
                let wanted = match text(&example["type"]).rsplit('-').next() {
                    Some("taken") => "contact",
                    Some("card") => "errors",
                    Some("failed") => "etag",
                    Some("parameter") => "parameter",
                    _ => "request_id",
                };
                assert!(example.get(wanted).is_some(), "{what}: {wanted}");
                details.insert(detail);
            }
        }
    }
    assert!(details.len() > 35, "{details:?}");
}

/// What an operation's document shows under this name.
fn shown(method: &str, path: &str, status: u16, name: &str) -> Value {
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    let response = &operation["responses"][status.to_string()];
    let example = &response["content"]["application/problem+json"]["examples"][name]["value"];
    assert!(example.is_object(), "{method} {path} {status} {name}");
    example.clone()
}

#[tokio::test]
async fn problems_are_as_the_document_shows_them() {
    let me = somebody().await;
    let reader = me
        .app
        .caller_who("somebody", &[Scope::Read], None)
        .await
        .unwrap();
    let keeper = me
        .app
        .caller_who("somebody", &[Scope::Tokens], None)
        .await
        .unwrap();
    let contact = at(&add(&me, "Ada").await);
    let (tokens, subscriptions) = ("/v1/tokens", "/v1/subscriptions");
    let private = r#"{"book":"default","kinds":["book.renamed"],"channel":"https","endpoint":"https://10.0.0.1/"}"#;
    let batch = format!("{CONTACTS}/batch");
    let (book_at, contact_at) = ("/v1/books/{book}", "/v1/books/{book}/contacts/{contact}");
    let (contacts_at, batch_at) = (
        "/v1/books/{book}/contacts",
        "/v1/books/{book}/contacts/batch",
    );
    let new = |method: &str, path: &str| Request::new(method, path);
    let json = |request: Request, text: &str| request.body("application/json", text);
    let bad = r#"{"@type":"Card","version":"1.0","name":{"full":1},"emails":[]}"#;
    let all = r#"{"name":"x","scopes":["contacts:read"]}"#;
    let many = format!(r#"{{"items":[{}]}}"#, vec![r#"{"op":"x"}"#; 201].join(","));
    let other = new("PATCH", &contact).body("application/merge-patch+json", r#"{"uid":"x"}"#);
    for (caller, request, path, name) in [
        (
            &me,
            new("GET", "/v1/books?limit=0"),
            "/v1/books",
            "invalid-parameter",
        ),
        (
            &me,
            new("GET", "/docs?page=2"),
            "/docs",
            "invalid-parameter",
        ),
        (
            &me,
            json(new("POST", "/v1/books"), "{}"),
            "/v1/books",
            "invalid-json",
        ),
        (&me, json(new("POST", tokens), "{}"), tokens, "invalid-json"),
        (
            &me,
            json(new("POST", &batch), "{}"),
            batch_at,
            "invalid-json",
        ),
        (
            &me,
            json(new("POST", CONTACTS), "{"),
            contacts_at,
            "invalid-json",
        ),
        (
            &me,
            json(new("POST", CONTACTS), bad),
            contacts_at,
            "invalid-card",
        ),
        (&me, json(new("POST", &batch), &many), batch_at, "items"),
        (
            &me,
            new("POST", CONTACTS).body("text/vcard", "BEGIN:VCARD"),
            contacts_at,
            "invalid-vcard",
        ),
        (
            &me,
            new("POST", CONTACTS),
            contacts_at,
            "unsupported-media-type",
        ),
        (
            &me,
            new("PATCH", &contact),
            contact_at,
            "unsupported-media-type",
        ),
        (
            &me,
            new("PATCH", "/v1/books/default"),
            book_at,
            "unsupported-media-type",
        ),
        (
            &me,
            new("POST", "/v1/books").header("content-encoding", "br"),
            "/v1/books",
            "content-coding",
        ),
        (
            &me,
            json(new("POST", CONTACTS), "{}").header("idempotency-key", ""),
            contacts_at,
            "idempotency-key",
        ),
        (
            &me,
            json(new("POST", tokens), all).header("idempotency-key", "k"),
            tokens,
            "idempotency-key",
        ),
        (
            &me,
            new("GET", &contact).header("if-match", "1"),
            contact_at,
            "if-match",
        ),
        (
            &me,
            new("DELETE", &contact).header("if-none-match", "1"),
            contact_at,
            "if-none-match",
        ),
        (
            &me,
            new("GET", CONTACTS).header("accept", "image/png"),
            contacts_at,
            "not-acceptable",
        ),
        (&me, new("GET", "/v1/books/x"), book_at, "book-not-found"),
        (
            &me,
            new("GET", &format!("{CONTACTS}/x")),
            contact_at,
            "contact-not-found",
        ),
        (
            &me,
            new("DELETE", "/v1/tokens/x"),
            "/v1/tokens/{token}",
            "token-not-found",
        ),
        (
            &me,
            new("DELETE", "/v1/books/default"),
            book_at,
            "default-book",
        ),
        (
            &me,
            new("DELETE", "/v1/subscriptions/x"),
            "/v1/subscriptions/{subscription}",
            "subscription-not-found",
        ),
        (
            &me,
            json(new("POST", subscriptions), "{}"),
            subscriptions,
            "invalid-json",
        ),
        (
            &me,
            json(new("POST", subscriptions), private),
            subscriptions,
            "invalid-endpoint",
        ),
        (&me, other, contact_at, "uid-changed"),
        (
            &me,
            new("GET", "/v1/books").bearer(&format!("cm_{}", "x".repeat(43))),
            "/v1/books",
            "unknown-token",
        ),
        (&keeper, new("GET", "/v1/books"), "/v1/books", "forbidden"),
        (&reader, new("DELETE", &contact), contact_at, "forbidden"),
        (&reader, new("GET", tokens), tokens, "forbidden"),
        (
            &keeper,
            json(new("POST", tokens), all),
            tokens,
            "scope-exceeded",
        ),
    ] {
        let method = request.method.clone();
        let has_token = request.first("authorization").is_some();
        let request = if has_token {
            request
        } else {
            request.bearer(&caller.token)
        };
        let response = me.app.send(request).await;
        let wanted = shown(&method, path, response.status, name);
        let mut given = response.json().unwrap();
        given["request_id"] = wanted["request_id"].clone();
        assert_eq!(given, wanted, "{method} {path}");
    }
    let anonymous = me.app.send(new("GET", "/v1/books")).await.json().unwrap();
    let wanted = shown("GET", "/v1/books", 401, "unauthorized");
    assert_eq!(anonymous["detail"], wanted["detail"]);
}

#[tokio::test]
async fn every_example_of_a_request_is_taken() {
    let me = somebody().await;
    let (mut put, mut count) = (card("Ada"), 0);
    put["uid"] = "urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af".into();
    for (template, method, operation) in operations() {
        let contents = operation["requestBody"]["content"].as_object();
        for (kind, content) in contents.into_iter().flatten() {
            let made = me.post(CONTACTS, &put).await.json().unwrap();
            let path = template.replace("{book}", "default");
            let path = path.replace("{contact}", made["id"].as_str().unwrap_or_default());
            let example = match &content["example"] {
                Value::String(text) => text.clone(),
                json => json.to_string(),
            };
            let request = Request::new(&method.to_uppercase(), path).body(kind, example);
            let response = me.send(request).await;
            let what = format!("{method} {template} {kind}");
            assert!(
                [200, 201, 202].contains(&response.status),
                "{what}: {response:?}"
            );
            if let Some(id) = made["id"].as_str() {
                me.delete(&format!("{CONTACTS}/{id}")).await;
            }
            count += 1;
        }
    }
    assert!(count > 12, "{count}");
}
