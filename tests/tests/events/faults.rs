//! SNS on a bad day: nothing is lost, and what comes twice has the same identifier.

use std::collections::BTreeSet;

use contacts_events::Channel;
use contacts_tests::faults::{Fault, Gate, Rule};
use futures::future::join;
use jiff::Timestamp;

use crate::bed::{Bed, WHO, events_in, read, wish};

#[tokio::test]
async fn what_sns_does_not_take_stays_and_is_sent_by_the_sweep() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    for fault in [
        Fault::Throttle,
        Fault::InternalServerError,
        Fault::ResetBefore,
    ] {
        bed.create(book, "Ada").await;
        bed.faults.inject(Rule::new(fault).on("PublishBatch"));
        let published = bed.events.publish_book(book).await.unwrap();
        assert_eq!((published.sent, published.waiting), (0, 1));
        let [row] = &bed.rows("O#").await[..] else {
            panic!("one row waits")
        };
        let at = row["at"].as_n().unwrap().parse().unwrap();
        let left = bed.sweep().await;
        assert_eq!((left.published.sent, left.published.waiting), (0, 1));
        assert_eq!(left.oldest.map(Timestamp::as_millisecond), Some(at));
        bed.faults.clear();
        let swept = bed.sweep().await;
        assert_eq!(
            (swept.books, swept.published.sent, swept.complete),
            (1, 1, true)
        );
        assert_eq!(swept.oldest, None);
        assert_eq!(queue.take(1).await.unwrap().len(), 1);
        assert_eq!(bed.rows("O#").await, []);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_a_message_that_comes_twice() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    bed.create(book, "Ada").await;
    bed.faults
        .inject(Rule::new(Fault::ResetAfter).on("PublishBatch").times(1));
    assert_eq!(bed.events.publish_book(book).await.unwrap().sent, 1);
    let twice = read(&queue.take(2).await.unwrap());
    assert_eq!(twice[0], twice[1]);
}

#[tokio::test]
async fn a_slow_sns_keeps_no_write_waiting() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    bed.create(book, "Ada").await;
    let gate = Gate::closed();
    bed.faults
        .inject(Rule::new(Fault::Wait(gate.clone())).on("PublishBatch"));
    let writes = async {
        gate.arrived(1).await;
        bed.create(book, "Ben").await;
        gate.open();
    };
    let (published, ()) = join(bed.events.publish_book(book), writes).await;
    published.unwrap();
    bed.sweep().await;
    let names: BTreeSet<_> = events_in(&queue).await.into_keys().collect();
    assert_eq!(names.len(), 2);
}

#[tokio::test]
async fn who_has_got_a_message_is_not_sent_it_again_because_of_others() {
    let bed = Bed::alone().await;
    let book = bed.book().await;
    let queues = [bed.queue().await, bed.queue().await];
    for queue in &queues {
        let wish = wish(book, Channel::Sqs, queue.arn());
        bed.events.subscribe(WHO, &wish, None).await.unwrap();
    }
    bed.create(book, "Ada").await;
    bed.moto.fail_entries(1).unwrap();
    let published = bed.events.publish_book(book).await.unwrap();
    assert_eq!((published.sent, published.waiting), (1, 1));
    // Another process knows who is left.
    let published = bed.sibling().publish_book(book).await.unwrap();
    assert_eq!((published.sent, published.waiting), (1, 0));
    for queue in &queues {
        assert_eq!(queue.take(1).await.unwrap().len(), 1);
        assert_eq!(queue.counts().await.unwrap().total(), 0);
    }
    assert_eq!(bed.rows("O#").await, []);
}

#[tokio::test]
async fn under_a_mix_of_faults_every_event_arrives() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    for fault in [
        Fault::Throttle,
        Fault::InternalServerError,
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        let rule = Rule::new(fault).on("PublishBatch");
        bed.faults.inject(rule.with_probability(0.15));
    }
    for number in 0..40 {
        bed.create(book, &format!("N{number}")).await;
        if number % 4 == 0 {
            bed.events.publish_book(book).await.unwrap();
        }
    }
    bed.faults.clear();
    bed.sweep().await;
    let numbers: BTreeSet<_> = events_in(&queue)
        .await
        .into_values()
        .map(|event| event["sequence"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=40).map(Some).collect());
}
