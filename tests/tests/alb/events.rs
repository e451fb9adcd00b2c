//! Events against AWS's documented samples.

use contacts_tests::{
    alb::{alb_event, alb_health_check_event, api_gateway_v2_event},
    client::Request,
};
use serde_json::json;

#[test]
fn a_request_becomes_the_documented_event_with_multi_value_headers() {
    // The request behind the sample in "Use Lambda functions as targets", its headers as the load
    // balancer passes them on.
    let request = Request::new("GET", "/?&myKey=val1&myKey=val2")
        .header("Accept", "text/html,application/xhtml+xml")
        .header("Cookie", "name1=value1")
        .header("cookie", "name2=value2")
        .header("Host", "lambda-846800462-us-east-2.elb.amazonaws.com")
        .header(
            "X-Amzn-Trace-Id",
            "Root=1-5bdb40ca-556d8b0c50dc66f0511bf520",
        )
        .header("X-Forwarded-For", "72.21.198.66")
        .header("X-Forwarded-Port", "443")
        .header("X-Forwarded-Proto", "https")
        .body("text/plain", "request_body");
    let mut event = alb_event(&request);
    let target_group = event["requestContext"]["elb"]["targetGroupArn"].take();
    assert!(target_group.as_str().is_some_and(
        |arn| arn.starts_with("arn:aws:elasticloadbalancing:") && arn.contains(":targetgroup/")
    ));
    assert_eq!(
        event,
        json!({
            "requestContext": {"elb": {"targetGroupArn": null}},
            "httpMethod": "GET",
            "path": "/",
            "multiValueQueryStringParameters": {"myKey": ["val1", "val2"]},
            "multiValueHeaders": {
                "accept": ["text/html,application/xhtml+xml"],
                "cookie": ["name1=value1", "name2=value2"],
                "host": ["lambda-846800462-us-east-2.elb.amazonaws.com"],
                "x-amzn-trace-id": ["Root=1-5bdb40ca-556d8b0c50dc66f0511bf520"],
                "x-forwarded-for": ["72.21.198.66"],
                "x-forwarded-port": ["443"],
                "x-forwarded-proto": ["https"],
                "content-type": ["text/plain"],
            },
            "body": "request_body",
            "isBase64Encoded": false,
        })
    );
}

#[test]
fn a_health_check_has_nothing_but_its_user_agent() {
    let event = alb_health_check_event("/health");
    assert_eq!(event["path"], "/health");
    assert_eq!(event["multiValueQueryStringParameters"], json!({}));
    assert_eq!(
        event["multiValueHeaders"],
        json!({"user-agent": ["ELB-HealthChecker/2.0"]})
    );
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!(""), &json!(false))
    );
}

#[test]
fn the_documented_content_types_stay_text_and_all_others_become_base64() {
    let is_base64 = |request: Request| alb_event(&request)["isBase64Encoded"] == true;
    let post = |content_type: &str| Request::new("POST", "/").body(content_type, "x");
    for content_type in [
        "text/vcard",
        "Text/CSV; charset=utf-8",
        "application/json",
        "application/json; charset=utf-8",
        "application/javascript",
        "application/xml",
    ] {
        assert!(!is_base64(post(content_type)), "{content_type}");
        assert!(
            is_base64(post(content_type).header("content-encoding", "gzip")),
            "{content_type}"
        );
    }
    for content_type in [
        "application/merge-patch+json",
        "image/png",
        "application/problem+json",
        "",
    ] {
        assert!(is_base64(post(content_type)), "{content_type}");
    }
    let mut untyped = Request::new("POST", "/");
    untyped.body = b"x".to_vec();
    assert!(is_base64(untyped));
    assert!(!is_base64(Request::new("POST", "/").body("image/png", "")));
}

#[test]
fn binary_bodies_keep_every_byte_and_text_that_is_not_utf_8_does_not() {
    let binary = Request::new("POST", "/").body("image/png", [0, 255, 10, 13]);
    assert_eq!(alb_event(&binary)["body"], "AP8KDQ==");
    let latin_1 = Request::new("POST", "/").body("text/vcard", *b"J\xF6rg");
    assert_eq!(alb_event(&latin_1)["body"], "J\u{FFFD}rg");
}

#[test]
fn queries_are_split_and_not_decoded() {
    let event = alb_event(&Request::new("GET", "/p?b=%3F&a=1&&b=x=y&flag&%FF=%2B+&=v"));
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({"b": ["%3F", "x=y"], "a": ["1"], "flag": [""], "%FF": ["%2B+"], "": ["v"]})
    );
}

#[test]
fn odd_paths_are_not_touched() {
    for path in ODD_PATHS {
        assert_eq!(alb_event(&Request::new("GET", path))["path"], *path);
    }
}

#[test]
fn api_gateway_events_join_headers_and_part_the_cookies() {
    let request = Request::new("POST", "/my/path?parameter1=value1&parameter1=value2")
        .header("Header1", "a")
        .header("header1", "b")
        .header("Cookie", "cookie1=value1; cookie2=value2")
        .json(&json!({"a": 1}));
    let event = api_gateway_v2_event(&request);
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["rawPath"], "/my/path");
    assert_eq!(
        event["rawQueryString"],
        "parameter1=value1&parameter1=value2"
    );
    assert_eq!(
        event["cookies"],
        json!(["cookie1=value1", "cookie2=value2"])
    );
    assert_eq!(
        event["headers"],
        json!({"header1": "a,b", "content-type": "application/json"})
    );
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["body"], "{\"a\":1}");
    assert_eq!(event["isBase64Encoded"], false);
}

/// Paths that servers like to tidy.
pub(crate) const ODD_PATHS: &[&str] = &[
    "//echo",
    "/a//b",
    "/items/../echo",
    "/items/%2e%2e/echo",
    "/a%2Fb",
    "/%FF",
    "/%C3%BC",
    "/a\\b",
    "/a;b=c",
    "/a%",
];
