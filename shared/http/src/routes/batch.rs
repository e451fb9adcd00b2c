//! Many writes in one request.

use ::contacts::{BatchOp, Draft, Error, Outcome, Position};
use axum::{extract::State, response::Response};
use contacts_interchange::split;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;

use super::{InBook, contact_guard};
use crate::{
    app::App,
    caller::Writer,
    extract::{IdempotencyKey, MediaType, Payload, Query},
    idempotency::{self, Once, once, response},
    layers::Meter,
    preconditions::Preconditions,
    problem::{Limit, Problem, Result},
    representation::{EXAMPLE_CONTACT, etag},
};

/// The most items of a batch.
pub(crate) const MOST: usize = 200;

/// What a batch is to do, in order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody<'a> {
    /// At most 200.
    #[serde(borrow)]
    items: Vec<BatchItem<'a>>,
}

/// One write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchItem<'a> {
    /// `create`, `update` or `delete`.
    #[schema(example = "create")]
    op: String,
    /// The contact to update or delete.
    id: Option<String>,
    /// Only if the contact still has this ETag.
    #[schema(example = "\"1\"")]
    if_match: Option<String>,
    /// The card to create, or to put in the contact's place.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>, example = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}}))]
    card: Option<&'a RawValue>,
}

/// What became of each write, in order.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what `show` writes")]
pub(crate) struct BatchAnswer {
    items: Vec<BatchOutcome>,
}

/// What became of a write.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the schema of what `show` writes")]
pub(crate) struct BatchOutcome {
    /// As the same request alone would have been answered.
    #[schema(example = 201)]
    status: u16,
    /// The contact.
    #[schema(example = "7h3k9m2p5r8t1v4c6e0g2j5l8o")]
    id: Option<String>,
    /// Its new ETag.
    #[schema(example = "\"1\"")]
    etag: Option<String>,
    /// Problem Details, where it was not done.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

fn op(item: BatchItem<'_>) -> std::result::Result<BatchOp, Problem> {
    let card = |card: Option<&RawValue>| {
        let card = card.ok_or_else(|| Problem::invalid_json("\"card\" is missing"))?;
        Ok::<_, Problem>(Draft::Json(card.get().as_bytes().to_vec()))
    };
    let id = |id: Option<String>| {
        let id = id.ok_or_else(|| Problem::invalid_json("\"id\" is missing"))?;
        id.parse().map_err(|_| Problem::contact_not_found())
    };
    let guard = || {
        let mut headers = HeaderMap::new();
        if let Some(tags) = &item.if_match {
            let tags = HeaderValue::from_str(tags)
                .map_err(|_| Problem::invalid_json("\"if_match\" is an ETag in double quotes"))?;
            headers.insert(header::IF_MATCH, tags);
        }
        Preconditions::from_headers(&headers).map(contact_guard)
    };
    match item.op.as_str() {
        "create" if item.id.is_some() || item.if_match.is_some() => Err(Problem::invalid_json(
            "\"create\" takes neither \"id\" nor \"if_match\"",
        )),
        "create" => Ok(BatchOp::Create(card(item.card)?)),
        "update" => Ok(BatchOp::Update(
            id(item.id.clone())?,
            card(item.card)?,
            guard()?,
        )),
        "delete" if item.card.is_some() => {
            Err(Problem::invalid_json("\"delete\" takes no \"card\""))
        }
        "delete" => Ok(BatchOp::Delete(id(item.id.clone())?, guard()?)),
        _ => Err(Problem::invalid_json("\"op\" is create, update or delete")),
    }
}

/// The writes that a body asks for; what was wrong with single ones is said in their place.
fn ops(payload: &Payload) -> Result<Vec<std::result::Result<BatchOp, Problem>>> {
    let ops: Vec<_> = match payload.of(&[MediaType::Json, MediaType::VCard])? {
        MediaType::VCard => {
            let refused = |error| Problem::from(Error::from(error));
            let pieces = split(payload.text()?.as_bytes()).map_err(refused)?;
            let op = |card: &[u8]| BatchOp::Create(Draft::VCard(card.to_vec()));
            pieces
                .into_iter()
                .map(|piece| piece.map(op).map_err(refused))
                .collect()
        }
        _ => {
            let body: BatchBody<'_> = payload.json()?;
            body.items.into_iter().map(op).collect()
        }
    };
    if ops.len() > MOST {
        return Err(Problem::too_large(
            Limit::BatchItems,
            MOST as u64,
            Some(ops.len() as u64),
        ));
    }
    Ok(ops)
}

/// How many violations an item's error names: 200 items must fit one answer.
const ITEM_VIOLATIONS: usize = 3;

fn failed(problem: &Problem) -> Value {
    let mut error = problem.document(None);
    if let Some(violations) = error.get_mut("errors").and_then(Value::as_array_mut) {
        violations.truncate(ITEM_VIOLATIONS);
    }
    json!({"status": problem.kind().status().as_u16(), "error": error})
}

fn show(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Created(id) => json!({"status": 201, "id": id.to_string(), "etag": etag(1)}),
        Outcome::Updated(id, revision) => {
            json!({"status": 200, "id": id.to_string(), "etag": etag(*revision)})
        }
        Outcome::Deleted(id) => json!({"status": 204, "id": id.to_string()}),
        Outcome::Refused(error) => failed(&Problem::from(error.clone())),
    }
}

