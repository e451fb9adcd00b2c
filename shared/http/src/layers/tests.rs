//! The frame at its boundary, on a small router.

use std::convert::Infallible;

use super::*;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::stream;
use http::Uri;
use serde_json::Value;
use tower::ServiceExt;

use crate::extract::{JsonBody, Query};

fn routes() -> Router {
    Router::new()
        .route("/health", get(|| async { "fine" }))
        .route(
            "/items/{id}",
            get(|| async { "an item" }).delete(|| async { "gone" }),
        )
        .route("/panics", get(panics))
        .route("/waits", get(std::future::pending::<&'static str>))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/numbers",
            post(|JsonBody(_): JsonBody<Vec<u8>>| async { "numbers" }),
        )
        .route(
            "/query",
            get(|query: Query| async move { query.only(&["a"]).map(|_| "ok") }),
        )
        .route(
            "/bare",
            get(|| async { (StatusCode::IM_A_TEAPOT, "a teapot") }),
        )
        .route(
            "/number/{n}",
            get(|_: axum::extract::Path<u8>| async { "a number" }),
        )
}

async fn panics() -> &'static str {
    panic!("personal data")
}

fn app() -> Router {
    finish(routes(), &Options::default())
}

async fn send(
    app: Router,
    request: http::request::Builder,
    body: impl Into<Body>,
) -> (StatusCode, http::HeaderMap, Bytes) {
    let request = request.body(body.into()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, body)
}

async fn problem_of(
    app: Router,
    request: http::request::Builder,
    body: impl Into<Body>,
) -> (http::HeaderMap, Value) {
    let (status, headers, body) = send(app, request, body).await;
    assert_eq!(headers[header::CONTENT_TYPE], PROBLEM_JSON);
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["status"], status.as_u16());
    assert_eq!(
        document["request_id"],
        headers["x-request-id"].to_str().unwrap()
    );
    (headers, document)
}

fn get_of(uri: &str) -> http::request::Builder {
    Request::get(uri)
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_security_headers() {
    for uri in ["/items/1", "/nowhere", "/bare"] {
        let (_, headers, _) = send(app(), get_of(uri), Body::empty()).await;
        assert_eq!(headers["x-request-id"].len(), 32);
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!headers.contains_key("strict-transport-security"));
        assert!(!headers.contains_key("vary"));
    }
}

#[tokio::test]
async fn strict_transport_security_is_sent_when_the_balancer_says_https() {
    for (proto, sent) in [
        ("https", true),
        ("http, https", true),
        ("https, http", false),
    ] {
        let request = get_of("/items/1").header("x-forwarded-proto", proto);
        let (_, headers, _) = send(app(), request, Body::empty()).await;
        assert_eq!(
            headers.contains_key("strict-transport-security"),
            sent,
            "{proto}"
        );
    }
}

#[tokio::test]
async fn a_fitting_request_id_of_the_client_is_kept() {
    let request = get_of("/items/1").header("x-request-id", "Job-7_a.b");
    let (_, headers, _) = send(app(), request, Body::empty()).await;
    assert_eq!(headers["x-request-id"], "Job-7_a.b");
}

#[tokio::test]
async fn an_unfitting_request_id_is_replaced() {
    for id in ["", "a b", "a\"b", "J\u{f6}rg", &"a".repeat(65)] {
        let value = HeaderValue::from_bytes(id.as_bytes()).unwrap();
        let request = get_of("/items/1").header("x-request-id", value);
        let (_, headers, _) = send(app(), request, Body::empty()).await;
        assert_eq!(headers["x-request-id"].len(), 32, "{id}");
    }
}

