//! The single DynamoDB table: books, contacts and all that makes them findable, tokens, and the records
//! of repeatable requests. `docs/DATA.md` is its map.
//!
//! The head of a contact is the truth; term rows are hints, checked on read. Every read is strongly
//! consistent. The store knows nothing of cards, HTTP or vCards.

mod backoff;
mod book;
mod check;
mod client;
mod contact;
mod error;
mod idempotency;
mod ids;
mod item;
mod job;
mod keys;
mod log;
mod outbox;
mod purge;
mod queue;
mod read;
mod subscription;
mod table;
mod token;
mod verify;
mod write;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use backoff::{Backoff, PATIENCE};
pub use book::{Book, Deletion};
pub use check::{Finding, Report};
pub use client::{client, sdk_config};
pub use contact::{Entry, Head, INLINE_BODY_BYTES, Listed, Original, Stored, Term};
pub use error::StoreError;
pub use idempotency::{Answer, Claim, Claimed, KEPT, LEASE, Recording};
pub use ids::{
    BookId, ContactId, EventId, InvalidId, JobId, SubscriptionId, TokenId, WriteId, digest_text,
    random_bytes,
};
pub use job::{Checkpoint, Job, JobError, JobState, NewJob, Origin, Progress};
pub use log::{Change, Run, TooOld};
pub use outbox::{Happened, Told, Touched, Unsent, Waiting};
pub use queue::Received;
pub use read::{Page, SEARCH_ROWS, Search};
pub use subscription::{
    Endpoint, EndpointState, MOST_AWAITED, MOST_SUBSCRIPTIONS, RESERVED, Subscribed, Subscription,
};
pub use token::Token;
pub use verify::{Flawed, Verified};
pub use write::{Decide, Decision, Done, Op, Record};

use crate::{book::Desks, table::Table};

/// The table and what this process remembers of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
    desks: Arc<Desks>,
    changes_days: u32,
    bell: Option<outbox::Bell>,
}

impl Store {
    /// The store in the table `name`. Its change log reaches back `changes_days`.
    pub fn new(
        client: aws_sdk_dynamodb::Client,
        name: impl Into<String>,
        changes_days: u32,
    ) -> Self {
        Self {
            table: Table {
                client,
                name: name.into(),
            },
            desks: Arc::default(),
            changes_days,
            bell: None,
        }
    }

    /// Now, to the millisecond: the precision of stored times.
    #[expect(
        clippy::unused_self,
        reason = "the one place where the store asks for the time"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default()
    }

    fn log_life(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.changes_days))
    }

    /// Whether the table answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.table
            .get(&keys::Key::new("ready", "ready"))
            .await
            .map(drop)
    }

    /// Makes the table where there is none: on demand, with its time to live. For the embedded and the
    /// test databases; on AWS it is Terraform's.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        client::create_table(&self.table).await
    }
}
