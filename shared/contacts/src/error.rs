//! What a use case can answer instead of its result.

use std::sync::Arc;

use contacts_card::CardError;
use contacts_interchange::VCardError;
use contacts_store::{ContactId, StoreError};
use jiff::Timestamp;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case was not carried out. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller has no such book.
    #[error("the caller has no such book")]
    BookNotFound,
    /// The book has no such contact.
    #[error("the book has no such contact")]
    ContactNotFound,
    /// The caller has no such token.
    #[error("the caller has no such token")]
    TokenNotFound,
    /// The thing is not at the revision that the caller asked for; the revision it has, if it exists.
    #[error("the revision is another one")]
    PreconditionFailed(Option<u64>),
    /// This other contact of the book has the UID.
    #[error("another contact has the UID")]
    UidTaken(ContactId),
    /// A UID stays what it is.
    #[error("the UID cannot change")]
    UidChanged,
    /// The card is not one.
    #[error(transparent)]
    Card(CardError),
    /// The vCard is not one.
    #[error(transparent)]
    VCard(Arc<VCardError>),
    /// The cursor or change token was not made for this request.
    #[error("the cursor was not made for this request")]
    InvalidCursor,
    /// The change log no longer reaches back to the token.
    #[error("the change token is too old")]
    TokenTooOld,
    /// The search has more words than are looked at.
    #[error("the search has too many words")]
    TooManyWords,
    /// The default book stays.
    #[error("the default book cannot be deleted")]
    DefaultBook,
    /// A token cannot grant what its maker does not have.
    #[error("the token would grant more than its maker has")]
    ScopeExceeded,
    /// A token cannot work longer than the one that makes it, which works until then.
    #[error("the token would outlive its maker")]
    ExpiryExceeded(Timestamp),
    /// The table failed or was too busy.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BookGone => Self::BookNotFound,
            error => Self::Store(Arc::new(error)),
        }
    }
}

impl From<CardError> for Error {
    fn from(error: CardError) -> Self {
        match error {
            CardError::UidChanged => Self::UidChanged,
            error => Self::Card(error),
        }
    }
}

impl From<VCardError> for Error {
    fn from(error: VCardError) -> Self {
        Self::VCard(Arc::new(error))
    }
}
