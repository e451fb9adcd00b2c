//! Requests that fit no route or not well: each has its problem.

use contacts_tests::app::TestApp;
use contacts_tests::client::Request;
use contacts_tests::contract::DOCUMENT;

use crate::support::{CONTACTS, add, at, ok, problem, somebody};

#[tokio::test]
async fn odd_paths_are_404() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let good = at(&contact);
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/books",
        "/v1/books/",
        "/v1//books",
        "//v1/books",
        "/v1/books/default/",
        "/v1/books/default/contacts/",
        "/v1/./books",
        "/v1/x/../books",
        "/v1/%2e%2e/books",
        "/v1/books/..%2Fdefault",
        "/v1/books/default%2Fcontacts",
        "/v1/books/default%5ccontacts",
        "/v1/books\\default",
        "/v1/books/%FF",
        "/v1/books/%",
        "/v1/books/%zz",
        "/v1/books/a%00",
        "/V1/books",
        "/v1/Books",
        "/metrics",
        "/health/",
        "/docs/index.html",
        "/favicon.ico",
        &format!("{good}/"),
        &format!("{good}/card"),
    ] {
        let response = me.get(path).await;
        problem(&response, 404, "not-found");
    }
    for path in ["/v1/books/d%65fault", "/v1/book%73/default"] {
        let status = me.get(path).await.status;
        assert!([200, 404].contains(&status), "{path}: {status}");
    }
    for path in [
        "/v1/books/J%C3%B6rg",
        "/v1/books/%F0%9F%91%AA",
        "/v1/books/...",
    ] {
        problem(&me.get(path).await, 404, "book-not-found");
    }
    let absolute = Request::new("GET", "http://evil.example/v1/books/nonsense");
    problem(&me.send(absolute).await, 404, "book-not-found");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_with_allow() {
    let me = somebody().await;
    for (template, item) in DOCUMENT["paths"].as_object().unwrap() {
        let path = template
            .replace("{book}", "default")
            .replace("{contact}", "00000000000000000000000000")
            .replace("{token}", "00000000000000000000000000");
        let mut allowed: Vec<String> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        if allowed.contains(&"GET".to_owned()) {
            allowed.push("HEAD".to_owned());
        }
        allowed.sort();
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW",
        ] {
            if allowed.iter().any(|one| one == method) {
                continue;
            }
            // Without a token as well: there is nothing to guard.
            for request in [
                Request::new(method, &path),
                Request::new(method, &path).bearer(&me.token),
            ] {
                let response = me.app.send(request).await;
                assert_eq!(response.status, 405, "{method} {path}");
                let mut allow: Vec<_> = response
                    .text("allow")
                    .unwrap()
                    .split(',')
                    .map(str::trim)
                    .map(str::to_owned)
                    .collect();
                allow.sort();
                assert_eq!(allow, allowed, "{method} {path}");
            }
        }
        let options = me.app.send(Request::new("OPTIONS", &path)).await;
        assert_eq!(options.status, 204, "{path}");
        assert!(options.body.is_empty());
        assert!(options.text("allow").is_some());
        assert_eq!(
            options.text("access-control-allow-origin"),
            None,
            "CORS is off"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let me = somebody().await;
    let contact = at(&add(&me, "Ada").await);
    for path in [
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/v1/books",
        "/v1/books/default",
        CONTACTS,
        &contact,
        "/v1/books/default/changes",
        "/v1/tokens",
    ] {
        let get = me.get(path).await;
        let head = me.send(Request::new("HEAD", path)).await;
        assert_eq!((head.status, get.status), (200, 200), "{path}");
        for name in ["content-type", "etag", "vary", "cache-control"] {
            assert_eq!(head.text(name), get.text(name), "{name} of {path}");
        }
    }
    let head = Request::new("HEAD", &contact).header("if-none-match", "*");
    assert_eq!(me.send(head).await.status, 304);
}

#[tokio::test]
async fn an_empty_pair_in_a_query_is_ignored() {
    let me = somebody().await;
    add(&me, "Ada").await;
    let plain = ok(&me.get(&format!("{CONTACTS}?q=ada")).await);
    assert_eq!(plain["items"].as_array().unwrap().len(), 1);
    // The last is what a load balancer may make of the first for a function: `{"": [""]}`.
    for query in ["q=ada&", "&q=ada", "q=ada&&", "=&q=ada", "q=ada&="] {
        assert_eq!(
            ok(&me.get(&format!("{CONTACTS}?{query}")).await),
            plain,
            "{query}"
        );
    }
    for query in ["", "&", "="] {
        assert_eq!(
            me.get(&format!("/v1/books?{query}")).await.status,
            200,
            "{query}"
        );
    }
    let named = problem(&me.get("/v1/books?=x").await, 400, "invalid-parameter");
    assert_eq!(named["parameter"], "");
}

#[tokio::test]
async fn heads_have_limits() {
    let me = somebody().await;
    let long = |bytes: usize| {
        let path = "/v1/books?";
        let target = format!("{path}{}", "x".repeat(bytes - path.len()));
        me.send(Request::new("GET", target))
    };
    problem(&long(8_193).await, 414, "uri-too-long");
    problem(&long(8_192).await, 400, "invalid-parameter");
    let wide = |bytes: usize| {
        let own = "authorization: Bearer ".len() + me.token.len() + 2;
        let value = "x".repeat(bytes - own - "x-wide: ".len() - 2);
        me.send(Request::new("GET", "/v1/books").header("x-wide", value))
    };
    assert_eq!(wide(16_384).await.status, 200);
    problem(&wide(16_385).await, 431, "header-too-large");
    let many = |count: usize| {
        let mut request = Request::new("GET", "/v1/books");
        for number in 1..count {
            request = request.header(&format!("x-{number}"), "x");
        }
        me.send(request)
    };
    assert_eq!(many(90).await.status, 200);
    problem(&many(91).await, 431, "header-too-large");
}

#[tokio::test]
async fn a_request_id_is_taken_over_if_it_is_one() {
    let me = somebody().await;
    let with = |id: &str| {
        me.app
            .send(Request::new("GET", "/v1/books").header("x-request-id", id))
    };
    for good in ["a", "0-9.A_z", &"x".repeat(64)] {
        let response = with(good).await;
        assert_eq!(response.text("x-request-id"), Some(good));
        assert_eq!(response.json().unwrap()["request_id"], good);
    }
    for bad in ["", "a b", "a;b", &"x".repeat(65), "ü"] {
        let response = with(bad).await;
        let id = response.text("x-request-id").unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn other_origins_are_let_in_only_where_they_are_listed() {
    let listed = "https://app.example";
    let app = TestApp::with(&[("CONTACTS_CORS_ORIGINS", listed)])
        .await
        .unwrap();
    let me = app.caller("me").await.unwrap();
    let get = |origin: &str| me.send(Request::new("GET", "/v1/books").header("origin", origin));
    let allowed = get(listed).await;
    assert_eq!(allowed.text("access-control-allow-origin"), Some(listed));
    let exposed = allowed.text("access-control-expose-headers").unwrap();
    for name in ["ETag", "Location", "Link", "X-Request-Id", "Retry-After"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert!(
        allowed
            .all("vary")
            .any(|value| value.eq_ignore_ascii_case(b"origin"))
    );
    for other in [
        "https://evil.example",
        "null",
        "https://app.example.evil",
        "http://app.example",
    ] {
        let answer = get(other).await;
        assert_eq!(answer.text("access-control-allow-origin"), None, "{other}");
        assert!(
            answer
                .all("vary")
                .any(|value| value.eq_ignore_ascii_case(b"origin"))
        );
    }
    // Errors are readable too, and a preflight needs no token.
    let error = app
        .send(Request::new("GET", "/v1/books").header("origin", listed))
        .await;
    assert_eq!(error.status, 401);
    assert_eq!(error.text("access-control-allow-origin"), Some(listed));
    let preflight = Request::new("OPTIONS", CONTACTS)
        .header("origin", listed)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,idempotency-key",
        );
    let preflight = app.send(preflight).await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .text("access-control-allow-methods")
            .unwrap()
            .contains("PATCH")
    );
    assert!(
        preflight
            .text("access-control-allow-headers")
            .unwrap()
            .contains("Idempotency-Key")
    );
    assert_eq!(preflight.text("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let me = somebody().await;
    let get =
        |proto: &str| me.send(Request::new("GET", "/health").header("x-forwarded-proto", proto));
    assert!(
        get("https")
            .await
            .text("strict-transport-security")
            .is_some()
    );
    assert!(
        get("http, https")
            .await
            .text("strict-transport-security")
            .is_some()
    );
    assert_eq!(
        get("https, http").await.text("strict-transport-security"),
        None
    );
    assert_eq!(
        me.get("/health").await.text("strict-transport-security"),
        None
    );
}
