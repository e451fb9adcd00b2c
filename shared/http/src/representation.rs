//! How things look on the wire: shapes, times, entity tags, and how much fits an answer.
//!
//! A Lambda function behind an ALB may answer with 1 MB of JSON, in which the body is a string
//! (Lambda Developer Guide, "Process Application Load Balancer requests with Lambda"). So bodies are
//! counted as that string: quotes and backslashes twice, binary ones as base64. Both targets keep to
//! it, so that a page ends at the same contact on each.

use axum::response::{IntoResponse, Response};
use contacts::{Book, BookId, Contact, Listed, Token};
use contacts_interchange::Version;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::{Problem, Result};

/// What the body of a JSON answer may take of Lambda's 1 MB, headers having their part.
pub(crate) const JSON_BUDGET: usize = 950_000;
/// What the bytes of a binary answer may be, so that their base64 fits.
pub(crate) const BINARY_BUDGET: usize = 700_000;

/// The media type of JSON answers.
pub(crate) const JSON: &str = "application/json";
/// The media type of vCards.
pub(crate) const VCARD: &str = "text/vcard; charset=utf-8";

/// What contacts can be had as: a vCard without a version is the contact's own, as it was sent.
pub(crate) const OFFERED: [&str; 5] = [
    JSON,
    "text/vcard",
    "text/vcard;version=4.0",
    "text/vcard;version=3.0",
    "text/vcard;version=2.1",
];

/// The version of vCard that one of [`OFFERED`] names.
pub(crate) fn version(offered: &str) -> Option<Version> {
    let (_, version) = offered.split_once(";version=")?;
    version.parse().ok()
}

/// Identifiers and a time as the examples of the OpenAPI document have them.
pub(crate) const EXAMPLE_BOOK: &str = "5l2c8v0q6m1t4s9r3n7p0k2j8g";
pub(crate) const EXAMPLE_CONTACT: &str = "7h3k9m2p5r8t1v4c6e0g2j5l8o";
pub(crate) const EXAMPLE_TOKEN: &str = "1b4d7f0h3k6m9p2r5t8v1c4e7g";
pub(crate) const EXAMPLE_JOB: &str = "0cq9s2fk6d0t3p8m5v1b4n7r2h";
pub(crate) const EXAMPLE_TIME: &str = "2026-01-02T03:04:05.678Z";

/// The entity tag of the JSON representation of a revision.
pub(crate) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// The entity tag of the vCard representation of a revision: of the contact's own, or of one that is
/// rendered in another version.
pub(crate) fn vcard_etag(revision: u64, version: Option<Version>) -> String {
    match version {
        None => format!("\"{revision}-v\""),
        Some(version) => format!("\"{revision}-v{version}\""),
    }
}

/// The entity tags of all representations of a revision, that of JSON first.
pub(crate) fn etags(revision: u64) -> Vec<String> {
    let vcards = OFFERED.iter().skip(1);
    let vcards = vcards.map(|offered| vcard_etag(revision, version(offered)));
    std::iter::once(etag(revision)).chain(vcards).collect()
}

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The length of `json` as a JSON string within another document.
pub(crate) fn escaped_len(json: &str) -> usize {
    json.len()
        + json
            .bytes()
            .filter(|byte| matches!(byte, b'"' | b'\\'))
            .count()
}

/// A book.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookView {
    /// 26 characters of 0-9 and a-v.
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    id: String,
    /// What its owner calls it.
    #[schema(example = "Family")]
    name: String,
    /// As the header `ETag`; leaves the count out.
    #[schema(example = "\"1\"")]
    etag: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    created: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    updated: String,
    /// How many contacts it holds.
    #[schema(example = 2)]
    contacts: u64,
}

impl BookView {
    pub(crate) fn example() -> Self {
        Self {
            id: EXAMPLE_BOOK.to_owned(),
            name: "Family".to_owned(),
            etag: etag(1),
            created: EXAMPLE_TIME.to_owned(),
            updated: EXAMPLE_TIME.to_owned(),
            contacts: 2,
        }
    }
}

impl From<&Book> for BookView {
    fn from(book: &Book) -> Self {
        Self {
            id: book.id.to_string(),
            name: book.name.clone(),
            etag: etag(book.revision),
            created: time(book.created),
            updated: time(book.updated),
            contacts: book.contacts,
        }
    }
}

