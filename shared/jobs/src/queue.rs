//! The queue: SQS, or rows of the table where there is no SQS.

mod sqs;
mod table;

use std::time::Duration;

pub use sqs::Sqs;
pub use table::TableQueue;

use aws_config::SdkConfig;
use contacts_store::Store;
use contacts_telemetry::{
    self as telemetry,
    traces::{self, Carrier},
};
use tracing::{Instrument as _, Span};

use crate::Message;

/// A queue that delivers each message at least once.
#[derive(Debug, Clone)]
pub enum Queue {
    /// Amazon SQS.
    Sqs(Sqs),
    /// Rows of the table, for a process that has its worker inside.
    Table(TableQueue),
}

/// A message on loan: it comes back unless it is deleted in time.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message; none where it is not one of ours.
    pub message: Option<Message>,
    /// How often it was received, this time included.
    pub receives: u32,
    /// By what the queue knows this delivery.
    pub(crate) handle: String,
}

/// The queue did not do as it was told; worth trying again.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed at {operation}")]
pub struct QueueError {
    /// What was tried.
    pub operation: &'static str,
    /// Why it failed; without message bodies.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl QueueError {
    fn new(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        telemetry::queue_failure(operation);
        Self {
            operation,
            source: source.into(),
        }
    }
}

impl Delivery {
    /// A message that somebody else keeps from others, and deletes.
    pub fn new(body: &str, receives: u32) -> Self {
        Self {
            message: Message::read(body),
            receives,
            handle: String::new(),
        }
    }
}

impl Queue {
    /// The SQS queue at `url`, reached as `sdk` says; without a URL, rows of the store's table.
    pub fn new(sdk: &SdkConfig, url: Option<&str>, store: &Store) -> Self {
        match url {
            Some(url) => Self::Sqs(Sqs::new(sdk, url)),
            None => Self::Table(TableQueue::new(store.clone())),
        }
    }

    /// What traces call it.
    fn name(&self) -> (Carrier, &str) {
        match self {
            Self::Sqs(sqs) => (Carrier::Sqs, sqs.name()),
            Self::Table(_) => (Carrier::Table, "queue"),
        }
    }

    /// The span of the work for one of its messages, which `parent` asked for.
    pub(crate) fn processing(&self, parent: Option<&str>) -> Span {
        let (carrier, name) = self.name();
        traces::process(carrier, name, parent)
    }

    /// Puts a message into the queue.
    pub async fn send(&self, message: &Message) -> Result<(), QueueError> {
        let (carrier, name) = self.name();
        let span = traces::send(carrier, name);
        let text = message.text();
        let send = async {
            match self {
                Self::Sqs(sqs) => sqs.send(&text).await,
                Self::Table(table) => table.send(&text).await,
            }
        };
        let sent = send.instrument(span.clone()).await;
        if sent.is_err() {
            traces::failed(&span);
        }
        sent
    }

    /// Waits for messages, at most `most` of them and for some seconds.
    pub async fn receive(&self, most: usize) -> Result<Vec<Delivery>, QueueError> {
        match self {
            Self::Sqs(sqs) => sqs.receive(most).await,
            Self::Table(table) => table.receive(most).await,
        }
    }

    /// Deletes a message: what it asked for is done, or another one carries it on.
    pub async fn delete(&self, delivery: &Delivery) -> Result<(), QueueError> {
        match self {
            Self::Sqs(sqs) => sqs.delete(&delivery.handle).await,
            Self::Table(table) => table.delete(&delivery.handle).await,
        }
    }

    /// Keeps the message from others for `time` from now; none at all gives it back at once.
    pub async fn hold(&self, delivery: &Delivery, time: Duration) -> Result<(), QueueError> {
        match self {
            Self::Sqs(sqs) => sqs.hold(&delivery.handle, time).await,
            Self::Table(table) => table.hold(&delivery.handle, time).await,
        }
    }

    /// Moves every message of the dead-letter queue back, and says how many there were.
    ///
    /// # Errors
    /// The queue has no dead-letter queue, or fails; what was moved by then stays moved.
    pub async fn redrive(&self) -> Result<usize, QueueError> {
        match self {
            Self::Sqs(sqs) => sqs.redrive().await,
            Self::Table(table) => table.redrive().await,
        }
    }

    /// For how long a delivered message stays away from others.
    pub async fn visibility(&self) -> Result<Duration, QueueError> {
        match self {
            Self::Sqs(sqs) => sqs.visibility().await,
            Self::Table(_) => Ok(table::VISIBILITY),
        }
    }
}
