//! Problem Details (RFC 9457): the one shape of every failure.
//!
//! `{"type", "title", "status", "detail", "request_id"}` and, for some kinds, members of their own.
//! `type` is `/docs#problem-SLUG`: stable, relative to the service (RFC 9457 section 3.1.1), and it
//! leads to the kind's description on the reference page. `instance` is left out; `request_id` names
//! the occurrence.
//!
//! A handler returns a [`Problem`]; it travels to the outermost layer as a response extension and is
//! written there, so that no handler needs to know the request id. Constructors name the failure. A
//! cause that is nobody's business outside is logged where the problem is made and goes no further.

mod failures;
mod kind;
mod limit;

use std::borrow::Cow;
use std::fmt;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use serde_json::{Map, Value};

pub use kind::{Kind, schema};
pub use limit::Limit;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One failure, ready to become an answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a handler returns.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The JSON document. Without a request id (an item of a batch answer) that member is left out.
    #[must_use]
    pub fn document(&self, request_id: Option<&str>) -> Value {
        let mut document = self.0.kind.head();
        document.insert("detail".into(), self.0.detail.as_ref().into());
        if let Some(id) = request_id {
            document.insert("request_id".into(), id.into());
        }
        document.extend(self.0.members.clone());
        Value::Object(document)
    }

    /// The body, written last of all, when the request id is known.
    pub(crate) fn body(&self, request_id: &str) -> Bytes {
        Bytes::from(self.document(Some(request_id)).to_string())
    }

    /// The problem that stands for an answer made by a library, known by its status alone.
    pub(crate) fn from_status(status: http::StatusCode) -> Self {
        match status.as_u16() {
            404 => Self::not_found(),
            405 => Self::method_not_allowed(),
            408 => Self::request_timeout(),
            503 => Self::overloaded(),
            504 => Self::timeout(),
            400..=499 => Self::new(
                Kind::BadRequest,
                "The request could not be understood; /docs shows what this path takes.",
            ),
            _ => Self::internal("answering", &status),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    /// Status, headers and, as an extension, the problem itself; the outermost layer writes the body.
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
        response
            .headers_mut()
            .extend(self.0.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_its_own() {
        let document = Problem::uid_taken("abc").document(Some("r1"));
        assert_eq!(
            document,
            json!({
                "type": "/docs#problem-uid-taken",
                "title": "UID taken",
                "status": 409,
                "detail": "Another contact of this book has this uid: change that one, or use another uid.",
                "request_id": "r1",
                "contact": "abc",
            })
        );
    }

    #[test]
    fn the_document_of_a_batch_item_has_no_request_id() {
        assert!(
            Problem::uid_changed()
                .document(None)
                .get("request_id")
                .is_none()
        );
    }

    #[test]
    fn an_internal_cause_is_not_in_the_document() {
        let text = Problem::internal("reading", &"table secret")
            .document(None)
            .to_string();
        assert!(!text.contains("secret") && !text.contains("reading"));
    }

    #[test]
    fn a_parameter_name_is_shortened_and_escaped() {
        let problem = Problem::invalid_parameter(&"x\n".repeat(1_000), "a number");
        assert!(problem.detail().len() < 300, "{}", problem.detail());
        assert!(!problem.detail().contains('\n'));
    }
}
