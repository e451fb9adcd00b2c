//! What happens by the clock. On AWS, `EventBridge` Scheduler puts `{"schedule": "KIND"}` into the queue;
//! where the queue is in the table, the process itself does.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, interval_at},
};

use crate::{Message, Queue};

/// A kind of job that is done by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The kind of job, and what the message says.
    pub kind: &'static str,
    /// From one time to the next.
    pub every: Duration,
    /// Whether DynamoDB itself does it, so that it is for other databases alone.
    pub is_for_tables_without_ttl: bool,
}

/// All schedules: this table is what the timer here and the infrastructure follow.
pub const SCHEDULES: &[Schedule] = &[
    Schedule {
        kind: "sweep-outbox",
        every: Duration::from_secs(60),
        is_for_tables_without_ttl: false,
    },
    // Time zones are whole quarters of an hour apart.
    Schedule {
        kind: "anniversaries",
        every: Duration::from_secs(15 * 60),
        is_for_tables_without_ttl: false,
    },
    // How far behind the history of functions may be.
    Schedule {
        kind: "compact-history",
        every: Duration::from_secs(15 * 60),
        is_for_tables_without_ttl: false,
    },
    Schedule {
        kind: "purge",
        every: Duration::from_secs(3600),
        is_for_tables_without_ttl: true,
    },
];

/// Puts the message of each schedule into `queue` when its time comes, until `stopped`.
pub(crate) async fn keep_time(queue: &Queue, mut stopped: watch::Receiver<bool>) {
    let all = SCHEDULES.iter().map(|schedule| keep_one(queue, schedule));
    tokio::select! {
        _ = futures::future::join_all(all) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn keep_one(queue: &Queue, schedule: &Schedule) {
    let mut ticks = interval_at(Instant::now() + schedule.every, schedule.every);
    loop {
        ticks.tick().await;
        let message = Message::Schedule(schedule.kind.to_owned());
        if let Err(error) = queue.send(&message).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                kind = schedule.kind,
                "a schedule has to wait for its next time"
            );
        }
    }
}
