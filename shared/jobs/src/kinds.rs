//! The kinds of jobs: a file each, and a line in the list below.

use contacts::{Error, Job, StoreError};
use contacts_store::Progress;
use futures::future::BoxFuture;

use crate::{Failure, Jobs, QueueError};

/// A kind of job.
pub(crate) struct Kind {
    /// As the API, the table and the metrics call it.
    pub(crate) name: &'static str,
    /// Whether it can be asked for, for a book of one's own.
    pub(crate) is_for_everybody: bool,
    /// Whether it can be stopped halfway.
    pub(crate) is_stoppable: bool,
}

/// What a step comes to.
pub(crate) type Step = Result<Progress, StepError>;

/// Why a step came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// It is worth another try.
    #[error(transparent)]
    Again(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// It never will.
    #[error("the job cannot be done")]
    Never(Failure),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Again(error.into())
    }
}

impl From<contacts_events::Error> for StepError {
    fn from(error: contacts_events::Error) -> Self {
        Self::Again(error.into())
    }
}

impl From<contacts_history::Error> for StepError {
    fn from(error: contacts_history::Error) -> Self {
        Self::Again(error.into())
    }
}

impl From<QueueError> for StepError {
    fn from(error: QueueError) -> Self {
        Self::Again(error.into())
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        match error {
            Error::BookNotFound => Self::Never(Failure::BookDeleted),
            error => Self::Again(error.into()),
        }
    }
}

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        $(mod $kind;)*
        const KINDS: &[Kind] = &[$($kind::KIND),*];

        /// Does the next step of a job of this kind. It may run twice, at the same time, or break off at any line.
        ///
        /// It is no member of [`Kind`]: the API looks kinds up and runs none, and so has none of their code.
        pub(crate) fn step<'a>(kind: &Kind, jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
            $(
                if kind.name == $kind::KIND.name {
                    return $kind::step(jobs, job);
                }
            )*
            Box::pin(std::future::ready(Err(StepError::Never(Failure::UnknownKind))))
        }
    };
}

kinds! {
    anniversaries,
    compact_history,
    delete_book,
    purge,
    reindex_book,
    sweep_outbox,
    verify_book,
}

pub(crate) const DELETE_BOOK: &str = delete_book::KIND.name;

/// The kind of this name.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The kinds that can be asked for.
pub(crate) fn startable() -> Vec<&'static str> {
    let kinds = KINDS.iter().filter(|kind| kind.is_for_everybody);
    kinds.map(|kind| kind.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_of_their_own_and_every_schedule_has_a_kind() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert!(
                KINDS[..at].iter().all(|other| other.name != kind.name),
                "{}",
                kind.name
            );
            assert_eq!(find(kind.name).map(|kind| kind.name), Some(kind.name));
        }
        for schedule in crate::SCHEDULES {
            let kind = find(schedule.kind).unwrap();
            assert!(!kind.is_for_everybody, "{}", kind.name);
        }
        assert!(find(DELETE_BOOK).is_some_and(|kind| !kind.is_for_everybody && !kind.is_stoppable));
    }
}
