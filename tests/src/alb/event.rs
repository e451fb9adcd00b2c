//! Events, built as AWS documents them.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::client::Request;

const TARGET_GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/contacts-test/6d0ecf831eec9f09";

/// The event a Lambda target with multi-value headers gets for this request, which already has the
/// load balancer's own headers ("Receive events from the load balancer", "Multi-value headers").
///
/// Names of headers are in lower case. Keys and values of the query are not decoded; a key without
/// `=` has an empty value. Assumed: bytes that are not UTF-8 become U+FFFD, since JSON has no other
/// way, and the path is as it came.
#[must_use]
pub fn alb_event(request: &Request) -> Value {
    let mut headers = Map::new();
    for (name, value) in &request.headers {
        // By now the body is whole, so how it was cut up no longer holds.
        if !name.eq_ignore_ascii_case("transfer-encoding") {
            append(&mut headers, name.to_ascii_lowercase(), lossy(value));
        }
    }
    let (path, query) = request.path_and_query();
    let mut parameters = Map::new();
    for pair in query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = lossy(halves.next().unwrap_or_default());
        append(
            &mut parameters,
            key,
            lossy(halves.next().unwrap_or_default()),
        );
    }
    let (body, is_base64) = body(request);
    json!({
        "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
        "httpMethod": request.method,
        "path": lossy(path),
        "multiValueQueryStringParameters": parameters,
        "multiValueHeaders": headers,
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

/// The event of a health check, which has no header but its user agent ("Enable health checks").
#[must_use]
pub fn alb_health_check_event(path: &str) -> Value {
    let check = Request::new("GET", path).header("user-agent", "ELB-HealthChecker/2.0");
    alb_event(&check)
}

/// An event of an API Gateway HTTP API, payload format 2.0, as `cargo lambda watch` makes it:
/// repeated headers joined by commas, cookies apart, the query also as one string.
///
/// Source: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".
#[must_use]
pub fn api_gateway_v2_event(request: &Request) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in &request.headers {
        let (name, value) = (name.to_ascii_lowercase(), lossy(value));
        if name == "cookie" {
            cookies.extend(value.split("; ").map(str::to_owned));
        } else {
            let joined = headers.get(&name).and_then(Value::as_str);
            let joined = joined.map_or(value.clone(), |before| format!("{before},{value}"));
            headers.insert(name, Value::String(joined));
        }
    }
    let (path, query) = request.path_and_query();
    let (path, query) = (lossy(path), lossy(query));
    let (body, is_base64) = body(request);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": request.first("user-agent").map(lossy).unwrap_or_default(),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": u64::try_from(now.as_millis()).unwrap_or_default(),
        },
        "isBase64Encoded": is_base64,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !request.body.is_empty() {
        event["body"] = Value::String(body);
    }
    event
}

/// The body, and whether it is base64: "If the content encoding header is present, the load
/// balancer Base64 encodes the body"; if not, `text/*`, `application/json`,
/// `application/javascript` and `application/xml` are sent as they are, all else encoded. An empty
/// body is an empty string that is not encoded, as in AWS's samples.
fn body(request: &Request) -> (String, bool) {
    let content_type = request.first("content-type").map(lossy).unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_text = essence.starts_with("text/")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
        ]
        .contains(&essence.as_str());
    if request.body.is_empty() || (is_text && request.first("content-encoding").is_none()) {
        (lossy(&request.body), false)
    } else {
        (BASE64.encode(&request.body), true)
    }
}

fn append(lists: &mut Map<String, Value>, key: String, value: String) {
    if let Value::Array(list) = lists.entry(key).or_insert_with(|| json!([])) {
        list.push(Value::String(value));
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