/// A contact with its card.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactView<'a> {
    #[schema(example = "7h3k9m2p5r8t1v4c6e0g2j5l8o")]
    id: String,
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    book: String,
    /// As the header `ETag`.
    #[schema(example = "\"1\"")]
    etag: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    created: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    updated: String,
    /// The JSContact card (RFC 9553), as it was sent.
    #[schema(value_type = Object, example = json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af", "name": {"full": "Ada Lovelace"}}))]
    card: &'a RawValue,
}

impl<'a> ContactView<'a> {
    pub(crate) fn example(card: &'a RawValue) -> Self {
        Self {
            id: EXAMPLE_CONTACT.to_owned(),
            book: EXAMPLE_BOOK.to_owned(),
            etag: etag(1),
            created: EXAMPLE_TIME.to_owned(),
            updated: EXAMPLE_TIME.to_owned(),
            card,
        }
    }

    /// Fails only where what is stored is no JSON.
    pub(crate) fn of(contact: &'a Contact) -> Result<Self> {
        let head = &contact.stored.head;
        Ok(Self {
            id: head.id.to_string(),
            book: contact.book.to_string(),
            etag: etag(head.revision),
            created: time(head.created),
            updated: time(head.updated),
            card: serde_json::from_str(&contact.stored.json)
                .map_err(|error| Problem::internal("reading a card", &error))?,
        })
    }
}

/// A contact as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedView<'a> {
    #[schema(example = "7h3k9m2p5r8t1v4c6e0g2j5l8o")]
    id: String,
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    book: String,
    #[schema(example = "\"1\"")]
    etag: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    created: String,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    updated: String,
    /// `name`, and where the card has them `kind`, `organization`, `email`, `phone`.
    #[schema(value_type = Object, example = json!({"name": "Ada Lovelace", "email": "ada@example.org"}))]
    summary: &'a RawValue,
}

impl<'a> ListedView<'a> {
    pub(crate) fn example(summary: &'a RawValue) -> Self {
        Self {
            id: EXAMPLE_CONTACT.to_owned(),
            book: EXAMPLE_BOOK.to_owned(),
            etag: etag(1),
            created: EXAMPLE_TIME.to_owned(),
            updated: EXAMPLE_TIME.to_owned(),
            summary,
        }
    }

    /// Fails only where what is stored is no JSON.
    pub(crate) fn of(book: BookId, listed: &'a Listed) -> Result<Self> {
        Ok(Self {
            id: listed.id.to_string(),
            book: book.to_string(),
            etag: etag(listed.revision),
            created: time(listed.created),
            updated: time(listed.updated),
            summary: serde_json::from_str(&listed.summary)
                .map_err(|error| Problem::internal("reading a summary", &error))?,
        })
    }
}

/// A personal access token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    #[schema(example = "1b4d7f0h3k6m9p2r5t8v1c4e7g")]
    id: String,
    #[schema(example = "backup script")]
    name: String,
    #[schema(example = json!(["contacts:read"]))]
    scopes: Vec<String>,
    /// When it stops working; `null`: never.
    #[schema(example = "2030-01-01T00:00:00.000Z")]
    expires: Option<String>,
    /// The day of its last use (UTC); `null`: never used.
    #[schema(example = "2026-01-02")]
    last_used: Option<String>,
    /// The secret: in the answer to its creation alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde")]
    token: Option<String>,
}

impl TokenView {
    pub(crate) fn example(secret: Option<&str>) -> Self {
        Self {
            id: EXAMPLE_TOKEN.to_owned(),
            name: "backup script".to_owned(),
            scopes: vec![contacts::Scope::Read.to_string()],
            expires: Some("2030-01-01T00:00:00.000Z".to_owned()),
            last_used: None,
            token: secret.map(str::to_owned),
        }
    }

    pub(crate) fn of(token: &Token, secret: Option<String>) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.clone(),
            expires: token.expires.map(time),
            last_used: token.last_used.map(|day| day.to_string()),
            token: secret,
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    /// For the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3q2-7wABc2FtcGxl")]
    cursor: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn new(items: Vec<T>, cursor: Option<String>) -> Self {
        Self { items, cursor }
    }
}

/// JSON text as a body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response> {
    let body =
        serde_json::to_vec(body).map_err(|error| Problem::internal("writing an answer", &error))?;
    Ok((
        status,
        [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))],
        body,
    )
        .into_response())
}

/// Adds a header; its value is ASCII made by this service.
pub(crate) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
