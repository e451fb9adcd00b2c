//! What can go wrong below the domain.

/// A failure of the store. None of them leaves a write half done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The book does not exist (any more).
    #[error("the book does not exist")]
    BookGone,
    /// Other writers, or the table's capacity, kept the write from happening for the whole time it
    /// may take: worth trying again.
    #[error("the table was too busy for {0:?}")]
    Busy(std::time::Duration),
    /// The database refused or could not be reached.
    #[error("the database failed at {operation}")]
    Database {
        /// The DynamoDB operation.
        operation: &'static str,
        /// The SDK's error; it holds no item data.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An item is not of the form this version writes.
    #[error("the item is damaged: {0}")]
    Damaged(&'static str),
    /// The idempotency record was taken over by a later request, because this one ran past its lease.
    #[error("the request ran past its lease")]
    LeaseLost,
}