#[tokio::test]
async fn the_routers_own_404_is_a_problem() {
    let (_, document) = problem_of(app(), get_of("/nowhere"), Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-not-found");
}

#[tokio::test]
async fn a_path_with_two_readings_is_404_although_a_route_matches() {
    for path in [
        "/items/%2e%2e",
        "/items/a%2Fb",
        "/items/a%5Cb",
        "/items/%00",
        "/items/%FF",
    ] {
        let (_, document) = problem_of(app(), get_of(path), Body::empty()).await;
        assert_eq!(document["status"], 404, "{path}");
    }
}

#[tokio::test]
async fn the_raw_path_left_by_the_lambda_door_is_judged_instead() {
    let request = get_of("/items/1").extension(RawPath("/x/../items/1".into()));
    let (_, document) = problem_of(app(), request, Body::empty()).await;
    assert_eq!(document["status"], 404);
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow() {
    let (headers, document) = problem_of(app(), Request::put("/items/1"), Body::empty()).await;
    assert_eq!(document["status"], 405);
    assert_eq!(headers["allow"], "GET,HEAD,DELETE");
}

#[tokio::test]
async fn options_is_204_with_allow_and_needs_a_path_that_exists() {
    let options = |uri| Request::builder().method("OPTIONS").uri(uri);
    let (status, headers, body) = send(app(), options("/items/1"), Body::empty()).await;
    assert_eq!((status, body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(headers["allow"], "GET,HEAD,DELETE");
    assert!(!headers.contains_key("access-control-allow-origin"));
    let (status, _, _) = send(app(), options("/nowhere"), Body::empty()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    for uri in ["/items/1", "/nowhere"] {
        let id = |request: http::request::Builder| request.header("x-request-id", "same");
        let (get_status, mut wanted, bytes) = send(app(), id(get_of(uri)), Body::empty()).await;
        let (status, headers, body) = send(app(), id(Request::head(uri)), Body::empty()).await;
        wanted.insert("content-length", HeaderValue::from(bytes.len()));
        assert_eq!((status, body.len()), (get_status, 0));
        assert_eq!(headers, wanted, "{uri}");
    }
}

#[tokio::test]
async fn a_panic_is_500_and_says_nothing_of_itself() {
    let (_, document) = problem_of(app(), get_of("/panics"), Body::empty()).await;
    assert_eq!(document["status"], 500);
    assert!(!document.to_string().contains("personal"));
}

#[tokio::test]
async fn rejections_of_extractors_are_problems() {
    let (_, document) = problem_of(app(), get_of("/query?b=1"), Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-invalid-parameter");
    let json = || Request::post("/numbers").header("content-type", "application/json");
    let (_, document) = problem_of(app(), json(), "{").await;
    assert_eq!(document["type"], "/docs#problem-invalid-json");
    let (_, document) = problem_of(app(), Request::post("/numbers"), "[1]").await;
    assert_eq!(document["status"], 415);
    let (_, document) = problem_of(app(), get_of("/number/x"), Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-bad-request");
}

#[tokio::test]
async fn a_bare_error_answer_becomes_a_problem() {
    let (_, document) = problem_of(app(), get_of("/bare"), Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-bad-request");
}

#[tokio::test]
async fn a_body_at_the_limit_passes_and_one_above_is_413_with_the_limits_name() {
    let limit = usize::try_from(MAX_BODY).unwrap();
    let (status, _, body) = send(app(), Request::post("/echo"), vec![b'x'; limit]).await;
    assert_eq!((status, body.len()), (StatusCode::OK, limit));
    let (_, document) = problem_of(app(), Request::post("/echo"), vec![b'x'; limit + 1]).await;
    assert_eq!(document["status"], 413);
    assert_eq!(document["limit"], "request body bytes");
    assert_eq!(document["maximum"], MAX_BODY);
}

#[tokio::test]
async fn a_body_without_a_declared_length_is_limited_too() {
    let chunk = || Ok::<_, Infallible>(Bytes::from(vec![b'x'; 65_536]));
    let endless = Body::from_stream(stream::repeat_with(chunk));
    let (_, document) = problem_of(app(), Request::post("/echo"), endless).await;
    assert_eq!(document["status"], 413);
}

#[tokio::test]
async fn a_content_length_other_than_the_bytes_received_is_400() {
    for length in ["2", "4", "0"] {
        let request = Request::post("/echo").header("content-length", length);
        let (_, document) = problem_of(app(), request, "abc").await;
        assert_eq!(
            document["type"], "/docs#problem-unreadable-body",
            "{length}"
        );
    }
    let request = Request::post("/echo").header("content-length", "3");
    let (_, document) = problem_of(app(), request, Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-unreadable-body");
}

#[tokio::test]
async fn text_that_is_not_plain_utf8_is_400_as_lambda_would_have_it() {
    for body in [b"J\xf6rg".to_vec(), b"\xef\xbb\xbfBEGIN:VCARD".to_vec()] {
        let request = Request::post("/echo").header("content-type", "text/vcard");
        let (_, document) = problem_of(app(), request, body).await;
        assert_eq!(document["type"], "/docs#problem-unreadable-body");
    }
}

#[tokio::test]
async fn a_head_above_its_limits_is_431_or_414() {
    let request = get_of("/items/1").header("x-large", "x".repeat(MAX_HEADER_BYTES));
    let (_, document) = problem_of(app(), request, Body::empty()).await;
    assert_eq!(document["status"], 431);
    let request = (0..=MAX_HEADERS).fold(get_of("/items/1"), |request, n| {
        request.header(format!("x-{n}"), "v")
    });
    let (_, document) = problem_of(app(), request, Body::empty()).await;
    assert_eq!(document["status"], 431);
    let uri: Uri = format!("/items/1?a={}", "x".repeat(MAX_TARGET))
        .parse()
        .unwrap();
    let (_, document) = problem_of(app(), Request::get(uri), Body::empty()).await;
    assert_eq!(document["status"], 414);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_504() {
    let (_, document) = problem_of(app(), get_of("/waits"), Body::empty()).await;
    assert_eq!(document["status"], 504);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_408() {
    let body = Body::from_stream(stream::pending::<std::result::Result<Bytes, Infallible>>());
    let (headers, document) = problem_of(app(), Request::post("/echo"), body).await;
    assert_eq!(document["status"], 408);
    assert_eq!(headers["connection"], "close");
}

#[tokio::test]
async fn above_the_concurrency_limit_all_but_probes_are_503_with_retry_after() {
    let app = finish(
        routes(),
        &Options {
            concurrency: 1,
            ..Options::default()
        },
    );
    let mut waiting = Box::pin(
        app.clone()
            .oneshot(get_of("/waits").body(Body::empty()).unwrap()),
    );
    assert!(futures::poll!(&mut waiting).is_pending());
    let (headers, document) = problem_of(app.clone(), get_of("/items/1"), Body::empty()).await;
    assert_eq!(document["type"], "/docs#problem-overloaded");
    assert_eq!(headers["retry-after"], "1");
    let (status, _, _) = send(app.clone(), get_of("/health"), Body::empty()).await;
    assert_eq!(status, StatusCode::OK);
    drop(waiting);
    let (status, _, _) = send(app, get_of("/items/1"), Body::empty()).await;
    assert_eq!(status, StatusCode::OK);
}

fn with_cors() -> Router {
    let cors_origins = vec!["https://app.example".to_owned()];
    finish(
        routes(),
        &Options {
            cors_origins,
            ..Options::default()
        },
    )
}

#[tokio::test]
async fn a_listed_origin_may_read_answers_and_errors() {
    for uri in ["/items/1", "/nowhere"] {
        let request = get_of(uri).header("origin", "https://app.example");
        let (_, headers, _) = send(with_cors(), request, Body::empty()).await;
        assert_eq!(
            headers["access-control-allow-origin"],
            "https://app.example"
        );
        assert_eq!(headers["vary"], "Origin");
        assert!(
            headers["access-control-expose-headers"]
                .to_str()
                .unwrap()
                .contains("ETag")
        );
    }
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_allowed() {
    let request = Request::builder()
        .method("OPTIONS")
        .uri("/items/1")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "DELETE");
    let (status, headers, _) = send(with_cors(), request, Body::empty()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(
        headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("DELETE")
    );
    assert!(
        headers["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("If-Match")
    );
}

#[tokio::test]
async fn another_origin_gets_no_cors_headers_but_vary() {
    for origin in ["https://evil.example", "https://app.example.evil", "null"] {
        let request = get_of("/items/1").header("origin", origin);
        let (_, headers, _) = send(with_cors(), request, Body::empty()).await;
        assert!(
            !headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
        assert_eq!(headers["vary"], "Origin");
    }
}

/// The log lines of one request, at `level` and above, as JSON.
fn logged(level: tracing::Level, request: http::request::Builder) -> Vec<Value> {
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = Arc::clone(&lines);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(level)
        .with_writer(move || Lines(Arc::clone(&writer)))
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(send(app(), request, Body::empty()))
    });
    let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_request_is_one_log_line_without_ids_query_or_headers() {
    let request = get_of("/items/secret-id?q=secret-query")
        .header("x-request-id", "r-1")
        .header(
            "x-amzn-trace-id",
            "Self=1-2;Root=1-67891233-abcdef012345678912345678",
        )
        .header("authorization", "Bearer secret-token");
    let lines = logged(tracing::Level::INFO, request);
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(line["span"]["request_id"], "r-1");
    assert_eq!(
        line["span"]["trace_id"],
        "1-67891233-abcdef012345678912345678"
    );
    assert_eq!(line["span"]["route"], "/items/{id}");
    assert_eq!(line["fields"]["method"], "GET");
    assert_eq!(line["fields"]["status"], 200);
    assert!(line["fields"]["duration_ms"].is_number());
    assert!(!line.to_string().contains("secret"), "{line}");
}

#[test]
fn health_checks_are_logged_at_debug() {
    assert_eq!(
        logged(tracing::Level::INFO, get_of("/health")),
        Vec::<Value>::new()
    );
    assert_eq!(logged(tracing::Level::DEBUG, get_of("/health")).len(), 1);
}

#[test]
fn an_invented_method_or_path_is_not_logged() {
    let request = Request::builder().method("SECRET").uri("/secret");
    let lines = logged(tracing::Level::INFO, request);
    assert_eq!(lines[0]["span"]["route"], "unmatched");
    assert_eq!(lines[0]["fields"]["method"], "other");
    assert!(!format!("{lines:?}").to_lowercase().contains("secret"));
}
