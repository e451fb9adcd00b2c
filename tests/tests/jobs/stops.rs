//! A worker that is asked to stop.

use std::time::Duration;

use contacts_jobs::Message;
use contacts_tests::faults::{Fault, Gate, Rule};
use contacts_tests::worker::Site;

use crate::calls;

/// Longer than a step and the end of a long poll take together.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_gives_its_messages_back_and_another_goes_on_at_once() {
    // What it does not give back would not come again while the test lasts.
    let site = Site::new(Duration::from_secs(600)).await.unwrap();
    let book = site.book(300).await.unwrap();
    let job = site.delete(book).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    let mut worker = site.container().await.unwrap();
    site.until(job.id, |job| job.step > 0).await.unwrap();
    let status = worker.process.terminate(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", worker.process.output());
    let half = site.look(job.id).await.unwrap();
    assert!(half.state.is_open(), "it was stopped in the middle");
    let queue = site.queue.as_ref().unwrap();
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.visible, counts.in_flight), (1, 0));
    let _next = site.container().await.unwrap();
    site.until_done(job.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
    queue.until(|counts| counts.total() == 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_under_way_is_finished_before_the_end() {
    let site = Site::new(Duration::from_secs(600)).await.unwrap();
    let book = site.book(60).await.unwrap();
    let job = site.delete(book).await.unwrap();
    let gate = Gate::closed();
    let wait = Rule::new(Fault::Wait(gate.clone())).on("BatchWriteItem");
    site.faults.inject(wait.times(1));
    site.tell(&Message::job(job.id)).await.unwrap();
    let mut worker = site.container().await.unwrap();
    gate.arrived(1).await;
    worker.process.signal(contacts_tests::process::Signal::TERM);
    gate.open();
    let status = worker.process.wait().await.unwrap();
    assert_eq!(status.code(), Some(0));
    let half = site.look(job.id).await.unwrap();
    assert_eq!((half.step, half.done), (1, 50), "this step, and no other");
    assert_eq!(
        site.queue.as_ref().unwrap().counts().await.unwrap().visible,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_and_is_healthy_until_then() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let mut worker = site.container().await.unwrap();
    worker
        .until(|text| text.contains("contacts_build_info"))
        .await
        .unwrap();
    assert_eq!(calls(&site), 0, "an idle worker leaves the database alone");
    assert!(worker.process.terminate(PATIENCE).await.unwrap().success());
    let (code, said) = site.command(&["paint"]).await.unwrap();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("redrive") && said.lines().count() == 1,
        "{said}"
    );
    let (code, _) = site.command(&["healthcheck"]).await.unwrap();
    assert_eq!(code, Some(1), "nobody listens there");
}
