//! Examples that cannot lie: errors come from the constructors that the service uses, answers from the
//! shapes that it writes.

use ::contacts::{Error, Scope};
use contacts_card::Card;
use contacts_events::{Limit as Limits, Refusal};
use contacts_interchange::VCardError;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json, value::RawValue};

use crate::{
    extract::{MediaType, Query},
    layers::{MAX_BODY, MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET},
    preconditions::Preconditions,
    problem::{Kind, Limit, Problem},
    representation::{
        BookView, ContactView, EXAMPLE_CONTACT, EXAMPLE_TIME, ListedView, OFFERED, Page, TokenView,
        etag,
    },
    routes::{batch, changes, jobs, subscriptions::SubscriptionView, system},
};

/// The request id of every example.
pub(super) const REQUEST_ID: &str = "4f9d2c6e8a1b4d3c9e7f5a6b8c0d1e2f";

const CARD: &str = r#"{"@type":"Card","version":"1.0","name":{"full":"Ada Lovelace"},"emails":{"e1":{"address":"ada@example.org"}},"uid":"urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af"}"#;
const SUMMARY: &str = r#"{"name":"Ada Lovelace","email":"ada@example.org"}"#;
const VCARD: &str =
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nEMAIL:ada@example.org\r\nEND:VCARD\r\n";
const REPORT_LINE: &str =
    r#"{"contact":"7h3k9m2p5r8t1v4c6e0g2j5l8o","what":"a term has no row","mended":true}"#;
const CURSOR: &str = "3q2-7wABc2FtcGxl";
const SECRET: &str = "cm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde";

/// What the problems of an operation depend on.
pub(super) struct Place {
    path: String,
    scope: Scope,
    /// The types of body that it takes.
    accepted: Vec<&'static str>,
    parameters: Vec<String>,
}

impl Place {
    pub(super) fn of(path: &str, method: &str, operation: &Value) -> Self {
        let content = operation["requestBody"]["content"].as_object();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        Self {
            path: path.to_owned(),
            scope: match method {
                _ if path.starts_with("/v1/tokens") => Scope::Tokens,
                "get" => Scope::Read,
                _ => Scope::Write,
            },
            accepted: MediaType::ALL
                .into_iter()
                .map(MediaType::name)
                .filter(|name| content.is_some_and(|types| types.contains_key(*name)))
                .collect(),
            parameters: parameters
                .filter_map(|parameter| parameter["name"].as_str())
                .map(str::to_owned)
                .collect(),
        }
    }

    fn has(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|name| name == parameter)
    }

    /// Whether it needs no credential.
    fn is_open(&self) -> bool {
        !self.path.starts_with("/v1")
    }

    fn takes_cards(&self) -> bool {
        self.path.contains("/contacts")
    }
}

/// The body of a successful answer.
pub(super) fn answer(operation: &str, media_type: &str) -> Value {
    let raw = |json| serde_json::from_str::<&RawValue>(json).expect("the constants are JSON");
    let shown = match (operation, media_type) {
        ("health", _) => Ok(json!({"status": "ok"})),
        ("ready", _) => Ok(json!({"status": "ready"})),
        ("openapi", _) => Ok(json!({
            "openapi": "3.1.0",
            "info": {"title": "contact-manager", "version": env!("CARGO_PKG_VERSION")},
            "paths": {},
        })),
        ("docs", _) => Ok("<!doctype html><html lang=\"en\">…</html>".into()),
        ("listContacts" | "readContact", "text/vcard") => Ok(VCARD.into()),
        ("listBooks", _) => serde_json::to_value(Page::new(vec![BookView::example()], None)),
        ("createBook" | "readBook" | "renameBook", _) => serde_json::to_value(BookView::example()),
        ("listContacts", _) => serde_json::to_value(Page::new(
            vec![ListedView::example(raw(SUMMARY))],
            Some(CURSOR.to_owned()),
        )),
        ("batchContacts", _) => Ok(batch::example()),
        ("readChanges", _) => serde_json::to_value(changes::Changes::example()),
        ("listSubscriptions", _) => {
            serde_json::to_value(Page::new(vec![SubscriptionView::example()], None))
        }
        ("createSubscription" | "readSubscription", _) => {
            serde_json::to_value(SubscriptionView::example())
        }
        ("listTokens", _) => serde_json::to_value(Page::new(vec![TokenView::example(None)], None)),
        ("createToken", _) => serde_json::to_value(TokenView::example(Some(SECRET))),
        ("readSystem", _) => serde_json::to_value(system::SystemView::example()),
        ("readHistory", _) => serde_json::to_value(system::HistoryView::example()),
        ("startJob" | "readJob" | "cancelJob" | "deleteBook", _) => {
            serde_json::to_value(jobs::JobView::example())
        }
        ("listJobs", _) => serde_json::to_value(Page::new(vec![jobs::JobView::example()], None)),
        ("readReport", jobs::NDJSON) => Ok(format!("{REPORT_LINE}\n").into()),
        ("readReport", _) => serde_json::to_value(Page::new(vec![raw(REPORT_LINE)], None)),
        // The other operations on contacts give the contact.
        _ => serde_json::to_value(ContactView::example(raw(CARD))),
    };
    shown.expect("what the service answers is JSON")
}

