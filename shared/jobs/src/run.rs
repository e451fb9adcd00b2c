//! Doing the work of one message.

use std::time::Duration;

use contacts::{BookId, Job, JobId, StoreError};
use contacts_store::{Checkpoint, JobState, NewJob, Origin};
use contacts_telemetry::{self as telemetry, StepOutcome, traces};
use tokio::{sync::watch, time::Instant};
use tracing::Instrument as _;

use crate::{
    Delivery, Failure, Jobs, Message, Queue, SCHEDULES,
    kinds::{self, Kind, StepError},
};

/// After so many receives without progress a message goes to the dead-letter queue, and its job fails.
/// The queue's redrive policy says the same (`maxReceiveCount`).
pub const MAX_RECEIVES: u32 = 5;
/// The longest pause after a step.
const PAUSE: Duration = Duration::from_secs(1);
/// Whose the jobs of the schedules are.
const SYSTEM: &str = "system";

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can be deleted: what it asked for is done, or another message carries it on.
    Done,
    /// It must come again.
    Again,
}

/// Until when work may go on.
#[derive(Debug, Clone)]
pub struct Until {
    deadline: Option<Instant>,
    stop: watch::Receiver<bool>,
}

impl Until {
    /// Until `deadline`, if there is one, or until `stop` becomes true.
    pub fn new(deadline: Option<Instant>, stop: watch::Receiver<bool>) -> Self {
        Self { deadline, stop }
    }

    /// Until three quarters of `left` are over: the rest is for the step under way.
    pub fn most_of(left: Duration) -> Self {
        let (_, stop) = watch::channel(false);
        Self::new(Some(Instant::now() + left / 4 * 3), stop)
    }

    fn is_over(&self) -> bool {
        *self.stop.borrow() || self.deadline.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits for `pause`, or for the end if that comes first.
    async fn pause(&self, pause: Duration) {
        let mut stop = self.stop.clone();
        // Without a sender nobody will stop it.
        let stopped = async {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(pause, stopped).await;
    }
}

/// Does the work of messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner {
    jobs: Jobs,
}

impl Runner {
    /// A runner of `jobs`.
    pub fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    /// The jobs.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The queue that it hands jobs on to.
    pub fn queue(&self) -> &Queue {
        self.jobs.queue()
    }

