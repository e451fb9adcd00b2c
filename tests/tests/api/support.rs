//! What the tests of this binary share.

use contacts_tests::app::{Caller, TestApp};
use contacts_tests::client::Response;
use serde_json::{Value, json};

/// Where the default book's contacts are.
pub(crate) const CONTACTS: &str = "/v1/books/default/contacts";

/// A service and somebody who uses it.
pub(crate) async fn somebody() -> Caller {
    let app = TestApp::new().await.unwrap();
    app.caller("somebody").await.unwrap()
}

/// A card with this name and nothing else.
pub(crate) fn card(name: &str) -> Value {
    json!({"@type": "Card", "version": "1.0", "name": {"full": name}})
}

/// A contact with this name in the default book, as it was answered.
pub(crate) async fn add(me: &Caller, name: &str) -> Value {
    created(&me.post(CONTACTS, &card(name)).await)
}

/// The body of a 201.
pub(crate) fn created(response: &Response) -> Value {
    assert_eq!(response.status, 201, "{}", body(response));
    response.json().unwrap()
}

/// The body of a 200.
pub(crate) fn ok(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", body(response));
    response.json().unwrap()
}

/// The body of a problem of this status and kind.
pub(crate) fn problem(response: &Response, status: u16, kind: &str) -> Value {
    assert_eq!(response.status, status, "{}", body(response));
    let problem = response.json().unwrap();
    assert_eq!(
        problem["type"],
        format!("/docs#problem-{kind}"),
        "{problem}"
    );
    problem
}

pub(crate) fn body(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// The path of a contact in the default book.
pub(crate) fn at(contact: &Value) -> String {
    format!("{CONTACTS}/{}", text(&contact["id"]))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The names of an object's members, in their order.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Asserts the shape of an identifier: 26 characters of the base32 alphabet with hex order.
pub(crate) fn is_id(value: &Value) {
    let id = text(value);
    let fits = id
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    assert!(fits && id.len() == 26, "{id}");
}

/// Asserts RFC 3339 in UTC, to the millisecond.
pub(crate) fn is_time(value: &Value) {
    let time = text(value);
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
    time.parse::<jiff::Timestamp>().unwrap();
}

/// Percent-encodes everything that is no letter or digit.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
