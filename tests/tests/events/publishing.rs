//! What is said, to whom, and in which order.

use std::collections::BTreeSet;

use contacts::{BookRef, NewJob};
use contacts_events::{Channel, Detail, EventKind, NewSubscription, Published};
use contacts_store::{Deletion, JobId, JobState};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bed::{Bed, WHO, events_in, read, wish};

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_kind_of_event_reaches_a_queue_that_asks_for_it() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    let ada = bed.create(book, "Ada").await;
    let renamed = bed.rename(&ada, "Ada Lovelace").await;
    bed.delete(book, ada.stored.head.id).await;
    bed.rename_book(book, "Family").await;
    let new = NewJob {
        id: JobId::at(Timestamp::now()),
        kind: "verify-book".to_owned(),
        owner: WHO.to_owned(),
        origin: contacts_store::Origin::default(),
        book: Some(book),
        total: None,
    };
    let job = bed.store().create_job(&new, None).await.unwrap();
    bed.store()
        .end_job(&job, JobState::Failed, None)
        .await
        .unwrap();
    let now = bed.store().book(book).await.unwrap().unwrap();
    let gone = bed.store().delete_book(WHO, &now).await.unwrap();
    assert_eq!(gone, Deletion::Done);

    let published = bed.events.publish_book(book).await.unwrap();
    assert_eq!(
        published,
        Published {
            sent: 6,
            waiting: 0,
            lost: 0
        }
    );
    let taken = queue.take(6).await.unwrap();
    let events = read(&taken);
    let mut all = kinds(&events);
    // The last three have the number of the change before them.
    assert_eq!(
        all[..3],
        ["contact.created", "contact.changed", "contact.deleted"]
    );
    all[3..].sort_unstable();
    assert_eq!(all[3..], ["book.deleted", "book.renamed", "job.failed"]);
    let numbers: Vec<_> = events
        .iter()
        .map(|event| event["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 3, 3, 3]);
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 6);
    let contact = ada.stored.head.id.to_string();
    let etag = format!("\"{}\"", renamed.stored.head.revision);
    assert_eq!(events[1]["contact"], json!({"id": contact, "etag": etag}));
    assert_eq!(events[2]["contact"], json!({"id": contact}));
    for event in &events {
        assert_eq!(event["book"], book.to_string());
        assert!(event["time"].as_str().unwrap().ends_with('Z'));
        if event["kind"] == "job.failed" {
            let id = job.id.to_string();
            assert_eq!(event["job"], json!({"id": id, "kind": "verify-book"}));
        }
    }
    for message in &taken {
        let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
        let attributes = message.message_attributes().unwrap();
        for name in ["kind", "book", "subscription"] {
            let value = attributes[name].string_value().unwrap();
            assert_eq!(event[name], value);
        }
    }
    // The book is gone, and the subscription with it.
    bed.is_forgotten(book).await;
    assert_eq!(
        bed.events.publish_book(book).await.unwrap(),
        Published::default()
    );
}

#[tokio::test]
async fn only_what_was_asked_for_and_happened_since_is_told() {
    let bed = Bed::new().await;
    let (book, elsewhere) = (bed.book().await, bed.book().await);
    let (all, some) = (bed.told_all(book).await, bed.queue().await);
    bed.create(book, "Before").await;
    let narrow = NewSubscription {
        kinds: vec![EventKind::ContactDeleted],
        ..wish(book, Channel::Sqs, some.arn())
    };
    bed.events.subscribe(WHO, &narrow, None).await.unwrap();
    let ada = bed.create(book, "Ada").await;
    bed.create(elsewhere, "Ben").await;
    bed.delete(book, ada.stored.head.id).await;
    assert_eq!(
        bed.sweep().await.books,
        1,
        "there is nobody to tell of the other"
    );
    let all = read(&all.take(3).await.unwrap());
    assert_eq!(
        kinds(&all),
        ["contact.created", "contact.created", "contact.deleted"]
    );
    let some = read(&some.take(1).await.unwrap());
    assert_eq!(kinds(&some), ["contact.deleted"]);
    assert_eq!(
        some[0]["id"], all[2]["id"],
        "an event is the same for everybody"
    );
    assert_ne!(some[0]["subscription"], all[2]["subscription"]);
    assert_eq!(bed.rows("O#").await, []);
}

#[tokio::test]
async fn names_are_told_to_those_alone_who_ask_for_them() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let mut made = Vec::new();
    for detail in [Detail::None, Detail::Name] {
        let wish = NewSubscription {
            detail,
            ..wish(book, Channel::Sqs, queue.arn())
        };
        let standing = bed.events.subscribe(WHO, &wish, None).await.unwrap();
        made.push(standing.subscription.id.to_string());
    }
    bed.create(book, "Ada Lovelace").await;
    bed.rename_book(book, "Analysts").await;
    bed.events.publish_book(book).await.unwrap();
    let events = read(&queue.take(4).await.unwrap());
    for event in events {
        let named = event["subscription"] == made[1];
        let renamed = event["kind"] == "book.renamed";
        let text = event.to_string();
        assert_eq!(text.contains("Ada"), named && !renamed, "{text}");
        assert_eq!(text.contains("Analysts"), named && renamed, "{text}");
    }
    assert_eq!(queue.counts().await.unwrap().total(), 0);
}

#[tokio::test]
async fn a_large_batch_is_told_whole() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    let cards: Vec<_> = (0..60)
        .map(|number| {
            let card =
                json!({"@type": "Card", "version": "1.0", "name": {"full": format!("N{number}")}});
            contacts::BatchOp::Create(contacts::Draft::Json(card.to_string().into_bytes()))
        })
        .collect();
    let answer = |_| contacts::Answer {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let render = |_: &contacts::Outcome| json!(null);
    let done = bed
        .contacts
        .batch(WHO, BookRef::Id(book), cards, None, &render, &answer);
    done.await.unwrap();
    // As many rows as transactions, not as contacts.
    assert!(bed.rows("O#").await.len() <= 4);
    bed.events.publish_book(book).await.unwrap();
    let events = events_in(&queue).await;
    assert_eq!(events.len(), 60);
    let numbers: BTreeSet<_> = events
        .values()
        .map(|event| event["sequence"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=60).map(Some).collect());
    assert!(bed.faults.count("PublishBatch").calls <= 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_who_publish_a_book_at_once_in_a_process_send_each_event_once() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    for number in 0..10 {
        bed.create(book, &format!("N{number}")).await;
    }
    let all = futures::future::join_all((0..8).map(|_| {
        let events = bed.events.clone();
        tokio::spawn(async move { events.publish_book(book).await.unwrap().sent })
    }));
    let sent: u64 = all.await.into_iter().map(Result::unwrap).sum();
    assert_eq!(sent, 10);
    assert_eq!(queue.counts().await.unwrap().visible, 10);
}
