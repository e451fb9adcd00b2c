//! What holds for every answer: headers, the shape of problems, the size, and that the OpenAPI
//! document says so.

use std::sync::LazyLock;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::client::{Request, Response};

/// The document that the service describes itself with.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(contacts_http::openapi);

/// What a Lambda function may answer an ALB with, in bytes of JSON.
pub const LAMBDA_ANSWER: usize = 1_000_000;

/// The path template and the operation that a request reaches, if it reaches one.
#[must_use]
pub fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let method = match method {
        "HEAD" => "get".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    let fits = |template: &str| {
        let (mut parts, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let paths = DOCUMENT["paths"].as_object()?;
    // A literal segment beats a parameter.
    let (template, item) = paths
        .get_key_value(path)
        .or_else(|| paths.iter().find(|(template, _)| fits(template)))?;
    Some((template, item.get(&method)?))
}

/// Bytes of the answer as a Lambda function gives it to an ALB.
#[must_use]
pub fn lambda_bytes(response: &Response) -> usize {
    let is_text = response.text("content-type").is_none_or(|kind| {
        kind.starts_with("application/json")
            || kind.contains("+json")
            || kind.starts_with("text/html")
    });
    let body = match std::str::from_utf8(&response.body) {
        Ok(text) if is_text => text.to_owned(),
        _ => BASE64.encode(&response.body),
    };
    let headers: serde_json::Map<String, Value> = response
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!([String::from_utf8_lossy(value)])))
        .collect();
    json!({
        "statusCode": response.status,
        "statusDescription": response.status.to_string(),
        "multiValueHeaders": headers,
        "isBase64Encoded": !is_text,
        "body": body,
    })
    .to_string()
    .len()
}

/// Holds an answer against the contract.
///
/// # Panics
/// If it breaks it, with both.
pub fn check(request: &Request, response: &Response) {
    let target = String::from_utf8_lossy(&request.target).into_owned();
    let what = || {
        let body = String::from_utf8_lossy(&response.body);
        let start: String = body.chars().take(600).collect();
        format!(
            "{} {target} gave {} {start}",
            request.method, response.status
        )
    };
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(response.text(name), Some(value), "{name}: {}", what());
    }
    let policy = response.text("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{}", what());
    let id = response.text("x-request-id").unwrap_or_default();
    assert!((1..=64).contains(&id.len()), "{}", what());
    let bytes = lambda_bytes(response);
    assert!(bytes <= LAMBDA_ANSWER, "{bytes} bytes: {}", what());

    if response.status >= 400 && request.method != "HEAD" {
        problem(response, id, &what());
    }
    let path = target.split('?').next().unwrap_or_default();
    if let Some((_, operation)) = operation(&request.method, path) {
        let said = &operation["responses"][response.status.to_string()];
        assert!(!said.is_null(), "undocumented: {}", what());
        body(request, response, said, &what());
    }
}

fn problem(response: &Response, id: &str, what: &str) {
    assert_eq!(
        response.text("content-type"),
        Some("application/problem+json"),
        "{what}"
    );
    let problem = response
        .json()
        .unwrap_or_else(|error| panic!("{error}: {what}"));
    assert_eq!(problem["status"], response.status, "{what}");
    assert_eq!(problem["request_id"], id, "{what}");
    let kind = problem["type"].as_str().unwrap_or_default();
    assert!(kind.starts_with("/docs#problem-"), "{what}");
    for member in ["title", "detail"] {
        assert!(
            problem[member]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{what}"
        );
    }
    if [401, 403].contains(&response.status) && problem["detail"] != SCOPE_EXCEEDED {
        let challenge = response.text("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer realm="), "{what}");
    }
    if response.status == 405 {
        assert!(response.text("allow").is_some(), "{what}");
    }
    if response.status == 503 {
        assert!(response.text("retry-after").is_some(), "{what}");
    }
}

/// A refusal that another credential of the same maker would not change: it has no challenge.
const SCOPE_EXCEEDED: &str = "A token cannot grant a scope that you do not have yourself.";

/// The body has a documented type and the documented shape.
fn body(request: &Request, response: &Response, said: &Value, what: &str) {
    let kind = response.text("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let content = &said["content"];
    if request.method == "HEAD" || content.is_null() {
        assert!(
            response.body.is_empty(),
            "a body that is not documented: {what}"
        );
        return;
    }
    let said = &content[kind];
    assert!(
        !said.is_null(),
        "the type {kind:?} is not documented: {what}"
    );
    if kind.ends_with("/json") || kind.ends_with("+json") {
        let value = response
            .json()
            .unwrap_or_else(|error| panic!("{error}: {what}"));
        if let Err(why) = conforms(&said["schema"], &value, "") {
            panic!("{why}: {what}");
        }
    }
}

/// Whether a value has the shape of a schema, as far as this service's schemas go (JSON Schema
/// 2020-12: type, required, properties, items, references and alternatives).
///
/// # Errors
/// The JSON pointer of what does not fit, and why.
pub fn conforms(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference
            .strip_prefix('#')
            .and_then(|path| DOCUMENT.pointer(path));
        let target = target.ok_or_else(|| format!("{reference} leads nowhere"))?;
        return conforms(target, value, at);
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            let errors: Vec<String> = choices
                .iter()
                .filter_map(|choice| conforms(choice, value, at).err())
                .collect();
            if errors.len() == choices.len() {
                return Err(errors.join(" and "));
            }
        }
    }
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.as_i64().is_some() || value.as_u64().is_some(),
        Some("number") => value.is_number(),
        _ => false,
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if !fits {
        return Err(format!("{at} is not of the type {}", schema["type"]));
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object())
    {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap_or_default()) {
                return Err(format!("{at} lacks {name}"));
            }
        }
        for (name, value) in object {
            match properties.get(name) {
                Some(schema) => conforms(schema, value, &format!("{at}/{name}"))?,
                // Problems have members that depend on their type.
                None if properties.contains_key("request_id") => {}
                None => return Err(format!("{at}/{name} is not documented")),
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            conforms(&schema["items"], item, &format!("{at}/{index}"))?;
        }
    }
    Ok(())
}
