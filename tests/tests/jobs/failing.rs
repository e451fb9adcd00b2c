//! Jobs that cannot be done, until somebody mends the cause.

use std::time::Duration;

use contacts_jobs::Message;
use contacts_store::JobState;
use contacts_tests::faults::{Fault, Rule};
use contacts_tests::worker::Site;

#[tokio::test(flavor = "multi_thread")]
async fn after_five_receives_a_job_has_failed_and_a_redrive_brings_it_back() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let book = site.book(20).await.unwrap();
    let broken = site.delete(book).await.unwrap();
    let strange = site.job("of-tomorrow", None).await.unwrap();
    let fault = Rule::new(Fault::InternalServerError).on("BatchWriteItem");
    site.faults.inject(fault);
    let kept = site.book(5).await.unwrap();
    let stuck = site.job("verify-book", Some(kept)).await.unwrap();
    let is_checkpoint = |call: &serde_json::Value| call.to_string().contains("stamp = :stamp");
    let fault = Rule::new(Fault::InternalServerError).on("UpdateItem");
    site.faults.inject(fault.when(is_checkpoint));
    for job in [&broken, &strange, &stuck] {
        site.tell(&Message::job(job.id)).await.unwrap();
    }
    site.tell(&Message::Schedule("paint".to_owned()))
        .await
        .unwrap();
    let queue = site.queue.as_ref().unwrap();
    queue.send("not a message of ours").await.unwrap();
    let worker = site.container().await.unwrap();
    for (job, code) in [
        (&broken, "gave-up"),
        (&strange, "unknown-kind"),
        (&stuck, "gave-up"),
    ] {
        let failed = site
            .until(job.id, |job| !job.state.is_open())
            .await
            .unwrap();
        assert_eq!(failed.state, JobState::Failed);
        let error = failed.error.unwrap();
        assert_eq!(error.code, code);
        assert!(error.detail.contains("make redrive"), "{}", error.detail);
        assert_eq!(failed.receives, 5);
    }
    let dead = queue.dead_letters();
    dead.until(|counts| counts.total() == 5).await.unwrap();
    queue.until(|counts| counts.total() == 0).await.unwrap();
    // What has failed is logged with its cause and without anything personal.
    let said = worker.process.output().to_string();
    assert!(
        said.contains("a step failed") && !said.contains("person"),
        "{said}"
    );

    site.faults.clear();
    let (code, said) = site.command(&["redrive"]).await.unwrap();
    assert_eq!(
        (code, said.trim()),
        (Some(0), "5 messages are back in the queue.")
    );
    site.until_done(broken.id).await.unwrap();
    site.until_done(stuck.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
    assert_eq!(dead.counts().await.unwrap().total(), 0);
    let again = site.look(strange.id).await.unwrap();
    assert!(again.state.is_open(), "it is tried again");
}
