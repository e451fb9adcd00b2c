//! Replays events: what the router sees of them, and that none of them ends the process.

use api::lambda::answer;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use data_encoding::BASE64;
use serde_json::{Value, json};

const MULTI_VALUE: &str = include_str!("events/alb-multi-value.json");
const SINGLE_VALUE: &str = include_str!("events/alb-single-value.json");
const BINARY_BODY: &str = include_str!("events/alb-binary-body.json");
const TEXT_BODY: &str = include_str!("events/alb-text-body.json");
const API_GATEWAY: &str = include_str!("events/api-gateway-v2.json");

/// Answers what it was asked.
fn echo() -> Router {
    async fn describe(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> String {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        json!({
            "method": method.as_str(),
            "uri": uri.to_string(),
            "headers": headers,
            "body": BASE64.encode(&body),
        })
        .to_string()
    }
    Router::new().fallback(describe)
}

async fn replay(event: &str) -> Value {
    serde_json::to_value(answer(&echo(), event).await).expect("it is JSON")
}

/// What the router saw of `event`.
async fn seen(event: &str) -> Value {
    let answer = replay(event).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().expect("it is text")).expect("it is JSON")
}

/// The multi-value event with one member changed.
fn with(member: &str, value: Value) -> String {
    let mut event: Value = serde_json::from_str(MULTI_VALUE).expect("it is JSON");
    event[member] = value;
    event.to_string()
}

#[tokio::test]
async fn the_router_sees_the_target_as_the_client_sent_it() {
    let seen = seen(MULTI_VALUE).await;
    assert_eq!(seen["method"], "GET");
    assert_eq!(
        seen["uri"],
        "/v1/books/a%2Fb/../%2e%2e//x?q=J%C3%B6rg&q=a+b%20c&cursor=%FF&flag="
    );
}

#[tokio::test]
async fn repeated_and_hostile_headers_arrive_as_they_are() {
    let seen = seen(MULTI_VALUE).await;
    let headers = seen["headers"].as_array().unwrap();
    for header in [
        json!(["accept", "application/json"]),
        json!(["accept", "text/vcard"]),
        json!(["host", "x/items/7?z="]),
        json!(["user-agent", "Jörg"]),
        json!(["x-forwarded-proto", "https, http"]),
    ] {
        assert!(headers.contains(&header), "{header} in {headers:?}");
    }
}

#[tokio::test]
async fn an_event_with_single_values_is_answered_with_single_values() {
    let seen = seen(SINGLE_VALUE).await;
    assert_eq!(seen["uri"], "/v1/books?limit=10");
    let answer = replay(SINGLE_VALUE).await;
    assert!(answer["headers"]["content-type"].is_string(), "{answer}");
    assert_eq!(answer["multiValueHeaders"], json!({}));
}

#[tokio::test]
async fn bodies_arrive_byte_for_byte() {
    assert_eq!(seen(BINARY_BODY).await["body"], "AP8NCu8=");
    let text = seen(TEXT_BODY).await;
    assert_eq!(text["method"], "PROPFIND");
    let body = BASE64.decode(text["body"].as_str().unwrap().as_bytes());
    assert_eq!(
        body.unwrap(),
        "\u{feff}BEGIN:VCARD\r\nFN:Jörg\0\rEND:VCARD\r\n".as_bytes()
    );
}

#[tokio::test]
async fn an_event_of_api_gateway_is_answered_in_its_shape() {
    let seen = seen(API_GATEWAY).await;
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["uri"], "/v1/books/default/contacts?q=a%26b&q=c&flag");
    assert!(
        seen["headers"]
            .as_array()
            .unwrap()
            .contains(&json!(["cookie", "one=1; two=2"]))
    );
    let answer = replay(API_GATEWAY).await;
    assert!(answer["headers"]["content-type"].is_string(), "{answer}");
    assert_eq!(answer["cookies"], json!([]));
}

#[tokio::test]
async fn a_target_that_is_no_uri_is_a_bare_400() {
    for path in [
        ":99999",
        "",
        "/a b",
        "/a<b>",
        "http://[/",
        "/\u{0}",
        "/\u{fffd}",
    ] {
        let answer = replay(&with("path", path.into())).await;
        assert_eq!(answer["statusCode"], 400, "{path}");
        assert_eq!(answer["body"], "");
    }
}

#[tokio::test]
async fn a_target_too_long_for_a_uri_is_cut_and_reaches_the_router() {
    for path in [
        format!("/{}", "a".repeat(70_000)),
        format!("/{}", "ä".repeat(40_000)),
    ] {
        let seen = seen(&with("path", path.into())).await;
        assert!(seen["uri"].as_str().unwrap().len() > 65_000);
    }
    let query = json!({"q": ["%FF".repeat(10_000)]});
    let seen = seen(&with("multiValueQueryStringParameters", query)).await;
    assert!(
        seen["uri"]
            .as_str()
            .unwrap()
            .ends_with(&"%FF".repeat(10_000))
    );
}

#[tokio::test]
async fn what_http_does_not_allow_is_a_bare_400() {
    for event in [
        with("httpMethod", "GET /".into()),
        with("httpMethod", "".into()),
        with("httpMethod", "é".into()),
        with("multiValueHeaders", json!({"a name": ["1"]})),
        with("multiValueHeaders", json!({"": ["1"]})),
        with("multiValueHeaders", json!({"x": ["1\r\ny: 2"]})),
        with("multiValueHeaders", json!({"x": ["\u{0}"]})),
    ] {
        let answer = replay(&event).await;
        assert_eq!(answer["statusCode"], 400, "{event}");
        assert_eq!(answer["body"], "");
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_base64_it_claims_to_be_is_400() {
    for body in ["*", "AP8NCu8", "AP8NCu8==", "AP8N Cu8=", "é", "===="] {
        let mut event: Value = serde_json::from_str(BINARY_BODY).unwrap();
        event["body"] = body.into();
        assert_eq!(
            replay(&event.to_string()).await["statusCode"],
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_event_is_400() {
    for event in [
        "{}",
        "null",
        "[]",
        "1",
        r#"{"Records": []}"#,
        r#"{"path": "\ud800"}"#,
    ] {
        assert_eq!(replay(event).await["statusCode"], 400, "{event}");
    }
}

#[tokio::test]
async fn null_stands_for_nothing() {
    for member in [
        "multiValueQueryStringParameters",
        "body",
        "isBase64Encoded",
        "multiValueHeaders",
    ] {
        assert_eq!(replay(&with(member, Value::Null)).await["statusCode"], 200);
    }
}

mod anything {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gets_an_answer(
            method in ".{0,8}",
            path in "[/:.%a-f\\\\<\u{0}-\u{20}ä]{0,12}",
            name in ".{0,8}",
            value in ".{0,8}",
            key in ".{0,8}",
            body in ".{0,8}",
            encoded: bool,
        ) {
            let event = json!({
                "httpMethod": method,
                "path": path,
                "multiValueHeaders": {name: [value]},
                "multiValueQueryStringParameters": {key: [value]},
                "body": body,
                "isBase64Encoded": encoded,
            });
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(replay(&event.to_string()));
            let status = answer["statusCode"].as_i64().unwrap();
            prop_assert!([200, 400].contains(&status), "{}", answer);
        }
    }
}