/// Each problem that an operation may answer with under one kind, by a name for it.
pub(super) fn problems(kind: Kind, place: &Place) -> Vec<(&'static str, Problem)> {
    let more = match kind {
        Kind::InvalidHeader => return invalid_headers(place),
        Kind::TooLarge => too_large(place),
        Kind::Unauthorized => vec![("unknown-token", Problem::unknown_token())],
        Kind::Forbidden if place.path == "/v1/tokens" && !place.accepted.is_empty() => {
            vec![("scope-exceeded", Problem::scope_exceeded())]
        }
        Kind::TooManySubscriptions => vec![
            ("awaited", Problem::too_many_subscriptions(Limits::Awaited)),
            ("topic", Problem::too_many_subscriptions(Limits::Topic)),
        ],
        Kind::InvalidParameter if place.has("step") => {
            vec![
                ("too-long", system::too_long()),
                ("too-much", system::too_much()),
            ]
        }
        Kind::Unavailable if place.has("step") => vec![("no-objects", Problem::no_objects())],
        Kind::Unavailable if place.path == "/v1/subscriptions" && place.scope == Scope::Write => {
            vec![("no-topic", Problem::no_topic())]
        }
        Kind::UnsupportedMediaType => vec![("content-coding", Problem::unsupported_coding())],
        Kind::NotReady => vec![("shutting-down", Problem::shutting_down())],
        Kind::RateLimited if !place.is_open() => vec![("address", Problem::address_limited(1))],
        Kind::Overloaded if place.scope == Scope::Write => {
            vec![("contended", Problem::contended())]
        }
        _ => Vec::new(),
    };
    let mut all = vec![(kind.slug(), problem(kind, place))];
    all.extend(more);
    all
}

