//! Receiving messages for as long as the process lives.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, interval_at, sleep},
};

use crate::{Delivery, MAX_RECEIVES, Queue, Runner, Until, Verdict, schedule::keep_time};

/// Messages that a process works on at once.
pub const CONCURRENCY: usize = 4;
/// How long a job works before it goes to the end of the queue: others wait, and events.
const SLICE: Duration = Duration::from_secs(10);
/// From the stop to the end: then what is under way is given back unfinished.
const DRAIN: Duration = Duration::from_secs(20);
/// The longest pause after the queue could not be reached.
const PAUSE: Duration = Duration::from_secs(10);

/// Works on the messages of the runner's queue until `stopped`; then finishes the steps under way and
/// gives back what is left. Keeps the time as well, where the queue is in the table: with SQS,
/// `EventBridge` Scheduler does.
pub async fn poll(runner: Runner, stopped: watch::Receiver<bool>) {
    let queue = runner.queue().clone();
    let mut stop = stopped.clone();
    let clock = async {
        if let Queue::Table(_) = queue {
            keep_time(&queue, stopped.clone()).await;
        }
    };
    let work = async { tokio::join!(work(runner, queue.clone(), stopped.clone()), clock) };
    let time_is_up = async {
        // Without a sender nobody will stop it.
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
        sleep(DRAIN).await;
    };
    tokio::select! {
        _ = work => {}
        () = time_is_up => {
            tracing::warn!("work is under way after the time to finish it; its messages come again");
        }
    }
}

async fn work(runner: Runner, queue: Queue, stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(CONCURRENCY));
    let mut at_work = JoinSet::new();
    let mut pause = Duration::from_millis(100);
    let visibility = loop {
        match queue.visibility().await {
            Ok(visibility) => break visibility,
            Err(_) if *stopped.borrow() => return,
            Err(error) => unreachable_for_now(&error, &mut pause, &stopped).await,
        }
    };
    while !*stopped.borrow() {
        let Ok(first) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        // It may have been long until one was free.
        if *stopped.borrow() {
            break;
        }
        let deliveries = match queue.receive(1 + slots.available_permits()).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                unreachable_for_now(&error, &mut pause, &stopped).await;
                continue;
            }
        };
        pause = Duration::from_millis(100);
        let mut slot = Some(first);
        for delivery in deliveries {
            let Some(slot) = slot
                .take()
                .or_else(|| Arc::clone(&slots).try_acquire_owned().ok())
            else {
                // No more was asked for than there are slots.
                continue;
            };
            let (runner, queue, stopped) = (runner.clone(), queue.clone(), stopped.clone());
            at_work.spawn(async move {
                one(&runner, &queue, &delivery, visibility, stopped).await;
                drop(slot);
            });
        }
        while at_work.try_join_next().is_some() {}
    }
    while at_work.join_next().await.is_some() {}
}

/// Works on one message, and keeps it from others meanwhile.
async fn one(
    runner: &Runner,
    queue: &Queue,
    delivery: &Delivery,
    visibility: Duration,
    stopped: watch::Receiver<bool>,
) {
    let stopping = *stopped.borrow();
    let verdict = if stopping {
        Verdict::Again
    } else {
        let until = Until::new(Some(Instant::now() + SLICE), stopped);
        tokio::select! {
            verdict = runner.handle(delivery, &until) => verdict,
            never = hold(queue, delivery, visibility) => match never {},
        }
    };
    let told = match verdict {
        Verdict::Done => queue.delete(delivery).await,
        Verdict::Again => {
            queue
                .hold(delivery, delay(delivery.receives, stopping))
                .await
        }
    };
    if let Err(error) = told {
        // Then it comes again by itself, which does no harm.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the queue was not told what became of a message"
        );
    }
}

/// A message that failed comes again soon at first, then later. One given back comes at once, and so does
/// one that has only the dead-letter queue before it.
fn delay(receives: u32, stopping: bool) -> Duration {
    if stopping || receives >= MAX_RECEIVES {
        Duration::ZERO
    } else {
        Duration::from_secs(1 << receives)
    }
}

async fn hold(
    queue: &Queue,
    delivery: &Delivery,
    visibility: Duration,
) -> std::convert::Infallible {
    let third = visibility / 3;
    let mut ticks = interval_at(Instant::now() + third, third);
    loop {
        ticks.tick().await;
        if let Err(error) = queue.hold(delivery, visibility).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a message under work may come to another worker"
            );
        }
    }
}

async fn unreachable_for_now(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    pause: &mut Duration,
    stopped: &watch::Receiver<bool>,
) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the queue is out of reach"
    );
    let mut stopped = stopped.clone();
    tokio::select! {
        () = sleep(*pause) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    *pause = (*pause * 2).min(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_fails_comes_again_ever_later_until_nothing_is_left_to_wait_for() {
        let delays: Vec<_> = (1..=MAX_RECEIVES)
            .map(|receives| delay(receives, false).as_secs())
            .collect();
        assert_eq!(delays, [2, 4, 8, 16, 0]);
        assert_eq!(delay(1, true), Duration::ZERO);
        assert_eq!(delay(u32::MAX, false), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_while_the_queue_is_away_and_a_stop_ends_it() {
        let (stop, stopped) = watch::channel(false);
        let error = crate::QueueError {
            operation: "ReceiveMessage",
            source: "away".into(),
        };
        let (mut pause, begun) = (Duration::from_millis(100), Instant::now());
        for _ in 0..9 {
            unreachable_for_now(&error, &mut pause, &stopped).await;
        }
        assert_eq!(pause, PAUSE);
        assert!(begun.elapsed() > PAUSE);
        stop.send_replace(true);
        let before = begun.elapsed();
        unreachable_for_now(&error, &mut pause, &stopped).await;
        assert_eq!(begun.elapsed(), before);
    }
}
