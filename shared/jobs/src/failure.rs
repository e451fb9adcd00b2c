//! Why jobs fail.

use contacts_store::JobError;

use crate::MAX_RECEIVES;

/// A kind of failure; its code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It was tried too often without progress.
    GaveUp,
    /// This version does not know its kind.
    UnknownKind,
    /// The book that it is about was deleted.
    BookDeleted,
}

impl Failure {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::GaveUp, Self::UnknownKind, Self::BookDeleted];

    /// As the API and the table write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::GaveUp => "gave-up",
            Self::UnknownKind => "unknown-kind",
            Self::BookDeleted => "book-deleted",
        }
    }

    /// The `type` of RFC 9457 of a failure with this code: its description on the reference page.
    pub fn uri_of(code: &str) -> String {
        format!("/docs#job-{code}")
    }

    /// [`Failure::uri_of`] its own code.
    pub fn uri(self) -> String {
        Self::uri_of(self.code())
    }

    /// What happened and what to do.
    pub fn detail(self) -> String {
        match self {
            Self::GaveUp => format!(
                "The job was tried {MAX_RECEIVES} times without progress. What it had done stays done. \
                 See the worker's log for the cause, mend it, and bring the job back with `make redrive`; \
                 standalone does that at each start."
            ),
            Self::UnknownKind => {
                "No running worker knows this kind of job. Deploy a version that does, then bring the job \
                 back with `make redrive`; standalone does that at each start."
                    .to_owned()
            }
            Self::BookDeleted => {
                "The book was deleted while the job ran; there is nothing left to do.".to_owned()
            }
        }
    }

    pub(crate) fn error(self) -> JobError {
        JobError {
            code: self.code().to_owned(),
            detail: self.detail(),
        }
    }
}
