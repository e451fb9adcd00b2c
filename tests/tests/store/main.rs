//! The store on the embedded engine and on DynamoDB Local, in good and in bad weather.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

/// Runs each scenario on both databases.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(crate::bed::Bed::embedded().await).await;
            })*
        }
        mod dynamodb_local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(crate::bed::Bed::dynamodb_local().await).await;
            })*
        }
    };
}

mod basics;
mod batches;
mod bed;
mod books;
mod cards;
mod changes;
mod checker;
mod crashes;
mod faults;
mod growth;
mod hidden;
mod idempotency;
mod jobs;
mod late;
mod lists;
mod model;
mod outbox;
mod purge;
mod queue;
mod reader;
mod reindex;
mod search;
mod tokens;
mod verify;
mod writers;
