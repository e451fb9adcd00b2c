//! How much a token, or an address without one, may ask for: by one process, without a cache.

use contacts_tests::app::{Caller, TestApp};
use contacts_tests::client::{Request, Response};
use contacts_tests::contract::DOCUMENT;
use serde_json::json;

use crate::support::{CONTACTS, body, card, ok, problem, text};

const BOOKS: &str = "/v1/books";

async fn app(rate: &str) -> TestApp {
    TestApp::with(&[("CONTACTS_RATE_LIMIT", rate)])
        .await
        .unwrap()
}

async fn somebody(rate: &str) -> Caller {
    app(rate).await.caller("somebody").await.unwrap()
}

async fn anonymous(app: &TestApp, path: &str) -> Response {
    app.send(Request::new("GET", path)).await
}

/// Asks until it is refused: the refusal.
async fn exhausted(me: &Caller) -> Response {
    loop {
        let answer = me.get(BOOKS).await;
        if answer.status == 429 {
            return answer;
        }
        assert_eq!(answer.status, 200, "{}", body(&answer));
    }
}

/// The parameters of `RateLimit`: what is left, and for how many seconds that counts.
fn left(answer: &Response, limit: &str) -> (u64, u64) {
    let value = answer.text("ratelimit").unwrap();
    let (r, t) = value
        .strip_prefix(&format!("\"{limit}\";r="))
        .and_then(|rest| rest.split_once(";t="))
        .unwrap_or_else(|| panic!("{value}"));
    (r.parse().unwrap(), t.parse().unwrap())
}

#[tokio::test]
async fn an_answer_says_what_is_left_and_the_last_when_to_come_again() {
    let me = somebody("2").await;
    let answer = me.get(BOOKS).await;
    assert_eq!(answer.text("ratelimit-policy"), Some("\"token\";q=8;w=4"));
    let (remaining, seconds) = left(&answer, "token");
    assert!(remaining <= 7 && (1..=4).contains(&seconds));
    let refused = exhausted(&me).await;
    let told = problem(&refused, 429, "rate-limited");
    assert!(text(&told["detail"]).contains("This token"), "{told}");
    assert_eq!(refused.text("retry-after"), Some("1"));
    assert_eq!(left(&refused, "token"), (0, 1));
    assert_eq!(refused.text("ratelimit-policy"), Some("\"token\";q=8;w=4"));
}

#[tokio::test]
async fn tokens_do_not_share_a_limit() {
    let me = somebody("1").await;
    let other = me.app.caller("somebody").await.unwrap();
    exhausted(&me).await;
    ok(&other.get(BOOKS).await);
    // Neither do the methods of one have limits of their own, nor the paths.
    let refused = me.post(CONTACTS, &card("Ada")).await;
    problem(&refused, 429, "rate-limited");
    problem(&me.get("/v1/books/nobody").await, 429, "rate-limited");
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_or_refused() {
    let me = somebody("0").await;
    for _ in 0..300 {
        let answer = me.get("/docs").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text("ratelimit"), None);
        assert_eq!(answer.text("ratelimit-policy"), None);
    }
}

#[tokio::test]
async fn who_presents_no_valid_token_is_counted_by_address() {
    let app = app("1").await;
    let stranger = format!("Bearer cm_{}", "x".repeat(43));
    let mut refused = 0;
    for round in 0..30 {
        let request = Request::new("GET", BOOKS);
        let request = match round % 4 {
            0 => request,
            1 => request.header("authorization", "nonsense"),
            2 => request.header("authorization", "Bearer a.b.c"),
            _ => request.header("authorization", &stranger),
        };
        let answer = app.send(request).await;
        assert!(answer.text("ratelimit").is_some());
        match answer.status {
            401 => assert_eq!(answer.text("ratelimit-policy"), Some("\"address\";q=4;w=4")),
            _ => {
                let told = problem(&answer, 429, "rate-limited");
                assert!(text(&told["detail"]).contains("your address"), "{told}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 20, "{refused}");
    // What is open to everybody is counted as well, and so is what there is not.
    for path in ["/docs", "/openapi.json", "/nowhere"] {
        problem(&anonymous(&app, path).await, 429, "rate-limited");
    }
}

#[tokio::test]
async fn who_is_known_does_not_suffer_from_others_at_the_same_address() {
    let me = somebody("1").await;
    ok(&me.get(BOOKS).await);
    while anonymous(&me.app, BOOKS).await.status != 429 {}
    ok(&me.get(BOOKS).await);
    // Whoever was not heard of in the last seconds is not looked up for such an address.
    let new = me.app.caller("somebody").await.unwrap();
    problem(&new.get(BOOKS).await, 429, "rate-limited");
}

#[tokio::test]
async fn probes_and_preflights_are_never_refused() {
    let app = app("1").await;
    while anonymous(&app, BOOKS).await.status != 429 {}
    for _ in 0..20 {
        for path in ["/health", "/ready"] {
            let answer = anonymous(&app, path).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.text("ratelimit"), None);
        }
        let preflight = Request::new("OPTIONS", BOOKS)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET");
        assert_eq!(app.send(preflight).await.status, 204);
    }
}

#[tokio::test]
async fn a_batch_counts_as_its_items_and_is_possible_at_any_limit() {
    let me = somebody("1").await;
    let items =
        |count: usize| json!({"items": vec![json!({"op": "create", "card": card("Ada")}); count]});
    let path = format!("{CONTACTS}/batch");
    let answer = me.post(&path, &items(200)).await;
    assert_eq!(ok(&answer)["items"].as_array().unwrap().len(), 200);
    let (remaining, seconds) = left(&answer, "token");
    assert_eq!(remaining, 0);
    assert!((150..=200).contains(&seconds), "{seconds}");
    let refused = me.get(BOOKS).await;
    problem(&refused, 429, "rate-limited");
    let wait: u64 = refused.text("retry-after").unwrap().parse().unwrap();
    assert!((150..=197).contains(&wait), "{wait}");
    assert_eq!(left(&refused, "token"), (0, wait));
    problem(&me.post(&path, &items(1)).await, 429, "rate-limited");
}

#[tokio::test]
async fn a_small_batch_takes_what_it_costs_and_a_refused_one_writes_nothing() {
    let me = somebody("5").await;
    let vcards = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nEND:VCARD\r\n".repeat(30);
    let path = format!("{CONTACTS}/batch");
    let before = left(&me.get(BOOKS).await, "token").0;
    assert!((15..20).contains(&before), "{before}");
    ok(&me.post_vcard(&path, vcards.as_bytes()).await);
    problem(
        &me.post_vcard(&path, vcards.as_bytes()).await,
        429,
        "rate-limited",
    );
    let store = me.app.store().clone();
    drop(me);
    let report = store.check().await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn every_operation_but_the_probes_says_that_it_may_refuse() {
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let said = &operation["responses"]["429"];
            let is_probe = ["/health", "/ready"].contains(&path.as_str());
            assert_eq!(said.is_null(), is_probe, "{path}");
            if !is_probe {
                for header in ["Retry-After", "RateLimit", "RateLimit-Policy"] {
                    assert!(!said["headers"][header].is_null(), "{path}: {header}");
                }
            }
        }
    }
}
