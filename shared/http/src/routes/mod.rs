//! The routes. Each handler takes what it needs, calls one use case and shows the result.

pub(crate) mod batch;
mod books;
pub(crate) mod changes;
mod contacts;
pub(crate) mod jobs;
mod service;
pub(crate) mod subscriptions;
pub(crate) mod system;
mod tokens;

use ::contacts::{BookRef, ContactId, Guard};
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    preconditions::Preconditions,
    problem::{Problem, Result},
    representation::{etag, etags},
};

/// Every route, and the document that describes them.
pub(crate) fn routes() -> (axum::Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(crate::openapi::base())
        .routes(routes!(service::health))
        .routes(routes!(service::ready))
        .routes(routes!(service::openapi))
        .routes(routes!(service::docs))
        .routes(routes!(books::list, books::create))
        .routes(routes!(books::read, books::rename, books::delete))
        .routes(routes!(contacts::list, contacts::create))
        .routes(routes!(batch::run))
        .routes(routes!(
            contacts::read,
            contacts::replace,
            contacts::patch,
            contacts::delete
        ))
        .routes(routes!(changes::read))
        .routes(routes!(jobs::list, jobs::start))
        .routes(routes!(jobs::read, jobs::cancel))
        .routes(routes!(jobs::report))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::read, subscriptions::delete))
        .routes(routes!(system::now))
        .routes(routes!(system::history))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .split_for_parts()
}

/// The book of a path; a malformed identifier names no book.
#[derive(Debug)]
pub(crate) struct InBook(pub(crate) BookRef);

/// The contact of a path, and its book.
#[derive(Debug)]
pub(crate) struct OfContact(pub(crate) BookRef, pub(crate) ContactId);

fn book(text: &str) -> Result<BookRef> {
    match text {
        "default" => Ok(BookRef::Default),
        id => id
            .parse()
            .map(BookRef::Id)
            .map_err(|_| Problem::book_not_found()),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InBook {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::book_not_found())?;
        book(&id).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfContact {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path((in_book, id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::contact_not_found())?;
        Ok(Self(
            book(&in_book)?,
            id.parse().map_err(|_| Problem::contact_not_found())?,
        ))
    }
}

/// Preconditions of a contact: `If-Match` takes the tag of any representation.
fn contact_guard(preconditions: Preconditions) -> Guard {
    Guard::new(move |revision| {
        let tags = revision.map_or_else(Vec::new, etags);
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        preconditions.allow_write(&tags).is_ok()
    })
}

/// Preconditions of a book.
fn book_guard(preconditions: Preconditions) -> Guard {
    Guard::new(move |revision| {
        let tag = revision.map(etag);
        preconditions.allow_write(tag.as_deref().as_slice()).is_ok()
    })
}

/// The page size that `limit` asks for.
fn limit(query: &crate::extract::Query) -> Result<usize> {
    Ok(query.integer("limit", 1..=500)?.unwrap_or(50) as usize)
}
