//! Messages that are lost, late or out of reach.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts_jobs::Message;
use contacts_store::JobState;
use contacts_tests::faults::{Fault, Gate, Rule};
use contacts_tests::worker::Site;
use tokio::time::interval;

/// Makes the job look as if nobody had touched it for long.
async fn age(site: &Site, job: contacts::JobId, receives: u32) {
    for mut item in site.items().await.unwrap() {
        if item["pk"].as_s().unwrap() == &format!("J#{job}") {
            item.insert("updated".to_owned(), AttributeValue::N("7".to_owned()));
            item.insert(
                "receives".to_owned(),
                AttributeValue::N(receives.to_string()),
            );
            site.put(item).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_is_found_by_the_sweep() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let book = site.book(10).await.unwrap();
    let lost = site.delete(book).await.unwrap();
    let hopeless = site.job("verify-book", None).await.unwrap();
    let fresh = site.job("verify-book", None).await.unwrap();
    for job in [&lost, &hopeless, &fresh] {
        site.tell(&Message::job(job.id)).await.unwrap();
    }
    let queue = site.queue.as_ref().unwrap();
    queue.purge().await.unwrap();
    age(&site, lost.id, 0).await;
    // Each of its five workers died in its step.
    age(&site, hopeless.id, 5).await;
    site.tell(&Message::Schedule("sweep-outbox".to_owned()))
        .await
        .unwrap();
    let worker = site.container().await.unwrap();
    site.until_done(lost.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
    // Each sweep says how old the oldest event is that it left.
    let swept = "contacts_outbox_age_seconds_bucket{le=\"0\"} 1";
    worker.until(|text| text.contains(swept)).await.unwrap();
    let failed = site
        .until(hopeless.id, |job| !job.state.is_open())
        .await
        .unwrap();
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(failed.error.unwrap().code, "gave-up");
    queue.until(|counts| counts.total() == 0).await.unwrap();
    let waits = site.look(fresh.id).await.unwrap();
    assert_eq!(
        waits.state,
        JobState::Queued,
        "its message may still be on its way"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_away_from_others_while_its_job_runs() {
    let site = Site::new(Duration::from_secs(2)).await.unwrap();
    let book = site.book(60).await.unwrap();
    let job = site.delete(book).await.unwrap();
    let gate = Gate::closed();
    let wait = Rule::new(Fault::Wait(gate.clone())).on("Query");
    site.faults.inject(wait);
    site.tell(&Message::job(job.id)).await.unwrap();
    let (worker, idle) = (
        site.container().await.unwrap(),
        site.container().await.unwrap(),
    );
    gate.arrived(1).await;
    let (queue, proxy) = (
        site.queue.as_ref().unwrap(),
        site.queue_faults.as_ref().unwrap(),
    );
    let mut tries = interval(Duration::from_millis(20));
    // Seven holds at two thirds of a second: more than twice the time after which it would come again.
    while proxy.count("ChangeMessageVisibility").calls < 7 {
        tries.tick().await;
        assert_eq!(queue.counts().await.unwrap().visible, 0);
    }
    site.faults.clear();
    gate.open();
    site.until_done(job.id).await.unwrap();
    queue.until(|counts| counts.total() == 0).await.unwrap();
    let done = "contacts_queue_messages_total{outcome=\"done\"} 1";
    let (one, other) = (worker.scrape().await.unwrap(), idle.scrape().await.unwrap());
    let took: Vec<_> = [&one, &other]
        .into_iter()
        .filter(|text| text.contains(done))
        .collect();
    assert_eq!(took.len(), 1, "one of them had it, once\n{one}\n{other}");
    assert!(!one.contains("outcome=\"again\"} ") && !other.contains("outcome=\"again\"} "));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_the_queue_is_back() {
    let site = Site::new(Duration::from_secs(2)).await.unwrap();
    let proxy = site.queue_faults.as_ref().unwrap();
    let book = site.book(200).await.unwrap();
    let job = site.delete(book).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    // Away at its start, and again in the middle of its work.
    proxy.inject(Rule::new(Fault::ResetBefore));
    let worker = site.container().await.unwrap();
    let fails = |operation: &'static str| {
        move |text: &str| {
            text.contains(&format!(
                "contacts_queue_failures_total{{operation=\"{operation}\"}}"
            ))
        }
    };
    worker.until(fails("GetQueueAttributes")).await.unwrap();
    assert_eq!(site.look(job.id).await.unwrap().state, JobState::Queued);
    proxy.clear();
    site.until(job.id, |job| job.step > 0).await.unwrap();
    proxy.inject(Rule::new(Fault::ResetBefore));
    worker.until(fails("ReceiveMessage")).await.unwrap();
    proxy.clear();
    site.until_done(job.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
    site.queue
        .as_ref()
        .unwrap()
        .until(|counts| counts.total() == 0)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_out_of_reach_fails_no_job_for_good() {
    let site = Site::new(Duration::from_secs(2)).await.unwrap();
    let book = site.book(60).await.unwrap();
    let job = site.delete(book).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    site.faults.inject(Rule::new(Fault::ResetBefore));
    let worker = site.container().await.unwrap();
    let again = |text: &str| text.contains("contacts_queue_messages_total{outcome=\"again\"}");
    worker.until(again).await.unwrap();
    site.faults.clear();
    site.until_done(job.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
}
