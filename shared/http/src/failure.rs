//! How a failed use case becomes a problem.

use contacts::{Error, MAX_WORDS, StoreError};
use contacts_card::CardError;
use contacts_events::Error as EventsError;
use contacts_history::Error as HistoryError;
use contacts_interchange::VCardError;
use contacts_jobs::Error as JobsError;

use crate::{
    problem::{Limit, Problem},
    representation::{etag, time},
};

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
            Error::Card(error) => card(error, Limit::Card),
            Error::VCard(error) => vcard(&error),
            Error::InvalidCursor => {
                Self::invalid_parameter("cursor", "the cursor of the page before, unchanged")
            }
            Error::TokenTooOld => Self::gone_token(),
            Error::TooManyWords => {
                Self::invalid_parameter("q", &format!("at most {MAX_WORDS} words"))
            }
            Error::DefaultBook => Self::default_book(),
            Error::ScopeExceeded => Self::scope_exceeded(),
            Error::ExpiryExceeded(until) => Self::expiry_exceeded(&time(until)),
            Error::Store(error) => store(&error),
        }
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::JobNotFound => Self::job_not_found(),
            JobsError::UnknownKind(kinds) => {
                let kinds = kinds.join(", ");
                Self::invalid_json(format_args!("\"kind\" is one of {kinds}"))
            }
            JobsError::NotStoppable => Self::job_not_stoppable(),
            JobsError::Contacts(error) => error.into(),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            error @ HistoryError::Damaged(_) => Self::internal("reading the history", &error),
            error => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the history failed"
                );
                Self::no_objects()
            }
        }
    }
}

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::SubscriptionNotFound => Self::subscription_not_found(),
            EventsError::Endpoint(refusal) => Self::invalid_endpoint(refusal),
            EventsError::EndpointTaken => Self::endpoint_in_use(),
            EventsError::Limit(limit) => Self::too_many_subscriptions(limit),
            EventsError::Sns => Self::no_topic(),
            EventsError::Contacts(error) => error.into(),
        }
    }
}

/// The limit that `CardError` gives this name; the others are of a card's bytes.
const WORDS: &str = "words to be found by";

fn card(error: CardError, bytes: Limit) -> Problem {
    match error {
        CardError::Invalid(violations) => Problem::invalid_card(
            violations
                .into_iter()
                .map(|violation| (violation.pointer, violation.expected)),
        ),
        CardError::TooLarge { limit, max, actual } => {
            let what = if limit == WORDS { Limit::Words } else { bytes };
            Problem::too_large(what, max as u64, Some(actual as u64))
        }
        CardError::UidChanged => Problem::uid_changed(),
        CardError::NotJson { message } => Problem::invalid_json(message),
        other => Problem::invalid_json(other),
    }
}

fn vcard(error: &VCardError) -> Problem {
    match error {
        VCardError::TooLarge { limit, actual } => {
            Problem::too_large(Limit::VCard, *limit as u64, Some(*actual as u64))
        }
        VCardError::Card(error) => card(error.clone(), Limit::CardOfVCard),
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
            Problem::no_database()
        }
        error @ StoreError::Damaged(_) => Problem::internal("reading the table", error),
    }
}