fn problem(kind: Kind, place: &Place) -> Problem {
    match kind {
        Kind::BadRequest => Problem::from_status(StatusCode::BAD_REQUEST),
        Kind::InvalidParameter if place.has("limit") => {
            let asked = Query::parse("limit=0").integer("limit", 1..=500);
            asked.expect_err("0 is out of range")
        }
        Kind::InvalidParameter if place.has("step") => system::no_step(),
        Kind::InvalidParameter => {
            let asked = Query::parse("page=2");
            asked.only(&[]).expect_err("there is no such parameter")
        }
        Kind::InvalidHeader => Problem::invalid_key(),
        Kind::InvalidJson => Problem::invalid_json(invalid_json(place)),
        Kind::UnreadableBody => Problem::unreadable_body(),
        Kind::Unauthorized => Problem::unauthenticated(),
        Kind::Forbidden => Problem::forbidden(place.scope.name()),
        Kind::NotFound => Problem::not_found(),
        Kind::BookNotFound => Problem::book_not_found(),
        Kind::ContactNotFound => Problem::contact_not_found(),
        Kind::TokenNotFound => Problem::token_not_found(),
        Kind::SubscriptionNotFound => Problem::subscription_not_found(),
        Kind::EndpointInUse => Problem::endpoint_in_use(),
        Kind::TooManySubscriptions => Problem::too_many_subscriptions(Limits::Book),
        Kind::InvalidEndpoint => Problem::invalid_endpoint(Refusal::NotPublic),
        Kind::MethodNotAllowed => Problem::method_not_allowed(),
        Kind::NotAcceptable if place.path.ends_with("/report") => {
            Problem::not_acceptable(&["application/json", jobs::NDJSON])
        }
        Kind::NotAcceptable => Problem::not_acceptable(&OFFERED),
        Kind::RequestTimeout => Problem::request_timeout(),
        Kind::UidTaken => Problem::uid_taken(EXAMPLE_CONTACT),
        Kind::UidChanged => Problem::uid_changed(),
        Kind::JobNotFound => Problem::job_not_found(),
        Kind::JobNotStoppable => Problem::job_not_stoppable(),
        Kind::DefaultBook => Problem::default_book(),
        Kind::IdempotencyRunning => Problem::idempotency_running(),
        Kind::TokenTooOld => Problem::gone_token(),
        Kind::PreconditionFailed => Problem::precondition_failed(Some(&etag(2))),
        Kind::TooLarge => Problem::too_large(Limit::Body, MAX_BODY, Some(2_000_000)),
        Kind::UriTooLong => Problem::uri_too_long(MAX_TARGET),
        Kind::UnsupportedMediaType => Problem::unsupported_media_type(&place.accepted),
        Kind::InvalidCard => {
            let card = br#"{"@type":"Card","version":"1.0","name":{"full":1},"emails":[]}"#;
            let refused = Card::from_json(card).expect_err("it breaks two rules");
            Problem::from(Error::from(refused))
        }
        Kind::InvalidVcard => Problem::from(Error::from(VCardError::Unterminated { line: 1 })),
        Kind::IdempotencyMismatch => Problem::idempotency_mismatch(),
        Kind::ExpiryExceeded => Problem::expiry_exceeded(EXAMPLE_TIME),
        Kind::RateLimited if place.is_open() => Problem::address_limited(1),
        Kind::RateLimited => Problem::token_limited(1),
        Kind::HeaderTooLarge => Problem::header_too_large(MAX_HEADER_BYTES, MAX_HEADERS),
        Kind::Internal => Problem::broken(),
        Kind::NotReady => Problem::no_table(),
        Kind::Overloaded => Problem::overloaded(),
        Kind::Unavailable => Problem::no_database(),
        Kind::Timeout => Problem::timeout(),
    }
}

/// What `{}` lacks, or where text is no JSON.
fn invalid_json(place: &Place) -> &'static str {
    match &*place.path {
        path if path.ends_with("/batch") => "`items` is missing",
        _ if place.takes_cards() => "EOF while parsing an object at line 1 column 1",
        "/v1/jobs" => "`kind` is missing",
        "/v1/subscriptions" => "`book` is missing",
        _ => "`name` is missing",
    }
}

fn invalid_headers(place: &Place) -> Vec<(&'static str, Problem)> {
    let mut all = Vec::new();
    if place.has("Idempotency-Key") {
        all.push(("idempotency-key", Problem::invalid_key()));
    }
    if place.path == "/v1/tokens" {
        all.push(("idempotency-key", Problem::no_key_here()));
    }
    for (label, slug, name) in [
        ("If-Match", "if-match", header::IF_MATCH),
        ("If-None-Match", "if-none-match", header::IF_NONE_MATCH),
    ] {
        if place.has(label) {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("1"))]);
            let read = Preconditions::from_headers(&headers);
            all.push((slug, read.expect_err("a tag has quotes")));
        }
    }
    all
}

fn too_large(place: &Place) -> Vec<(&'static str, Problem)> {
    let bytes = contacts_card::limits::CARD_JSON_BYTES as u64;
    let vcard = contacts_interchange::limits::VCARD_BYTES as u64;
    let words = contacts_card::limits::TERMS as u64;
    if place.path.ends_with("/batch") {
        let most = batch::MOST as u64;
        let items = Problem::too_large(Limit::BatchItems, most, Some(most + 1));
        return vec![("items", items)];
    }
    if !place.takes_cards() {
        return Vec::new();
    }
    let card = Problem::too_large(Limit::Card, bytes, Some(300_000));
    let found = Problem::too_large(Limit::Words, words, Some(words + 1));
    let mut all = vec![("card", card), ("words", found)];
    if place.accepted.contains(&MediaType::VCard.name()) {
        let large = Problem::too_large(Limit::VCard, vcard, Some(300_000));
        let made = Problem::too_large(Limit::CardOfVCard, bytes, Some(262_200));
        all.extend([("vcard", large), ("card-of-vcard", made)]);
    }
    all
}
