//! Subscriptions to the events of a book.

use ::contacts::Answer;
use axum::{
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
};
use contacts_events::{
    Channel, Detail, EndpointState, EventKind, NewSubscription, Standing, SubscriptionId,
};
use http::{StatusCode, header, request::Parts};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limit;
use crate::{
    app::App,
    caller::{Reader, Writer},
    extract::{IdempotencyKey, MediaType, Payload, Query},
    idempotency::{self, Once, once, response},
    problem::{Problem, Result},
    representation::{self, EXAMPLE_BOOK, EXAMPLE_TIME, Page, time},
};

const EXAMPLE_SUBSCRIPTION: &str = "0k3n6q9t2v5a8d1g4j7m0p3s6u";

/// A subscription to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionBody {
    /// The book's id, or `default`.
    #[schema(example = "default")]
    book: String,
    /// What you want to know of: at least one kind.
    #[schema(value_type = Vec<EventKind>, example = json!(["contact.created", "contact.changed", "contact.deleted"]), min_items = 1)]
    kinds: Vec<String>,
    /// `email`, `sqs` or `https`. Without a topic of Amazon SNS, the service can do `https` alone.
    #[schema(value_type = Channel, example = "https")]
    channel: String,
    /// An email address, the ARN of a standard SQS queue, or a URL of the public internet. The standalone
    /// service also calls `http` URLs of its own machine.
    #[schema(
        example = "https://hooks.example.org/contacts",
        min_length = 1,
        max_length = 2048
    )]
    endpoint: String,
    /// How much the messages say: `none` (the default), identifiers alone; `name`, the name as well.
    #[schema(value_type = Option<Detail>, example = "none")]
    detail: Option<String>,
    /// The name of a time zone of the IANA database, for the times in emails and for the evening before
    /// a birthday. Default: `UTC`.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

impl SubscriptionBody {
    fn read(self) -> Result<NewSubscription> {
        let words = |all: Vec<&str>| all.join(", ");
        let kind = |word: &String| {
            EventKind::named(word).ok_or_else(|| {
                let known = EventKind::ALL.iter().map(|kind| kind.name()).collect();
                let known = words(known);
                Problem::invalid_json(format_args!("\"kinds\" are of {known}"))
            })
        };
        let mut kinds = self.kinds.iter().map(kind).collect::<Result<Vec<_>>>()?;
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() {
            return Err(Problem::invalid_json("\"kinds\" names at least one kind"));
        }
        let channel = Channel::named(&self.channel)
            .ok_or_else(|| Problem::invalid_json("\"channel\" is one of email, sqs, https"))?;
        let detail = self.detail.as_deref().unwrap_or(Detail::None.name());
        let detail = Detail::named(detail)
            .ok_or_else(|| Problem::invalid_json("\"detail\" is one of none, name"))?;
        let zone = self.time_zone.unwrap_or_else(|| "UTC".to_owned());
        if TimeZone::get(&zone).is_err() {
            return Err(Problem::invalid_json(
                "\"time_zone\" is a name of the IANA database, like Europe/Berlin",
            ));
        }
        Ok(NewSubscription {
            book: super::book(&self.book)?,
            kinds,
            channel,
            address: self.endpoint,
            detail,
            time_zone: zone,
        })
    }
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionView {
    #[schema(example = "0k3n6q9t2v5a8d1g4j7m0p3s6u")]
    id: String,
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    book: String,
    #[schema(value_type = Vec<EventKind>, example = json!(["contact.created", "contact.changed", "contact.deleted"]))]
    kinds: Vec<String>,
    #[schema(value_type = Channel, example = "https")]
    channel: String,
    /// Where the messages go.
    #[schema(example = "https://hooks.example.org/contacts")]
    endpoint: String,
    #[schema(value_type = Detail, example = "none")]
    detail: String,
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// `pending`: whoever is there has to confirm, by the link in the message they got; `confirmed`:
    /// messages go there; `failed`: no more do, and `reason` says why.
    #[schema(example = "confirmed")]
    state: &'static str,
    /// Events from then on are told.
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    created: String,
    /// Why it failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the endpoint answered with status 410")]
    reason: Option<String>,
}

impl SubscriptionView {
    pub(crate) fn example() -> Self {
        let kinds = ["contact.created", "contact.changed", "contact.deleted"];
        Self {
            id: EXAMPLE_SUBSCRIPTION.to_owned(),
            book: EXAMPLE_BOOK.to_owned(),
            kinds: kinds.map(str::to_owned).to_vec(),
            channel: "https".to_owned(),
            endpoint: "https://hooks.example.org/contacts".to_owned(),
            detail: "none".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            state: EndpointState::Confirmed.name(),
            created: EXAMPLE_TIME.to_owned(),
            reason: None,
        }
    }
}

impl From<&Standing> for SubscriptionView {
    fn from(standing: &Standing) -> Self {
        let subscription = &standing.subscription;
        Self {
            id: subscription.id.to_string(),
            book: subscription.book.to_string(),
            kinds: subscription.kinds.clone(),
            channel: subscription.channel.clone(),
            endpoint: subscription.address.clone(),
            detail: subscription.detail.clone(),
            time_zone: subscription.time_zone.clone(),
            state: standing.state.name(),
            created: time(subscription.created),
            reason: standing.reason.clone(),
        }
    }
}

/// The subscription of a path; a malformed identifier names none.
#[derive(Debug)]
pub(crate) struct OfSubscription(SubscriptionId);

impl<S: Send + Sync> FromRequestParts<S> for OfSubscription {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let id = Path::<String>::from_request_parts(parts, state).await.ok();
        id.and_then(|Path(id)| id.parse().ok())
            .map(Self)
            .ok_or_else(Problem::subscription_not_found)
    }
}

