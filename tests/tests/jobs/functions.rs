//! The worker as a function, behind a stand-in for its event source.

use std::time::Duration;

use contacts_jobs::Message;
use contacts_store::JobState;
use contacts_tests::faults::{Fault, Rule};
use contacts_tests::worker::{Site, failures, record};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::interval;

use crate::{Random, calls};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_job_hands_itself_on_before_its_time_is_up() {
    let site = Site::new(Duration::from_secs(6)).await.unwrap();
    let book = site.book(3_000).await.unwrap();
    let job = site.delete(book).await.unwrap();
    let sandboxes = site.sandboxes(Duration::from_secs(2), 1).await.unwrap();
    let _mapping = site.map(&sandboxes).unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    let done = site.until_done(job.id).await.unwrap();
    assert_eq!(done.done, 3_000);
    site.nothing_remains_of(book).await.unwrap();
    assert_eq!(
        sandboxes.starts().len(),
        1,
        "its time was never up: {:?}",
        sandboxes.starts()
    );
    let sent = site
        .queue_faults
        .as_ref()
        .unwrap()
        .count("SendMessage")
        .calls;
    assert!(sent >= 1, "it handed itself on");
    let queue = site.queue.as_ref().unwrap();
    queue.until(|counts| counts.total() == 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_deleted_by_functions_that_are_killed_again_and_again() {
    let site = Site::new(Duration::from_secs(1)).await.unwrap();
    let book = site.book(500).await.unwrap();
    let job = site.delete(book).await.unwrap();
    let sandboxes = site.sandboxes(Duration::from_secs(3), 2).await.unwrap();
    let _mappings = [site.map(&sandboxes).unwrap(), site.map(&sandboxes).unwrap()];
    site.tell(&Message::job(job.id)).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    let mut random = Random(5);
    let mut tries = interval(Duration::from_millis(2));
    let mut next = calls(&site) + random.between(60, 120);
    let mut kills = 0;
    while site.look(job.id).await.unwrap().state.is_open() {
        tries.tick().await;
        if calls(&site) >= next {
            for start in sandboxes.starts().iter().rev().take(1 + kills % 2) {
                let pid = Pid::from_raw(start.pid.cast_signed()).unwrap();
                // It may have been another's turn to be killed.
                kill_process(pid, Signal::KILL).ok();
            }
            kills += 1;
            next = calls(&site) + random.between(60, 120);
        }
    }
    assert!(kills > 1);
    site.until_done(job.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_message_by_message() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let book = site.book(5).await.unwrap();
    let good = site.job("verify-book", Some(book)).await.unwrap();
    let strange = site.job("of-tomorrow", None).await.unwrap();
    let (good, strange) = (
        Message::job(good.id).text(),
        Message::job(strange.id).text(),
    );
    let sandboxes = site.sandboxes(Duration::from_secs(10), 1).await.unwrap();
    let event = json!({"Records": [
        record("1", &good, "1"),
        record("2", "nonsense", "1"),
        record("3", &strange, "5"),
        record("4", &good, "1"),
        record("5", r#"{"job":"x"}"#, "1"),
        record("6", r#"{"schedule":"sweep-outbox"}"#, "many"),
    ]});
    let answer = sandboxes.invoke(&event).await.unwrap().json().unwrap();
    assert_eq!(failures(&answer).unwrap(), ["2", "3", "5"]);
    let Some(Message::Job(id)) = Message::read(&strange) else {
        panic!("it names a job")
    };
    let failed = site.look(id.parse().unwrap()).await.unwrap();
    assert_eq!(failed.state, JobState::Failed, "it was its last receive");
    let none = sandboxes.invoke(&json!({"Records": []})).await.unwrap();
    assert_eq!(
        failures(&none.json().unwrap()).unwrap(),
        Vec::<String>::new()
    );

    site.faults.inject(Rule::new(Fault::InternalServerError));
    let event = json!({"Records": [record("7", &strange, "1"), record("8", &good, "1")]});
    let answer = sandboxes.invoke(&event).await.unwrap().json().unwrap();
    assert_eq!(
        failures(&answer).unwrap(),
        ["7", "8"],
        "the database is away"
    );
    assert_eq!(sandboxes.starts().len(), 1);
}