/// One of each outcome.
pub(crate) fn example() -> Value {
    let id = EXAMPLE_CONTACT.parse().expect("it is an identifier");
    let outcomes = [
        Outcome::Created(id),
        Outcome::Updated(id, 2),
        Outcome::Deleted(id),
        Outcome::Refused(Error::UidTaken(id)),
    ];
    json!({"items": outcomes.iter().map(show).collect::<Vec<_>>()})
}

/// Up to 200 writes, each with an outcome of its own.
///
/// The body is a list of operations, or several vCards, each of which is created. Text between them,
/// and a vCard without its end, are refused in their places and leave the others alone; only a body
/// without any whole vCard is refused as such. `text/x-vcard` and `text/directory`, as older programs
/// call it, are taken like `text/vcard`.
#[utoipa::path(
    post, path = "/v1/books/{book}/contacts/batch", tag = "contacts", operation_id = "batchContacts",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer again, for 24 hours.", example = "5f0c7a52-7a5e-4f0e-9b59-3d1a4a0b5a4e"),
    ),
    request_body(content(
        (BatchBody<'_> = "application/json", example = json!({"items": [
            {"op": "create", "card": {"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}}},
            {"op": "update", "id": "7h3k9m2p5r8t1v4c6e0g2j5l8o", "if_match": "\"1\"", "card": {"@type": "Card", "version": "1.0", "name": {"full": "Charles Babbage"}}},
            {"op": "delete", "id": "2c5e8g1i4k7m0o3q6s9u2b5d8g"},
        ]})),
        (String = "text/vcard", example = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nEND:VCARD\r\nBEGIN:VCARD\r\nVERSION:4.0\r\nFN:Charles Babbage\r\nEND:VCARD\r\n"),
    )),
    responses((status = 200, description = "What became of each, in order.", body = BatchAnswer)),
)]
pub(crate) async fn run(
    State(app): State<App>,
    counted: (Writer, Meter),
    InBook(book): InBook,
    uri: http::Uri,
    query: Query,
    key: IdempotencyKey,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    let (mut writes, mut problems) = (Vec::new(), Vec::new());
    let (Writer(who), meter) = counted;
    let ops = ops(&payload)?;
    // The request itself was counted when it came in.
    meter.charge(ops.len().saturating_sub(1)).await?;
    for op in ops {
        match op {
            Ok(op) => {
                writes.push(op);
                problems.push(None);
            }
            Err(problem) => problems.push(Some(failed(&problem))),
        }
    }
    let kind = payload.media_type.map_or("", MediaType::name);
    let claim = match once(
        &app.contacts,
        &who,
        &key,
        &["POST", uri.path(), kind],
        &payload.bytes,
    )
    .await?
    {
        Once::Answered(response) => return Ok(response),
        Once::Run(claim) => claim,
    };
    // Writes that could not be read take their places between those that were carried out.
    let answer = |position: Position| {
        let mut done = position.items.into_iter();
        let items = problems
            .iter()
            .map(|problem| problem.clone().or_else(|| done.next()));
        let body = json!({"items": items.collect::<Option<Vec<_>>>()});
        idempotency::answer(StatusCode::OK, &[], &body)
    };
    let answer = app
        .contacts
        .batch(&who, book, writes, claim.as_ref(), &show, &answer)
        .await?;
    Ok(response(answer))
}
