//! The change feed.

use ::contacts::Error;
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{InBook, limit};
use crate::{
    app::App,
    caller::Reader,
    extract::Query,
    problem::{Problem, Result},
    representation::{self, EXAMPLE_CONTACT, etag},
};

/// What happened to a contact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeView {
    #[schema(example = "7h3k9m2p5r8t1v4c6e0g2j5l8o")]
    id: String,
    /// The ETag that it has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "\"2\"")]
    etag: Option<String>,
    /// `true`: it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<bool>,
}

impl ChangeView {
    fn of(id: String, revision: Option<u64>) -> Self {
        Self {
            id,
            etag: revision.map(etag),
            deleted: revision.is_none().then_some(true),
        }
    }
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changes {
    changes: Vec<ChangeView>,
    /// Where to go on: the next `since`.
    #[schema(example = "3q2-7wABc2FtcGxl")]
    token: String,
    /// Whether to go on at once.
    #[schema(example = false)]
    more: bool,
}

impl Changes {
    pub(crate) fn example() -> Self {
        Self {
            changes: vec![
                ChangeView::of(EXAMPLE_CONTACT.to_owned(), Some(2)),
                ChangeView::of("2c5e8g1i4k7m0o3q6s9u2b5d8g".to_owned(), None),
            ],
            token: "3q2-7wABc2FtcGxl".to_owned(),
            more: false,
        }
    }
}

/// What changed since a token, deletions included.
///
/// Without a token it begins with every contact there is. A contact comes at most once a page, with its
/// last state; a contact that is deleted may come without having come before.
#[utoipa::path(
    get, path = "/v1/books/{book}/changes", tag = "contacts", operation_id = "readChanges",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("since" = Option<String>, Query, description = "The token of the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
    ),
    responses((status = 200, description = "A page of changes, oldest first.", body = Changes)),
)]
pub(crate) async fn read(
    State(app): State<App>,
    Reader(who): Reader,
    InBook(book): InBook,
    query: Query,
) -> Result<Response> {
    query.only(&["since", "limit"])?;
    let feed = app
        .contacts
        .changes(&who, book, query.text("since"), limit(&query)?)
        .await
        .map_err(|error| match error {
            Error::InvalidCursor => {
                Problem::invalid_parameter("since", "the token of a page before, unchanged")
            }
            error => error.into(),
        })?;
    let changes = feed
        .changes
        .iter()
        .map(|change| ChangeView::of(change.id.to_string(), change.revision));
    let changes = Changes {
        changes: changes.collect(),
        token: feed.token,
        more: feed.more,
    };
    representation::json(StatusCode::OK, &changes)
}
