//! Every operation of the OpenAPI document, with every content type it takes and gives.

use std::collections::BTreeSet;

use contacts_tests::client::Request;
use contacts_tests::contract::DOCUMENT;
use contacts_tests::twins::{Twins, member};
use serde_json::json;

use crate::support::{
    CONTACTS, anonymous, card, contact_of_each, get, has_status, patch, post, simple_vcard, twins,
    vcard,
};

/// Method and path of every operation.
fn documented() -> BTreeSet<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[tokio::test]
async fn every_operation_gives_the_same_bytes() {
    let twins = twins().await;
    service(&twins).await;
    books(&twins).await;
    contacts(&twins).await;
    tokens(&twins).await;
    jobs(&twins).await;
    subscriptions(&twins).await;
    system(&twins).await;
    let done: BTreeSet<_> = twins
        .compared()
        .into_iter()
        .filter(|compared| (200..300).contains(&compared.status))
        .filter_map(|compared| Some((compared.method, compared.path?.to_owned())))
        .collect();
    let missing: Vec<_> = documented().difference(&done).cloned().collect();
    assert!(missing.is_empty(), "add a case here for {missing:?}");
}

async fn service(twins: &Twins) {
    for path in ["/health", "/ready", "/openapi.json", "/docs"] {
        for request in [get(path), anonymous(get(path)), Request::new("HEAD", path)] {
            has_status(&twins.same(request).await, 200);
        }
    }
}

async fn system(twins: &Twins) {
    for path in [
        "/v1/system",
        "/v1/system/history?to=2026-01-02T03:04:05Z",
        "/v1/system/history?from=2026-01-02T00:00:00Z&to=2026-01-02T03:04:05Z&step=1m",
        "/v1/system/history?to=2026-01-02T03:04:05Z&step=1d",
    ] {
        has_status(&twins.same(get(path)).await, 200);
        has_status(&twins.same(anonymous(get(path))).await, 401);
    }
}

async fn books(twins: &Twins) {
    has_status(&twins.same(get("/v1/books")).await, 200);
    let book = json!({"name": "Family – Größe 😀 \" \\"});
    let made = twins.each(|_| post("/v1/books", &book)).await;
    has_status(&made[0], 201);
    let paths = member(&made, "id")
        .unwrap()
        .map(|id| format!("/v1/books/{id}"));
    for path in &paths {
        let read = twins.same(get(path)).await;
        has_status(&read, 200);
        let tag = read.text("etag").unwrap().to_owned();
        let unchanged = twins.same(get(path).header("if-none-match", &tag)).await;
        has_status(&unchanged, 304);
        has_status(&twins.same(Request::new("HEAD", path)).await, 200);
    }
    let name = json!({"name": "Friends"});
    for request in [patch("", &name), Request::new("PATCH", "").json(&name)] {
        let renamed = twins
            .each(|side| Request {
                target: paths[side].clone().into(),
                ..request.clone()
            })
            .await;
        has_status(&renamed[0], 200);
    }
    for path in ["/v1/books", "/v1/books?limit=1", "/v1/books?limit=500"] {
        has_status(&twins.same(get(path)).await, 200);
    }
    let gone = twins
        .each(|side| Request::new("DELETE", &paths[side]))
        .await;
    has_status(&gone[0], 204);
}