fn answer(standing: &Standing) -> Answer {
    let path = format!("/v1/subscriptions/{}", standing.subscription.id);
    let view = SubscriptionView::from(standing);
    idempotency::answer(StatusCode::CREATED, &[(header::LOCATION, path)], &view)
}

/// Your subscriptions.
#[utoipa::path(
    get, path = "/v1/subscriptions", tag = "subscriptions", operation_id = "listSubscriptions",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
    ),
    responses((status = 200, description = "A page of subscriptions, by id.", body = Page<SubscriptionView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(who): Reader,
    query: Query,
) -> Result<Response> {
    query.only(&["limit", "cursor"])?;
    let (standing, next) = app
        .events
        .subscriptions(&who, query.text("cursor"), limit(&query)?)
        .await?;
    let views = standing.iter().map(SubscriptionView::from).collect();
    representation::json(StatusCode::OK, &Page::new(views, next))
}

/// Subscribes an email address, a queue or a URL to the events of a book.
///
/// Whoever is at an email address or a URL is asked to confirm by Amazon SNS, and gets messages from
/// then on; at most 5 confirmations may be awaited at once. An endpoint belongs to whoever subscribed it
/// first.
#[utoipa::path(
    post, path = "/v1/subscriptions", tag = "subscriptions", operation_id = "createSubscription",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer again, for 24 hours.", example = "5f0c7a52-7a5e-4f0e-9b59-3d1a4a0b5a4e")),
    request_body(content = SubscriptionBody, content_type = "application/json", example = json!({"book": "default", "kinds": ["contact.created", "contact.changed", "contact.deleted"], "channel": "https", "endpoint": "https://hooks.example.org/contacts", "detail": "none", "time_zone": "Europe/Berlin"})),
    responses((status = 201, description = "The new subscription.", body = SubscriptionView, headers(("Location" = String)))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(who): Writer,
    query: Query,
    key: IdempotencyKey,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    payload.of(&[MediaType::Json])?;
    let new = payload.json::<SubscriptionBody>()?.read()?;
    let request = ["POST", "/v1/subscriptions"];
    let claim = match once(&app.contacts, &who, &key, &request, &payload.bytes).await? {
        Once::Answered(response) => return Ok(response),
        Once::Run(claim) => claim,
    };
    let record = claim
        .as_ref()
        .map(|claim| (claim, &answer as &(dyn Fn(&Standing) -> Answer + Sync)));
    let standing = app.events.subscribe(&who, &new, record).await?;
    Ok(response(answer(&standing)))
}

/// A subscription, as it stands now.
#[utoipa::path(
    get, path = "/v1/subscriptions/{subscription}", tag = "subscriptions", operation_id = "readSubscription",
    params(("subscription" = String, Path, description = "The subscription's id.", example = "0k3n6q9t2v5a8d1g4j7m0p3s6u")),
    responses((status = 200, description = "The subscription.", body = SubscriptionView)),
)]
pub(crate) async fn read(
    State(app): State<App>,
    Reader(who): Reader,
    OfSubscription(id): OfSubscription,
    query: Query,
) -> Result<Response> {
    query.only(&[])?;
    let standing = app.events.subscription(&who, id).await?;
    representation::json(StatusCode::OK, &SubscriptionView::from(&standing))
}

/// Ends a subscription. What was sent by then may still arrive.
#[utoipa::path(
    delete, path = "/v1/subscriptions/{subscription}", tag = "subscriptions", operation_id = "deleteSubscription",
    params(("subscription" = String, Path, description = "The subscription's id.", example = "0k3n6q9t2v5a8d1g4j7m0p3s6u")),
    responses((status = 204, description = "It is gone.")),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Writer(who): Writer,
    OfSubscription(id): OfSubscription,
    query: Query,
) -> Result<Response> {
    query.only(&[])?;
    app.events.unsubscribe(&who, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
