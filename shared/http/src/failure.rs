//! How a failed use case becomes a problem.

use contacts::{Error, MAX_WORDS, StoreError};
use contacts_card::CardError;
use contacts_interchange::VCardError;

use crate::{problem::Problem, representation::etag};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::BookNotFound => Self::book_not_found(),
            Error::ContactNotFound => Self::contact_not_found(),
            Error::TokenNotFound => Self::token_not_found(),
            Error::PreconditionFailed(revision) => {
                Self::precondition_failed(revision.map(etag).as_deref())
            }
            Error::UidTaken(other) => Self::uid_taken(&other.to_string()),
            Error::UidChanged => Self::uid_changed(),
            Error::Card(error) => card(error),
            Error::VCard(error) => vcard(&error),
            Error::InvalidCursor => {
                Self::invalid_parameter("cursor", "the cursor of the page before, unchanged")
            }
            Error::TokenTooOld => Self::gone_token(),
            Error::TooManyWords => {
                Self::invalid_parameter("q", &format!("at most {MAX_WORDS} words"))
            }
            Error::BookNotEmpty => Self::book_not_empty(),
            Error::DefaultBook => Self::default_book(),
            Error::ScopeExceeded => Self::scope_exceeded(),
            Error::Store(error) => store(&error),
        }
    }
}

fn card(error: CardError) -> Problem {
    match error {
        CardError::Invalid(violations) => Problem::invalid_card(
            violations
                .into_iter()
                .map(|violation| (violation.pointer, violation.expected)),
        ),
        CardError::TooLarge { limit, max, actual } => {
            Problem::too_large(limit, max as u64, Some(actual as u64))
        }
        CardError::UidChanged => Problem::uid_changed(),
        CardError::NotJson { message } => Problem::invalid_json(message),
        other => Problem::invalid_json(other),
    }
}

fn vcard(error: &VCardError) -> Problem {
    match error {
        VCardError::TooLarge { limit, actual } => {
            Problem::too_large("bytes of a vCard", *limit as u64, Some(*actual as u64))
        }
        VCardError::Card(error) => card(error.clone()),
        error => Problem::invalid_vcard(error),
    }
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::Busy(_) => Problem::contended(),
        StoreError::LeaseLost => Problem::idempotency_running(),
        StoreError::BookGone => Problem::book_not_found(),
        error @ StoreError::Database { .. } => {
            tracing::error!(error = error as &dyn std::error::Error, "the table failed");
            Problem::unavailable(
                "The database does not answer as it should: try again in a moment.",
            )
        }
        error @ StoreError::Damaged(_) => Problem::internal("reading the table", error),
    }
}
