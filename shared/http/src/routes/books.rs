//! Books.

use ::contacts::{Answer, Book, Origin};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    InBook, book_guard,
    jobs::{JobView, accepted},
    limit,
};
use crate::{
    app::App,
    caller::{Reader, Writer},
    extract::{IdempotencyKey, MediaType, Payload, Query},
    idempotency::{self, Once, once, response},
    preconditions::Preconditions,
    problem::{Problem, Result},
    representation::{self, BookView, Page, etag},
};

/// The most characters of a book's name.
const NAME_CHARS: usize = 200;

/// What can be said about a book.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookBody {
    /// 1 to 200 characters, none of them control characters.
    #[schema(example = "Family", min_length = 1, max_length = 200)]
    name: String,
}

impl BookBody {
    fn name(self) -> Result<String> {
        let fits = (1..=NAME_CHARS).contains(&self.name.chars().count());
        if fits && !self.name.trim().is_empty() && !self.name.chars().any(char::is_control) {
            return Ok(self.name);
        }
        Err(Problem::invalid_json(format_args!(
            "\"name\" is 1 to {NAME_CHARS} characters, none of them control characters"
        )))
    }
}

fn show(status: StatusCode, book: &Book) -> Result<Response> {
    let mut response = representation::json(status, &BookView::from(book))?;
    representation::set(&mut response, header::ETAG, &etag(book.revision));
    Ok(response)
}

fn answer(book: &Book) -> Answer {
    let headers = [
        (header::ETAG, etag(book.revision)),
        (header::LOCATION, format!("/v1/books/{}", book.id)),
    ];
    idempotency::answer(StatusCode::CREATED, &headers, &BookView::from(book))
}

/// Your books, the default one among them.
#[utoipa::path(
    get, path = "/v1/books", tag = "books", operation_id = "listBooks",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
    ),
    responses((status = 200, description = "A page of books, by id.", body = Page<BookView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(who): Reader,
    query: Query,
) -> Result<Response> {
    query.only(&["limit", "cursor"])?;
    let (books, next) = app
        .contacts
        .books(&who, query.text("cursor"), limit(&query)?)
        .await?;
    let views = books.iter().map(BookView::from).collect();
    representation::json(StatusCode::OK, &Page::new(views, next))
}

/// Creates a book.
#[utoipa::path(
    post, path = "/v1/books", tag = "books", operation_id = "createBook",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer again, for 24 hours.", example = "5f0c7a52-7a5e-4f0e-9b59-3d1a4a0b5a4e")),
    request_body(content = BookBody, content_type = "application/json", example = json!({"name": "Family"})),
    responses((status = 201, description = "The new book.", body = BookView, headers(("ETag" = String), ("Location" = String)))),
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
    let name = payload.json::<BookBody>()?.name()?;
    let claim = match once(
        &app.contacts,
        &who,
        &key,
        &["POST", "/v1/books"],
        &payload.bytes,
    )
    .await?
    {
        Once::Answered(response) => return Ok(response),
        Once::Run(claim) => claim,
    };
    let record = claim
        .as_ref()
        .map(|claim| (claim, &answer as &(dyn Fn(&Book) -> Answer + Sync)));
    let book = app.contacts.create_book(&who, &name, record).await?;
    Ok(response(answer(&book)))
}

/// A book.
#[utoipa::path(
    get, path = "/v1/books/{book}", tag = "books", operation_id = "readBook",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("If-None-Match" = Option<String>, Header, description = "304 if the book still has this ETag.", example = "\"2\""),
        ("If-Match" = Option<String>, Header, description = "412 unless the book still has this ETag.", example = "\"1\""),
    ),
    responses(
        (status = 200, description = "The book.", body = BookView, headers(("ETag" = String))),
        (status = 304, description = "`If-None-Match` names the current ETag."),
    ),
)]
pub(crate) async fn read(
    State(app): State<App>,
    Reader(who): Reader,
    InBook(book): InBook,
    query: Query,
    preconditions: Preconditions,
) -> Result<Response> {
    query.only(&[])?;
    let book = app.contacts.book(&who, book).await?;
    let tag = etag(book.revision);
    if preconditions.not_modified(&tag, &[&tag])? {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        representation::set(&mut response, header::ETAG, &tag);
        return Ok(response);
    }
    show(StatusCode::OK, &book)
}

/// Gives a book another name.
#[utoipa::path(
    patch, path = "/v1/books/{book}", tag = "books", operation_id = "renameBook",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("If-Match" = Option<String>, Header, description = "Only if the book still has this ETag.", example = "\"1\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if the book has none of these ETags."),
    ),
    request_body(content(
        (BookBody = "application/merge-patch+json", example = json!({"name": "Friends"})),
        (BookBody = "application/json", example = json!({"name": "Friends"})),
    )),
    responses((status = 200, description = "The book as it is now.", body = BookView, headers(("ETag" = String)))),
)]
pub(crate) async fn rename(
    State(app): State<App>,
    Writer(who): Writer,
    InBook(book): InBook,
    query: Query,
    preconditions: Preconditions,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    payload.of(&[MediaType::MergePatch, MediaType::Json])?;
    let name = payload.json::<BookBody>()?.name()?;
    let book = app
        .contacts
        .rename_book(&who, book, &name, &book_guard(preconditions))
        .await?;
    show(StatusCode::OK, &book)
}

/// Deletes a book. One that holds contacts is gone at once, too; a job removes what it held.
#[utoipa::path(
    delete, path = "/v1/books/{book}", tag = "books", operation_id = "deleteBook",
    params(
        ("book" = String, Path, description = "The book's id.", example = "5l2c8v0q6m1t4s9r3n7p0k2j8g"),
        ("If-Match" = Option<String>, Header, description = "Only if the book still has this ETag.", example = "\"1\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if the book has none of these ETags."),
    ),
    responses(
        (status = 202, description = "It is gone; `Location` tells of the job that removes its contacts.", body = JobView, headers(("Location" = String), ("Retry-After" = u32))),
        (status = 204, description = "It is gone; it held no contacts."),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Writer(who): Writer,
    Extension(origin): Extension<Origin>,
    InBook(book): InBook,
    query: Query,
    preconditions: Preconditions,
) -> Result<Response> {
    query.only(&[])?;
    let guard = book_guard(preconditions);
    let job = app.jobs.delete_book(&who, &origin, book, &guard).await?;
    Ok(match job {
        // What one that was emptied leaves behind is nobody's concern.
        Some(job) if job.total != Some(0) => response(accepted(&job)),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}
