//! Workers that are killed again and again.

use std::time::Duration;

use contacts_jobs::Message;
use contacts_tests::worker::{Container, Site};
use tokio::time::{Instant, interval};

use crate::{Random, calls};

/// More than the largest book takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Kills and starts `workers` again after random numbers of calls, until the job has ended; how often.
async fn kill_until_done(
    site: &Site,
    job: contacts::JobId,
    workers: usize,
    every: (u64, u64),
    seed: u64,
) -> usize {
    let mut random = Random(seed);
    let mut running: Vec<Container> = Vec::new();
    for _ in 0..workers {
        running.push(site.container().await.unwrap());
    }
    let (mut kills, started) = (0, Instant::now());
    let mut tries = interval(Duration::from_millis(2));
    let mut next = calls(site) + random.between(every.0, every.1);
    while site.look(job).await.unwrap().state.is_open() {
        tries.tick().await;
        assert!(
            started.elapsed() < PATIENCE,
            "killed {kills} times: {:?}",
            site.look(job).await
        );
        if calls(site) >= next {
            let mut victim = running.remove(0);
            victim.process.kill().await.unwrap();
            running.push(site.container().await.unwrap());
            kills += 1;
            next = calls(site) + random.between(every.0, every.1);
        }
    }
    site.until_done(job).await.unwrap();
    kills
}

/// `TEST_CARDS` says how many; `make soak` does.
fn cards() -> usize {
    let cards = std::env::var("TEST_CARDS").ok();
    cards.map_or(600, |cards| cards.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_deleted_by_a_worker_that_is_killed_again_and_again_and_nothing_remains() {
    let site = Site::new(Duration::from_secs(1)).await.unwrap();
    let book = site.book(cards()).await.unwrap();
    let other = site.book(3).await.unwrap();
    let job = site.delete(book).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    let kills = kill_until_done(&site, job.id, 1, (30, 200), 7).await;
    assert!(kills >= 2, "{kills}");
    site.nothing_remains_of(book).await.unwrap();
    let kept = site.store().book(other).await.unwrap().unwrap();
    assert_eq!(kept.contacts, 3);
    assert_eq!(site.store().check().await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_killed_at_random_with_copies_of_every_message_leave_nothing() {
    let site = Site::new(Duration::from_secs(1)).await.unwrap();
    let mut jobs = Vec::new();
    for count in [150, 120] {
        let book = site.book(count).await.unwrap();
        jobs.push((book, site.delete(book).await.unwrap().id));
    }
    // Late copies of both, and in no order.
    for at in [0, 1, 1, 0, 1, 0] {
        site.tell(&Message::job(jobs[at].1)).await.unwrap();
    }
    for (at, (_, job)) in jobs.iter().enumerate() {
        kill_until_done(&site, *job, 2, (40, 300), 11 + at as u64).await;
    }
    for (book, job) in &jobs {
        site.nothing_remains_of(*book).await.unwrap();
        // A copy that comes after the end changes nothing.
        site.tell(&Message::job(*job)).await.unwrap();
    }
    let ended = site.look(jobs[0].1).await.unwrap();
    let _worker = site.container().await.unwrap();
    let queue = site.queue.as_ref().unwrap();
    queue.until(|counts| counts.total() == 0).await.unwrap();
    assert_eq!(site.look(jobs[0].1).await.unwrap(), ended);
    let dead = queue.dead_letters().counts().await.unwrap();
    assert_eq!(dead.total(), 0);
    assert_eq!(site.store().check().await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reindexing_killed_at_random_ends_with_every_contact_found() {
    let site = Site::new(Duration::from_secs(1)).await.unwrap();
    let book = site.book(250).await.unwrap();
    let before = site.store().list(book, None, 1).await.unwrap().items[0].clone();
    let job = site.job("reindex-book", Some(book)).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    kill_until_done(&site, job.id, 1, (400, 900), 23).await;
    let done = site.look(job.id).await.unwrap();
    assert_eq!(done.done, 250, "each step counts once");
    let after = site.store().head(book, before.id).await.unwrap().unwrap();
    assert_eq!(
        (after.revision, after.updated),
        (before.revision, before.updated)
    );
    let report = site.store().check().await.unwrap();
    assert_eq!(report.findings, []);
    // The store's own terms gave way to those of the domain.
    let verify = site.job("verify-book", Some(book)).await.unwrap();
    site.tell(&Message::job(verify.id)).await.unwrap();
    let _worker = site.container().await.unwrap();
    let verified = site.until_done(verify.id).await.unwrap();
    assert_eq!(verified.counts["found"], 0);
    assert_eq!(site.store().check().await.unwrap().leftovers, 0);
}