    /// Does what a message asks for, until it is done or time is up. It may have been done before, or
    /// be under way elsewhere.
    pub async fn handle(&self, delivery: &Delivery, until: &Until) -> Verdict {
        let verdict = match &delivery.message {
            Some(Message::Job(id)) => match id.parse() {
                Ok(id) => self.run(id, delivery.receives, until).await,
                Err(_) => Ok(unknown()),
            },
            Some(Message::Retry(id)) => match id.parse() {
                Ok(id) => self.retry(id, delivery.receives, until).await,
                Err(_) => Ok(unknown()),
            },
            Some(Message::Schedule(name)) => self.on_time(name, delivery.receives, until).await,
            Some(Message::Outbox(book)) => match book.parse() {
                Ok(book) => {
                    let traced = self.queue().processing(None);
                    Ok(self.publish(book).instrument(traced).await)
                }
                Err(_) => Ok(unknown()),
            },
            None => Ok(unknown()),
        };
        let verdict = verdict.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                receives = delivery.receives,
                "the message comes again"
            );
            Verdict::Again
        });
        telemetry::queue_message(verdict == Verdict::Done);
        verdict
    }

    /// Sends what has happened in a book.
    async fn publish(&self, book: BookId) -> Verdict {
        match self.jobs.events().publish_book(book).await {
            Ok(published) => {
                if published.waiting > 0 {
                    // An endpoint may be away for long: the outbox keeps them, not the message.
                    tracing::warn!(waiting = published.waiting, "events wait for the sweep");
                }
                Verdict::Done
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "events were not sent; their message comes again");
                Verdict::Again
            }
        }
    }

    /// Starts the job of a schedule, or goes on with it if it is not done since the last time.
    async fn on_time(
        &self,
        name: &str,
        receives: u32,
        until: &Until,
    ) -> Result<Verdict, StoreError> {
        let Some(schedule) = SCHEDULES.iter().find(|schedule| schedule.kind == name) else {
            return Ok(unknown());
        };
        let new = NewJob {
            id: JobId::derived(&["schedule", name]),
            kind: schedule.kind.to_owned(),
            owner: SYSTEM.to_owned(),
            origin: Origin::default(),
            book: None,
            total: None,
        };
        let job = self.jobs.contacts().store().renew_job(&new).await?;
        self.run(job.id, receives, until).await
    }

    /// Gives a failed job another try. One that is at work has had it.
    async fn retry(&self, id: JobId, receives: u32, until: &Until) -> Result<Verdict, StoreError> {
        self.jobs.contacts().store().retry_job(id).await?;
        self.run(id, receives, until).await
    }

    async fn run(&self, id: JobId, receives: u32, until: &Until) -> Result<Verdict, StoreError> {
        let store = self.jobs.contacts().store();
        let Some(job) = store.begin_job(id, receives).await? else {
            return Ok(Verdict::Done);
        };
        let span = tracing::info_span!(
            "job",
            job = %id,
            kind = job.kind,
            request_id = job.origin.request_id,
            trace_id = job.origin.trace_id,
        );
        let traced = self.queue().processing(job.origin.parent.as_deref());
        let work = self.work(job, receives, until).instrument(traced);
        work.instrument(span).await
    }

    async fn work(
        &self,
        mut job: Job,
        receives: u32,
        until: &Until,
    ) -> Result<Verdict, StoreError> {
        let id = job.id;
        let Some(kind) = kinds::find(&job.kind) else {
            // While a new version is deployed, another worker may know it.
            return self.again(&job, receives, Failure::UnknownKind).await;
        };
        loop {
            if job.cancelling && kind.is_stoppable {
                self.end(&job, JobState::Cancelled, None).await?;
                return Ok(Verdict::Done);
            }
            let begun = Instant::now();
            let traced = traces::step(kind.name);
            let step = self.step(kind, &job).instrument(traced.clone()).await;
            let outcome = match &step {
                Ok(Checkpoint::Kept(_)) => StepOutcome::Done,
                Ok(Checkpoint::Overtaken) => StepOutcome::Overtaken,
                Err(_) => StepOutcome::Failed,
            };
            let elapsed = begun.elapsed().as_secs_f64();
            telemetry::job_step(kind.name, outcome, elapsed);
            traces::step_ended(&traced, outcome);
            drop(traced);
            let duration_ms = (elapsed * 1e6).round() / 1e3;
            tracing::info!(target: "steps", step = job.step, outcome = outcome.label(), duration_ms, "a step");
            match step {
                Ok(Checkpoint::Overtaken) => return Ok(Verdict::Done),
                Ok(Checkpoint::Kept(now)) if !now.state.is_open() => {
                    telemetry::job_ended(kind.name, now.state.name());
                    return Ok(Verdict::Done);
                }
                Ok(Checkpoint::Kept(now)) => job = *now,
                Err(StepError::Never(failure)) => {
                    self.end(&job, JobState::Failed, Some(failure)).await?;
                    return Ok(Verdict::Done);
                }
                Err(StepError::Again(error)) => {
                    tracing::warn!(
                        error = &*error as &dyn std::error::Error,
                        receives,
                        "a step failed"
                    );
                    return self.again(&job, receives, Failure::GaveUp).await;
                }
            }
            // A message that came back and made progress begins to count anew.
            if receives > 1 || until.is_over() {
                return Ok(self.hand_on(id).await);
            }
            // Others write to the same book.
            until.pause(begun.elapsed().min(PAUSE)).await;
        }
    }

    /// Does the next step and closes it.
    async fn step(&self, kind: &Kind, job: &Job) -> Result<Checkpoint, StepError> {
        let progress = kinds::step(kind, &self.jobs, job).await?;
        let store = self.jobs.contacts().store();
        Ok(store.checkpoint(job, &progress).await?)
    }

    /// Leaves the job to the next receive of its message; after the last one it has failed.
    async fn again(
        &self,
        job: &Job,
        receives: u32,
        failure: Failure,
    ) -> Result<Verdict, StoreError> {
        if receives >= MAX_RECEIVES {
            self.end(job, JobState::Failed, Some(failure)).await?;
        }
        Ok(Verdict::Again)
    }

    /// Ends the job, unless somebody else was faster.
    async fn end(
        &self,
        job: &Job,
        state: JobState,
        failure: Option<Failure>,
    ) -> Result<(), StoreError> {
        let store = self.jobs.contacts().store();
        let error = failure.map(Failure::error);
        if let Checkpoint::Kept(_) = store.end_job(job, state, error).await? {
            let kind = kinds::find(&job.kind).map_or("unknown", |kind| kind.name);
            telemetry::job_ended(kind, state.name());
        }
        Ok(())
    }

    /// Leaves the rest to a fresh message, which has all its receives before it.
    async fn hand_on(&self, id: JobId) -> Verdict {
        match self.jobs.queue().send(&Message::job(id)).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, job = %id, "the job could not be handed on; its message comes again");
                Verdict::Again
            }
        }
    }
}

fn unknown() -> Verdict {
    // After its receives it waits in the dead-letter queue for somebody who knows.
    tracing::warn!("a message that this worker does not know");
    Verdict::Again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn most_of_the_time_is_for_work_and_the_rest_for_the_step_under_way() {
        let until = Until::most_of(Duration::from_secs(100));
        tokio::time::advance(Duration::from_secs(74)).await;
        assert!(!until.is_over());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(until.is_over());
        assert!(Until::most_of(Duration::ZERO).is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_a_pause_and_the_end_of_whoever_could_stop_does_not() {
        let (stop, stopped) = watch::channel(false);
        let until = Until::new(None, stopped);
        let begun = Instant::now();
        until.pause(Duration::from_secs(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert!(!until.is_over());
        stop.send_replace(true);
        until.pause(Duration::from_secs(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert!(until.is_over());
        let (_, nobody) = watch::channel(false);
        let until = Until::new(None, nobody);
        until.pause(Duration::from_secs(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        assert!(!until.is_over());
    }
}