async fn contacts(twins: &Twins) {
    let json = card("Ada Lovelace");
    for kind in [
        "application/json",
        "application/jscontact+json",
        "Application/JSON; charset=\"UTF-8\"",
    ] {
        let made = twins
            .each(|_| Request::new("POST", CONTACTS).body(kind, json.to_string()))
            .await;
        has_status(&made[0], 201);
    }
    let four = simple_vcard("Bär Ünal 日本", "Größe\\, \\n 😀");
    let made = twins
        .each(|_| vcard("POST", CONTACTS, four.as_bytes()))
        .await;
    has_status(&made[0], 201);
    let paths = member(&made, "id")
        .unwrap()
        .map(|id| format!("{CONTACTS}/{id}"));
    for path in &paths {
        for accept in [
            "*/*",
            "application/json",
            "text/vcard",
            "text/vcard;q=0.5, application/json;q=0.4",
        ] {
            for method in ["GET", "HEAD"] {
                let read = twins
                    .same(Request::new(method, path).header("accept", accept))
                    .await;
                has_status(&read, 200);
                let tag = read.text("etag").unwrap().to_owned();
                for tags in [
                    tag.clone(),
                    format!("W/{tag}"),
                    format!("\"other\", {tag}"),
                    "*".to_owned(),
                ] {
                    let request = Request::new(method, path).header("accept", accept);
                    let unchanged = twins.same(request.header("if-none-match", tags)).await;
                    has_status(&unchanged, 304);
                }
            }
        }
        let original = twins.same(get(path).header("accept", "text/vcard")).await;
        assert_eq!(original.body, four.as_bytes());
    }
    let link = json!({"links": {"l": {"uri": "https://example.org/é"}}});
    let changed = twins
        .each(|side| patch(&paths[side], &link).header("if-match", "\"1\""))
        .await;
    has_status(&changed[0], 200);
    let five = simple_vcard("Changed", "again");
    let changed = twins
        .each(|side| vcard("PUT", &paths[side], five.as_bytes()))
        .await;
    has_status(&changed[0], 200);
    for path in &paths {
        has_status(
            &twins.same(get(path).header("accept", "text/vcard")).await,
            200,
        );
    }

    let batch = format!("{CONTACTS}/batch");
    let items = |id: &str| {
        json!({"items": [
            {"op": "create", "card": card("Made in a batch")},
            {"op": "create", "card": {"@type": "Card"}},
            {"op": "update", "id": id, "card": card("x"), "if_match": "\"99\""},
            {"op": "delete", "id": "nobody"},
            {"op": "paint"},
        ]})
    };
    let ids = paths
        .each_ref()
        .map(|path| path.rsplit('/').next().unwrap());
    let done = twins.each(|side| post(&batch, &items(ids[side]))).await;
    has_status(&done[0], 200);
    let two = simple_vcard("One", "1") + &simple_vcard("Two", "2");
    has_status(
        &twins.each(|_| vcard("POST", &batch, two.as_bytes())).await[0],
        200,
    );

    for query in [
        "",
        "?limit=2",
        "?q=ada",
        "?q=b%C3%A4r+u",
        "?q=BAR&limit=1",
        "?group=x",
        "?q=&limit=500",
    ] {
        for accept in ["application/json", "text/vcard"] {
            for method in ["GET", "HEAD"] {
                let request = Request::new(method, format!("{CONTACTS}{query}"));
                has_status(&twins.same(request.header("accept", accept)).await, 200);
            }
        }
    }
    let feed = "/v1/books/default/changes";
    let page = twins.same(get(&format!("{feed}?limit=3"))).await;
    has_status(&page, 200);
    let token = page.json().unwrap()["token"].as_str().unwrap().to_owned();
    has_status(
        &twins.same(get(&format!("{feed}?since={token}"))).await,
        200,
    );
    let gone = twins
        .each(|side| Request::new("DELETE", &paths[side]))
        .await;
    has_status(&gone[0], 204);
}

async fn tokens(twins: &Twins) {
    let wanted =
        json!({"name": "ü \"", "scopes": ["contacts:read"], "expires": "2999-01-01T00:00:00Z"});
    let made = twins.each(|_| post("/v1/tokens", &wanted)).await;
    has_status(&made[0], 201);
    let ids = member(&made, "id").unwrap();
    for path in ["/v1/tokens", "/v1/tokens?limit=1"] {
        has_status(&twins.same(get(path)).await, 200);
    }
    let revoked = twins
        .each(|side| Request::new("DELETE", format!("/v1/tokens/{}", ids[side])))
        .await;
    has_status(&revoked[0], 204);
}

async fn jobs(twins: &Twins) {
    let wish = json!({"kind": "verify-book", "book": "default"});
    let made = twins.each(|_| post("/v1/jobs", &wish)).await;
    has_status(&made[0], 202);
    let paths = member(&made, "id")
        .unwrap()
        .map(|id| format!("/v1/jobs/{id}"));
    for path in &paths {
        has_status(&twins.same(get(path)).await, 200);
        for accept in ["*/*", "application/json", "application/x-ndjson"] {
            let report = get(&format!("{path}/report")).header("accept", accept);
            has_status(&twins.same(report).await, 200);
        }
    }
    for path in ["/v1/jobs", "/v1/jobs?limit=1"] {
        has_status(&twins.same(get(path)).await, 200);
    }
    let stopped = twins
        .each(|side| Request::new("DELETE", &paths[side]))
        .await;
    has_status(&stopped[0], 200);
    let made = twins
        .each(|_| post("/v1/books", &json!({"name": "Full"})))
        .await;
    let books = member(&made, "id")
        .unwrap()
        .map(|id| format!("/v1/books/{id}"));
    let filled = twins
        .each(|side| post(&format!("{}/contacts", books[side]), &card("x")))
        .await;
    has_status(&filled[0], 201);
    let gone = twins
        .each(|side| Request::new("DELETE", &books[side]))
        .await;
    has_status(&gone[0], 202);
}

