//! What the tests of this binary share.

use contacts_tests::client::{Request, Response};
use contacts_tests::twins::{Both, Twins, member};
use serde_json::{Value, json};

/// Where the default book's contacts are.
pub(crate) const CONTACTS: &str = "/v1/books/default/contacts";

pub(crate) async fn twins() -> Twins {
    Twins::start().await.unwrap()
}

pub(crate) fn get(path: &str) -> Request {
    Request::new("GET", path)
}

pub(crate) fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

pub(crate) fn vcard(method: &str, path: &str, vcard: &[u8]) -> Request {
    Request::new(method, path).body("text/vcard", vcard)
}

pub(crate) fn patch(path: &str, body: &Value) -> Request {
    Request::new("PATCH", path).body("application/merge-patch+json", body.to_string())
}

/// Takes the token off.
pub(crate) fn anonymous(request: Request) -> Request {
    request.header("authorization", "")
}

/// A card with this name and nothing else.
pub(crate) fn card(name: &str) -> Value {
    json!({"@type": "Card", "version": "1.0", "name": {"full": name}})
}

/// A vCard with this name and a note.
pub(crate) fn simple_vcard(name: &str, note: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nNOTE:{note}\r\nEND:VCARD\r\n")
}

/// One contact made by each, and their paths.
pub(crate) async fn contact_of_each(twins: &Twins, name: &str) -> Both<String> {
    let made = twins.each(|_| post(CONTACTS, &card(name))).await;
    assert_eq!(made[0].status, 201, "{}", body(&made[0]));
    let ids = member(&made, "id").unwrap();
    ids.map(|id| format!("{CONTACTS}/{id}"))
}

pub(crate) fn body(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

#[track_caller]
pub(crate) fn has_status(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", body(response));
}
