//! The queue as rows of the table: for the standalone process, and for a container without SQS.

use std::{sync::Arc, time::Duration};

use contacts_store::{Store, StoreError};
use tokio::sync::Notify;

use super::{Delivery, QueueError};
use crate::{MAX_RECEIVES, Message};

/// For how long a delivered message stays away from others.
pub(super) const VISIBILITY: Duration = Duration::from_secs(30);
/// How often the table is asked where nobody says that there is something new.
const PAUSE: Duration = Duration::from_secs(1);

/// A queue in the table.
#[derive(Debug, Clone)]
pub struct TableQueue {
    store: Store,
    /// Rings where this process itself has sent something.
    bell: Arc<Notify>,
}

impl TableQueue {
    /// The queue of the store's table.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            bell: Arc::default(),
        }
    }

    pub(super) async fn send(&self, body: &str) -> Result<(), QueueError> {
        self.store.enqueue(body).await.map_err(failed("send"))?;
        self.bell.notify_one();
        Ok(())
    }

    pub(super) async fn receive(&self, most: usize) -> Result<Vec<Delivery>, QueueError> {
        let received = self
            .store
            .dequeue(most, VISIBILITY, MAX_RECEIVES)
            .await
            .map_err(failed("receive"))?;
        if received.is_empty() {
            // Nothing is lost if it rings in vain, or not at all.
            let _ = tokio::time::timeout(PAUSE, self.bell.notified()).await;
        }
        let deliveries = received.into_iter().map(|row| Delivery {
            message: Message::read(&row.body),
            receives: row.receives,
            handle: row.handle,
        });
        Ok(deliveries.collect())
    }

    pub(super) async fn delete(&self, handle: &str) -> Result<(), QueueError> {
        let done = self.store.delete_message(handle).await;
        done.map_err(failed("delete"))
    }

    pub(super) async fn hold(&self, handle: &str, time: Duration) -> Result<(), QueueError> {
        let held = self.store.hold_message(handle, time).await;
        held.map_err(failed("hold"))?;
        if time.is_zero() {
            self.bell.notify_one();
        }
        Ok(())
    }

    pub(super) async fn redrive(&self) -> Result<usize, QueueError> {
        let moved = self
            .store
            .revive_messages(Message::brought_back)
            .await
            .map_err(failed("redrive"))?;
        self.bell.notify_one();
        Ok(moved)
    }
}

fn failed(operation: &'static str) -> impl FnOnce(StoreError) -> QueueError {
    move |error| QueueError::new(operation, error)
}