async fn subscriptions(twins: &Twins) {
    let made = twins
        .each(|_| post("/v1/books", &json!({"name": "Watched"})))
        .await;
    let books = member(&made, "id").unwrap();
    let made = twins
        .each(|side| {
            let wish = json!({
                "book": books[side], "kinds": ["contact.created", "book.renamed"], "channel": "https",
                "endpoint": "https://1.1.1.1/hook", "time_zone": "Europe/Berlin",
            });
            post("/v1/subscriptions", &wish)
        })
        .await;
    has_status(&made[0], 201);
    let paths = member(&made, "id")
        .unwrap()
        .map(|id| format!("/v1/subscriptions/{id}"));
    for path in paths
        .iter()
        .map(String::as_str)
        .chain(["/v1/subscriptions", "/v1/subscriptions?limit=1"])
    {
        has_status(&twins.same(get(path)).await, 200);
    }
    let told = twins
        .each(|side| post(&format!("/v1/books/{}/contacts", books[side]), &card("x")))
        .await;
    has_status(&told[0], 201);
    let gone = twins
        .each(|side| Request::new("DELETE", &paths[side]))
        .await;
    has_status(&gone[0], 204);
}

#[tokio::test]
async fn every_path_answers_every_method_alike() {
    let twins = Twins::with(&[("CONTACTS_CORS_ORIGINS", "https://app.example.org")], 1)
        .await
        .unwrap();
    let [contact, _] = contact_of_each(&twins, "Ada").await;
    let contact = contact.rsplit('/').next().unwrap();
    for template in DOCUMENT["paths"].as_object().unwrap().keys() {
        let path = template
            .replace("{book}", "default")
            .replace("{contact}", contact)
            .replace("{token}", "nobody")
            .replace("{job}", "nobody")
            .replace("{subscription}", "nobody");
        let methods = [
            "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "CONNECT", "TRACE", "PROPFIND",
            "REPORT", "get", "M-!#",
        ];
        for method in methods {
            twins.same(anonymous(Request::new(method, &path))).await;
            // With a body that no operation takes, so that nothing is changed.
            twins
                .same(Request::new(method, &path).body("text/plain", "x"))
                .await;
        }
        let asked = twins.same(Request::new("OPTIONS", &path)).await;
        has_status(&asked, 204);
        assert!(asked.text("allow").is_some(), "{path}");
        for origin in ["https://app.example.org", "https://evil.example", "null"] {
            let preflight = Request::new("OPTIONS", &path)
                .header("origin", origin)
                .header("access-control-request-method", "PUT")
                .header("access-control-request-headers", "authorization");
            has_status(&twins.same(anonymous(preflight)).await, 204);
            twins.same(get(&path).header("origin", origin)).await;
        }
    }
}

#[tokio::test]
async fn preconditions_of_writes_are_judged_alike() {
    let twins = twins().await;
    let paths = contact_of_each(&twins, "Ada").await;
    let note = |text: &str| json!({"notes": {"n": {"note": text}}});
    for (header, value, status) in [
        ("if-match", "\"9\"", 412),
        ("if-match", "W/\"1\"", 412),
        ("if-match", "\"\"", 412),
        ("if-match", "nonsense", 400),
        ("if-match", "\"a\" \"b\"", 400),
        ("if-none-match", "*", 412),
        ("if-match", "*", 200),
        ("if-match", "\"5\", \"2\"", 200),
        ("if-match", "\"3-v\"", 200),
    ] {
        let answers = twins
            .each(|side| patch(&paths[side], &note(value)).header(header, value))
            .await;
        has_status(&answers[0], status);
    }
    let repeated = twins
        .each(|side| {
            let request = patch(&paths[side], &note("twice"));
            request
                .header("if-match", "\"7\"")
                .header("if-match", "\"4\"")
        })
        .await;
    has_status(&repeated[0], 200);
}
