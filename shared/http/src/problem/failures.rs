//! Every failure that the API tells of, by the name its code gives it.

use std::fmt;

use http::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::{Kind, Limit, Problem};

/// Bytes of a JSON pointer in a problem; longer ones are cut.
const MAX_POINTER: usize = 128;

impl Problem {
    /// 404: no route has this path, or the path is one the API never serves (`//`, `..`, `%2F`).
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Kind::NotFound,
            "There is nothing at this path; the paths are listed in /docs.",
        )
    }

    /// 404: the caller has no such book.
    #[must_use]
    pub fn book_not_found() -> Self {
        Self::new(
            Kind::BookNotFound,
            "You have no book with this id; list yours with GET /v1/books.",
        )
    }

    /// 404: the book has no such contact.
    #[must_use]
    pub fn contact_not_found() -> Self {
        Self::new(
            Kind::ContactNotFound,
            "This book has no contact with this id; it may have been deleted.",
        )
    }

    /// 404: the caller has no such token.
    #[must_use]
    pub fn token_not_found() -> Self {
        Self::new(
            Kind::TokenNotFound,
            "You have no token with this id; list yours with GET /v1/tokens.",
        )
    }

    /// 400: a query parameter is unknown, repeated or out of range. `name` comes from the request and
    /// is shortened; `expected` says what would be right.
    #[must_use]
    pub fn invalid_parameter(name: &str, expected: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self::new(
            Kind::InvalidParameter,
            format!("The query parameter {name:?} is not valid: expected {expected}."),
        )
        .member("parameter", name)
    }

    /// 400: a request header cannot be used; `expected` says what would be right.
    #[must_use]
    pub fn invalid_header(name: &'static str, expected: &str) -> Self {
        Self::new(
            Kind::InvalidHeader,
            format!("The header {name} is not valid: expected {expected}."),
        )
        .member("header", name)
    }

    /// 400: the `Idempotency-Key` cannot be one.
    #[must_use]
    pub fn invalid_key() -> Self {
        Self::invalid_header("Idempotency-Key", "1 to 255 visible ASCII characters, once")
    }

    /// 400: an `Idempotency-Key` where the answer has a secret.
    #[must_use]
    pub fn no_key_here() -> Self {
        Self::invalid_header(
            "Idempotency-Key",
            "none here, because no secret is kept to be given again",
        )
    }

    /// 400: the body is not JSON, or not of the wanted shape. `detail` must not quote the body.
    #[must_use]
    pub fn invalid_json(detail: impl fmt::Display) -> Self {
        Self::new(
            Kind::InvalidJson,
            format!("The body is not the JSON that was expected: {detail}."),
        )
    }

    /// 400: the bytes received are not those that were sent, or not plain UTF-8. One text for every
    /// way this shows, because the two targets notice it at different places.
    #[must_use]
    pub fn unreadable_body() -> Self {
        Self::new(
            Kind::UnreadableBody,
            "The body is not plain UTF-8, or its length is not what Content-Length says: send UTF-8 \
             without a byte order mark.",
        )
    }

    /// 422: the card breaks rules; one `(JSON pointer, what it should be)` for each broken rule.
    #[must_use]
    pub fn invalid_card<P, D>(violations: impl IntoIterator<Item = (P, D)>) -> Self
    where
        P: fmt::Display,
        D: fmt::Display,
    {
        // A pointer is made of the client's own member names, which may be of any length.
        let short = |text: String| {
            let end = text.floor_char_boundary(MAX_POINTER);
            if end < text.len() {
                format!("{}…", &text[..end])
            } else {
                text
            }
        };
        let errors: Vec<Value> = violations
            .into_iter()
            .map(|(pointer, detail)| {
                json!({"pointer": short(pointer.to_string()), "detail": detail.to_string()})
            })
            .collect();
        Self::new(
            Kind::InvalidCard,
            "The card is not valid: `errors` names each bad value by its JSON pointer.",
        )
        .member("errors", errors)
    }

    /// 422: the vCard cannot be read. `reason` says where and why, without quoting it.
    #[must_use]
    pub fn invalid_vcard(reason: impl fmt::Display) -> Self {
        Self::new(
            Kind::InvalidVcard,
            format!("The vCard cannot be read: {reason}."),
        )
    }

    /// 401: the request carries no credential.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            Kind::Unauthorized,
            "Send `Authorization: Bearer TOKEN` with a personal access token or a JWT.",
        )
        .header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"contacts\""),
        )
    }

    /// 401: the credential is malformed, unknown, expired or revoked; `reason` is a whole sentence.
    #[must_use]
    pub fn unauthorized(reason: &'static str) -> Self {
        Self::new(Kind::Unauthorized, reason).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"contacts\", error=\"invalid_token\""),
        )
    }

    /// 401: there is no such token, or no more.
    #[must_use]
    pub fn unknown_token() -> Self {
        Self::unauthorized("This token is unknown, expired or revoked: use another one.")
    }

    /// 403: the credential lacks `scope` (RFC 6750 section 3.1).
    #[must_use]
    pub fn forbidden(scope: &'static str) -> Self {
        let challenge =
            format!("Bearer realm=\"contacts\", error=\"insufficient_scope\", scope=\"{scope}\"");
        let problem = Self::new(
            Kind::Forbidden,
            format!("This needs a token with the scope {scope}."),
        )
        .member("scope", scope);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }

    /// 403: a token would grant more than its maker has.
    #[must_use]
    pub fn scope_exceeded() -> Self {
        Self::new(
            Kind::Forbidden,
            "A token cannot grant a scope that you do not have yourself.",
        )
    }

    /// 405: the path has no such method; the router adds `Allow`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            Kind::MethodNotAllowed,
            "This path does not have this method; the header Allow lists those it has.",
        )
    }

    /// 406: nothing that `Accept` asks for can be given.
    #[must_use]
    pub fn not_acceptable(offered: &[&str]) -> Self {
        Self::new(
            Kind::NotAcceptable,
            format!("Ask for one of {} in Accept.", offered.join(", ")),
        )
        .member("offered", offered)
    }

    /// 408: the body came too slowly.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(
            Kind::RequestTimeout,
            "The body did not arrive in time: send it again, faster or smaller.",
        )
        .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// 409: another contact of the book has this UID.
    #[must_use]
    pub fn uid_taken(other_id: &str) -> Self {
        Self::new(
            Kind::UidTaken,
            "Another contact of this book has this uid: change that one, or use another uid.",
        )
        .member("contact", other_id)
    }

    /// 409: the uid of a contact cannot change.
    #[must_use]
    pub fn uid_changed() -> Self {
        Self::new(
            Kind::UidChanged,
            "The uid of a contact never changes: keep it, or create another contact.",
        )
    }

    /// 404: the caller has no such job.
    #[must_use]
    pub fn job_not_found() -> Self {
        Self::new(
            Kind::JobNotFound,
            "You have no job with this id, or it ended more than 30 days ago: GET /v1/jobs lists yours.",
        )
    }

    /// 409: the job cannot be stopped.
    #[must_use]
    pub fn job_not_stoppable() -> Self {
        Self::new(
            Kind::JobNotStoppable,
            "A job of this kind runs to its end: there is no state in between to stop at.",
        )
    }

    /// 409: the default book stays.
    #[must_use]
    pub fn default_book() -> Self {
        Self::new(
            Kind::DefaultBook,
            "The default book cannot be deleted; it can be renamed.",
        )
    }

    /// 404: the caller has no such subscription.
    #[must_use]
    pub fn subscription_not_found() -> Self {
        Self::new(
            Kind::SubscriptionNotFound,
            "You have no subscription with this id; list yours with GET /v1/subscriptions.",
        )
    }

    /// 409: the endpoint is subscribed by somebody else.
    #[must_use]
    pub fn endpoint_in_use() -> Self {
        Self::new(
            Kind::EndpointInUse,
            "Somebody else has subscribed this endpoint, and it can be one person's only: use another \
             one.",
        )
    }

    /// 409: one more subscription would be above a limit.
    #[must_use]
    pub fn too_many_subscriptions(limit: contacts_events::Limit) -> Self {
        use contacts_events::{Limit, MOST_AWAITED, MOST_SUBSCRIPTIONS};
        let (name, maximum, detail) = match limit {
            Limit::Book => (
                "subscriptions-of-a-book",
                MOST_SUBSCRIPTIONS,
                format!(
                    "A book may have {MOST_SUBSCRIPTIONS} subscriptions: delete one you no longer need."
                ),
            ),
            Limit::Awaited => (
                "awaited-confirmations",
                u64::from(MOST_AWAITED),
                format!(
                    "You have {MOST_AWAITED} confirmations awaited: have one of them confirmed by the \
                     link in its message, or wait until they expire, after two days."
                ),
            ),
            // Amazon SNS endpoints and quotas: filter policies per topic.
            Limit::Topic => (
                "filter-policies-of-the-topic",
                200,
                "The topic has as many endpoints as Amazon SNS allows: whoever runs this service can \
                 have the quota \"Filter policies per topic\" raised in Service Quotas."
                    .to_owned(),
            ),
        };
        Self::new(Kind::TooManySubscriptions, detail)
            .member("limit", name)
            .member("maximum", maximum)
    }

    /// 422: messages cannot go to the endpoint; `reason` says what would do.
    #[must_use]
    pub fn invalid_endpoint(reason: impl fmt::Display) -> Self {
        Self::new(
            Kind::InvalidEndpoint,
            format!("Messages cannot go to this endpoint: {reason}."),
        )
    }

    /// 503 with `Retry-After`: SNS cannot be reached, or does not do as it is told.
    #[must_use]
    pub fn no_topic() -> Self {
        Self::unavailable(
            "Amazon SNS does not answer as it should: nothing was subscribed, try again in a moment.",
        )
    }

    /// 409 with `Retry-After`: the first request with this idempotency key is still running.
    #[must_use]
    pub fn idempotency_running() -> Self {
        Self::new(
            Kind::IdempotencyRunning,
            "The first request with this Idempotency-Key is still running: ask again in a moment.",
        )
        .retry_after(1)
    }

    /// 410: the change token is older than the change log.
    #[must_use]
    pub fn gone_token() -> Self {
        Self::new(
            Kind::TokenTooOld,
            "The changes since this token are no longer kept: start again without `since`.",
        )
    }

    /// 412: `If-Match` or `If-None-Match` does not hold; `etag` is the current one, if there is any.
    #[must_use]
    pub fn precondition_failed(etag: Option<&str>) -> Self {
        let problem = Self::new(
            Kind::PreconditionFailed,
            "It has changed since you read it: read it again, apply your change, and send the new \
             ETag.",
        );
        match etag {
            Some(etag) => problem.member("etag", etag),
            None => problem,
        }
    }

    /// 413: something is larger than `maximum`; it has `actual`, if that is known.
    #[must_use]
    pub fn too_large(what: Limit, maximum: u64, actual: Option<u64>) -> Self {
        let problem = Self::new(Kind::TooLarge, what.sentence(maximum, actual))
            .member("limit", what.name())
            .member("maximum", maximum);
        match actual {
            Some(actual) => problem.member("actual", actual),
            None => problem,
        }
    }

    /// 414: the path and query are longer than 8,192 bytes.
    #[must_use]
    pub fn uri_too_long(limit: usize) -> Self {
        Self::new(
            Kind::UriTooLong,
            format!(
                "The path and the query may have {limit} bytes together: send a shorter query."
            ),
        )
        .member("maximum", limit)
    }

    /// 415: the body has another type than the route takes.
    #[must_use]
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        Self::new(
            Kind::UnsupportedMediaType,
            format!("Send the body as {}, in UTF-8.", accepted.join(" or ")),
        )
        .member("accepted", accepted)
    }

    /// 415: the body is compressed, or coded otherwise (RFC 9110 sections 8.4 and 15.5.16).
    #[must_use]
    pub fn unsupported_coding() -> Self {
        Self::new(
            Kind::UnsupportedMediaType,
            "The body has a Content-Encoding: send it as it is, without that header.",
        )
        .header(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        )
    }

    /// 422: a token would outlive the one that makes it, which ends at `latest`.
    #[must_use]
    pub fn expiry_exceeded(latest: &str) -> Self {
        Self::new(
            Kind::ExpiryExceeded,
            format!(
                "A token cannot outlive the one that makes it: send `expires`, no later than {latest}."
            ),
        )
        .member("latest", latest)
    }

    /// 422: the idempotency key was used for another request.
    #[must_use]
    pub fn idempotency_mismatch() -> Self {
        Self::new(
            Kind::IdempotencyMismatch,
            "This Idempotency-Key was used for another request: use a new key for a new request.",
        )
    }

    /// 429 with `Retry-After`: the token has been used too much.
    #[must_use]
    pub fn token_limited(seconds: u32) -> Self {
        Self::new(
            Kind::RateLimited,
            "This token has asked for too much lately: wait as long as Retry-After says. A batch counts \
             as its items.",
        )
        .retry_after(seconds)
    }

    /// 429 with `Retry-After`: too much came from this address without a valid token.
    #[must_use]
    pub fn address_limited(seconds: u32) -> Self {
        Self::new(
            Kind::RateLimited,
            "Too many requests without a valid token came from your address: wait as long as Retry-After \
             says.",
        )
        .retry_after(seconds)
    }

    /// 431: the headers are more than a request may have.
    #[must_use]
    pub fn header_too_large(limit_bytes: usize, limit_count: usize) -> Self {
        Self::new(
            Kind::HeaderTooLarge,
            format!("A request may have {limit_bytes} bytes of headers in {limit_count} lines."),
        )
        .member("maximum", limit_bytes)
    }

    /// 500: something broke here. `what` was being done, `cause` is logged and goes no further; it
    /// must not carry personal data.
    #[must_use]
    pub fn internal(what: &'static str, cause: &dyn fmt::Display) -> Self {
        tracing::error!(what, %cause, "internal error");
        Self::broken()
    }

    pub(crate) fn broken() -> Self {
        Self::new(
            Kind::Internal,
            "Something went wrong here: try again; if it stays, report the request id.",
        )
    }

    /// 503: `/ready` says no, because a shutdown has begun.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(Kind::NotReady, "This process is shutting down.").retry_after(5)
    }

    /// 503: `/ready` says no, because the table is out of reach.
    #[must_use]
    pub fn no_table() -> Self {
        Self::new(Kind::NotReady, "The table does not answer.").retry_after(5)
    }

    /// 503 with `Retry-After`: more requests at once than this process takes.
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(
            Kind::Overloaded,
            "Too many requests at once: try again in a moment.",
        )
        .retry_after(1)
    }

    /// 503 with `Retry-After`: a write kept losing against other writes, or the database throttles.
    #[must_use]
    pub fn contended() -> Self {
        Self::new(
            Kind::Overloaded,
            "Too many writes at once to this book: nothing was written, try again in a moment.",
        )
        .retry_after(2)
    }

    /// 503 with `Retry-After`: the database answers with errors, or not at all.
    #[must_use]
    pub fn no_database() -> Self {
        Self::unavailable("The database does not answer as it should: try again in a moment.")
    }

    /// 503 with `Retry-After`: the object store is out of reach.
    #[must_use]
    pub fn no_objects() -> Self {
        Self::unavailable(
            "The store of the history does not answer as it should: try again in a moment.",
        )
    }

    /// 503 with `Retry-After`: something that is needed cannot be reached; `detail` says what.
    #[must_use]
    pub fn unavailable(detail: &'static str) -> Self {
        Self::new(Kind::Unavailable, detail).retry_after(1)
    }

    /// 504: the answer was not ready in time. It is not 503, because the work may have been done.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(
            Kind::Timeout,
            "The answer was not ready in time; a write may have happened all the same. Send it again \
             with the same Idempotency-Key or ETag.",
        )
    }
}
