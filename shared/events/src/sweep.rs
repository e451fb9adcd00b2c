//! Finding what was left in the outbox: because the worker was not told, or died, or SNS failed.

use std::collections::HashSet;

use contacts_store::{EndpointState, Store, Waiting, random_bytes};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{Events, Published, Result};

/// What is younger is on its way by itself.
const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// How many rows are read at once.
const ROWS: usize = 200;

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many books had something unsent.
    pub books: u64,
    /// How many endpoints were looked at, whose coming or going had broken off.
    pub endpoints: u64,
    /// What was sent.
    pub published: Published,
    /// Since when the oldest event waits that was left, as far as it was seen.
    pub oldest: Option<Timestamp>,
    /// Whether there was time for everything.
    pub complete: bool,
}

impl Events {
    /// Goes through the whole outbox and sends what has waited for ten seconds, until `deadline`. It
    /// begins somewhere else each time, so that nothing is always too late.
    ///
    /// # Errors
    /// The table fails.
    pub async fn sweep(&self, deadline: Instant) -> Result<Swept> {
        let now = Timestamp::now();
        let swept = self.sweep_before(now - GRACE, deadline).await?;
        let age = swept.oldest.map(|oldest| now.duration_since(oldest));
        contacts_telemetry::outbox_swept(age.unwrap_or_default().as_secs_f64());
        Ok(swept)
    }

    /// The same with what has waited since before `before`.
    ///
    /// # Errors
    /// The table fails.
    pub async fn sweep_before(&self, before: Timestamp, deadline: Instant) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut books = HashSet::new();
        let [first] = random_bytes::<1>();
        for part in 0..Store::OUTBOX_PARTS {
            let part = (part + u32::from(first)) % Store::OUTBOX_PARTS;
            let mut after = None;
            loop {
                if Instant::now() >= deadline {
                    return Ok(swept);
                }
                let store = self.contacts.store();
                let (waiting, next) = store.waiting(part, before, after.as_deref(), ROWS).await?;
                for (what, since) in waiting {
                    let is_over = Instant::now() >= deadline;
                    match what {
                        Waiting::Book(book) if books.insert(book) => {
                            let mut left = is_over;
                            if !is_over {
                                swept.books += 1;
                                let published = self.publish_book(book).await?;
                                swept.published.add(published);
                                left = published.waiting > 0;
                            }
                            if left {
                                let oldest = swept.oldest.unwrap_or(since);
                                swept.oldest = Some(oldest.min(since));
                            }
                        }
                        Waiting::Endpoint(key) if !is_over => {
                            swept.endpoints += 1;
                            self.look_at(&key).await?;
                        }
                        Waiting::Book(_) | Waiting::Endpoint(_) => {}
                    }
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        swept.complete = true;
        Ok(swept)
    }

    /// Brings the coming or going of an endpoint to its end.
    async fn look_at(&self, key: &str) -> Result<()> {
        let store = self.contacts.store();
        let Some(mut endpoint) = store.endpoint(key).await? else {
            return Ok(store.drop_note(key).await?);
        };
        if endpoint.uses > 0 {
            // A new request for one that had failed broke off.
            if endpoint.state == EndpointState::Pending && endpoint.arn.is_none() {
                self.refresh(endpoint).await?;
            }
            return Ok(store.drop_note(key).await?);
        }
        if !endpoint.leaving && !store.leave(&mut endpoint).await? {
            return Ok(());
        }
        if self.settle(endpoint).await.is_err() {
            tracing::warn!("an endpoint waits for the next sweep to leave SNS");
        }
        Ok(())
    }
}
