//! The kinds of problem there are, as the documentation and the OpenAPI document list them.

use http::StatusCode;
use serde_json::{Map, Value, json};

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $name:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// One kind of problem; its `type` never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Kind {
            /// Every kind, in the order of its status.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The last part of `type`, for example `uid-taken`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),+ }
            }

            /// The status of its answers.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// A short name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// When it is given, as a sentence for the documentation.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim_ascii()),+ }
            }
        }
    };
}

kinds! {
    /// 400: the request could not be understood, and no other kind says more.
    BadRequest = "bad-request", BAD_REQUEST, "Bad request";
    /// 400: a query parameter is unknown, repeated or out of range; `parameter` names it.
    InvalidParameter = "invalid-parameter", BAD_REQUEST, "Invalid parameter";
    /// 400: a request header cannot be used; `header` names it.
    InvalidHeader = "invalid-header", BAD_REQUEST, "Invalid header";
    /// 400: the body is not JSON, or not of the shape that the operation takes.
    InvalidJson = "invalid-json", BAD_REQUEST, "Invalid JSON";
    /// 400: the body is not plain UTF-8, or not as long as `Content-Length` says.
    UnreadableBody = "unreadable-body", BAD_REQUEST, "Unreadable body";
    /// 401: the credential is missing, malformed, unknown, expired or revoked.
    Unauthorized = "unauthorized", UNAUTHORIZED, "Unauthorized";
    /// 403: the credential is good but lacks a scope; `scope` names it.
    Forbidden = "forbidden", FORBIDDEN, "Forbidden";
    /// 404: no route has this path, or it is a path that is never served.
    NotFound = "not-found", NOT_FOUND, "Not found";
    /// 404: the caller has no such book. Somebody else's book looks the same.
    BookNotFound = "book-not-found", NOT_FOUND, "Book not found";
    /// 404: the book has no such contact.
    ContactNotFound = "contact-not-found", NOT_FOUND, "Contact not found";
    /// 404: the caller has no such token.
    TokenNotFound = "token-not-found", NOT_FOUND, "Token not found";
    /// 404: the caller has no such job.
    JobNotFound = "job-not-found", NOT_FOUND, "Job not found";
    /// 404: the caller has no such subscription.
    SubscriptionNotFound = "subscription-not-found", NOT_FOUND, "Subscription not found";
    /// 405: the path does not have this method; `Allow` lists those it has.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// 406: none of the types in `Accept` can be given; `offered` lists those that can.
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "Not acceptable";
    /// 408: the body of the request came too slowly.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "Request timeout";
    /// 409: another contact of the book has this UID; `contact` is its id.
    UidTaken = "uid-taken", CONFLICT, "UID taken";
    /// 409: the UID of an existing contact was to change.
    UidChanged = "uid-changed", CONFLICT, "UID changed";
    /// 409: the default book cannot be deleted.
    DefaultBook = "default-book", CONFLICT, "Default book";
    /// 409: a job of this kind runs to its end.
    JobNotStoppable = "job-not-stoppable", CONFLICT, "Job not stoppable";
    /// 409: the endpoint is subscribed by somebody else.
    EndpointInUse = "endpoint-in-use", CONFLICT, "Endpoint in use";
    /// 409: one more subscription would be above a limit; `limit` names it, `maximum` is its value.
    TooManySubscriptions = "too-many-subscriptions", CONFLICT, "Too many subscriptions";
    /// 409: the first request with this `Idempotency-Key` is still running; see `Retry-After`.
    IdempotencyRunning = "idempotency-running", CONFLICT, "Request still running";
    /// 410: the changes since this token are no longer kept.
    TokenTooOld = "token-too-old", GONE, "Change token too old";
    /// 412: `If-Match` or `If-None-Match` does not hold; `etag` is the current one.
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "Precondition failed";
    /// 413: the body, or a part of it, is above a limit; `limit` names it, `maximum` is its value.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "Too large";
    /// 414: the path and the query together are above `maximum` bytes.
    UriTooLong = "uri-too-long", URI_TOO_LONG, "URI too long";
    /// 415: the body has a type that the operation does not take; `accepted` lists those it does. Or it
    /// is compressed; see `Accept-Encoding`.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// 422: the card breaks rules; `errors` has `pointer` and `detail` for each.
    InvalidCard = "invalid-card", UNPROCESSABLE_ENTITY, "Invalid card";
    /// 422: the vCard cannot be read; `detail` says where and why.
    InvalidVcard = "invalid-vcard", UNPROCESSABLE_ENTITY, "Invalid vCard";
    /// 422: messages cannot go to the endpoint; `detail` says what would do.
    InvalidEndpoint = "invalid-endpoint", UNPROCESSABLE_ENTITY, "Invalid endpoint";
    /// 422: the `Idempotency-Key` was used for another request.
    IdempotencyMismatch = "idempotency-mismatch", UNPROCESSABLE_ENTITY, "Idempotency key reused";
    /// 422: the token to be made would outlive the one that makes it; `latest` is when that one ends.
    ExpiryExceeded = "expiry-exceeded", UNPROCESSABLE_ENTITY, "Expiry exceeded";
    /// 429: the token, or the address, has asked for too much lately; see `Retry-After`, and `RateLimit`
    /// for what is left.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Rate limited";
    /// 431: the headers of the request are more than `maximum` bytes, or too many.
    HeaderTooLarge = "header-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large";
    /// 500: something broke on this side; report the request id.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// 503: `GET /ready` while the process starts, stops or cannot reach its table.
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "Not ready";
    /// 503: too much at once; nothing was done, see `Retry-After`.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Overloaded";
    /// 503: something that the service needs cannot be reached; see `Retry-After`.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Unavailable";
    /// 504: the answer was not ready in time; a write may have happened.
    Timeout = "timeout", GATEWAY_TIMEOUT, "Timeout";
}

impl Kind {
    /// The `type` of RFC 9457: a reference relative to the service, which leads to the kind's
    /// description on the reference page.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/docs#problem-{}", self.slug())
    }

    /// `type`, `title` and `status`.
    pub(crate) fn head(self) -> Map<String, Value> {
        let mut head = Map::with_capacity(8);
        head.insert("type".into(), self.uri().into());
        head.insert("title".into(), self.title().into());
        head.insert("status".into(), self.status().as_u16().into());
        head
    }
}

/// The JSON Schema of a problem, for the OpenAPI document (`components.schemas.Problem`).
#[must_use]
pub fn schema() -> Value {
    let types: Vec<String> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
    json!({
        "type": "object",
        "description": "Problem Details (RFC 9457). Further members depend on the type.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "enum": types},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What is wrong and what to do."},
            "request_id": {"type": "string", "description": "Also in the header x-request-id."},
        },
        "additionalProperties": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn slugs_are_unique_and_fit_a_fragment() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for slug in slugs {
            assert!(
                slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{slug}"
            );
        }
    }

    #[test]
    fn each_meaning_starts_with_its_status() {
        for kind in Kind::ALL {
            assert!(
                kind.meaning()
                    .starts_with(&format!("{}: ", kind.status().as_u16())),
                "{kind:?}"
            );
        }
    }
}
