//! Why a use case was not carried out.

use contacts::StoreError;

use crate::endpoint::Refusal;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// A limit that keeps a subscription from being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The book has as many subscriptions as it may.
    Book,
    /// The caller has as many confirmations awaited as they may.
    Awaited,
    /// The topic has as many subscriptions or filter policies as Amazon SNS allows.
    Topic,
}

/// Why a use case was not carried out. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller has no such subscription.
    #[error("the caller has no such subscription")]
    SubscriptionNotFound,
    /// Messages cannot go there.
    #[error("messages cannot go there: {0}")]
    Endpoint(Refusal),
    /// The endpoint is somebody else's.
    #[error("somebody else has the endpoint")]
    EndpointTaken,
    /// One more would be above a limit.
    #[error("a limit of subscriptions is reached")]
    Limit(Limit),
    /// SNS cannot be reached, or does not do as it is told.
    #[error("SNS failed")]
    Sns,
    /// What the domain answers.
    #[error(transparent)]
    Contacts(#[from] contacts::Error),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Contacts(error.into())
    }
}
