//! Finds what was lost on the way: jobs whose message is gone, and events that nobody has sent.

use std::{collections::BTreeMap, time::Duration};

use contacts::Job;
use contacts_store::{JobState, Progress};
use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Kind, Step};
use crate::{Failure, Jobs};

/// Jobs of one step.
const JOBS: usize = 100;
/// For how long one sweep sends events; the next one, a minute later, begins elsewhere.
const EVENTS: Duration = Duration::from_secs(20);

pub(super) const KIND: Kind = Kind {
    name: "sweep-outbox",
    is_for_everybody: false,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let store = jobs.contacts().store();
        let after = job.place.as_deref().and_then(|place| place.parse().ok());
        let open = store.open_jobs(after, JOBS).await?;
        let place = open
            .last()
            .filter(|_| open.len() == JOBS)
            .map(|last| last.id.to_string());
        let (mut resent, mut failed) = (0, 0);
        // A job at work is touched at each step, and its message is away for as long as this.
        let silence = 4 * jobs.queue().visibility().await?;
        let silence = SignedDuration::try_from(silence).unwrap_or(SignedDuration::MAX);
        let now = Timestamp::now();
        for lost in open.iter().filter(|open| open.id != job.id) {
            // One that nobody has begun may just be waiting: ever longer from message to message.
            let patience = match lost.state {
                JobState::Queued => silence.max(lost.updated.duration_since(lost.created)),
                _ => silence,
            };
            if now.duration_since(lost.updated) < patience {
                continue;
            }
            if lost.receives >= crate::MAX_RECEIVES {
                let error = Some(Failure::GaveUp.error());
                store.end_job(lost, JobState::Failed, error).await?;
                failed += 1;
            } else if store.touch_job(lost).await? {
                jobs.announce(lost.id).await;
                resent += 1;
            }
        }
        let mut counts = BTreeMap::from([("jobs-resent", resent), ("jobs-failed", failed)]);
        if place.is_none() {
            let swept = jobs.events().sweep(Instant::now() + EVENTS).await?;
            counts.insert("events-sent", swept.published.sent);
            counts.insert("events-waiting", swept.published.waiting);
        }
        Ok(Progress {
            place,
            done: open.len() as u64,
            counts,
            ..Progress::default()
        })
    }
    .boxed()
}
