//! Processes that do not agree on the topic: nothing is lost, and nothing fails.

use contacts_events::{Channel, EndpointState, Events, Own, Sns, Topic};

use crate::bed::{Bed, WHO, names, wish};
use crate::receiver::Receiver;

fn without_topic(bed: &Bed) -> Events {
    let topic = Topic::Own(Own::with_resolver(true, names()));
    Events::new(bed.contacts.clone(), topic)
}

#[tokio::test]
async fn what_is_for_a_topic_waits_for_a_process_that_has_it() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    let url = wish(book, Channel::Https, "https://hooks.example.org/");
    let pending = bed.events.subscribe(WHO, &url, None).await.unwrap();
    assert_eq!(pending.state, EndpointState::Pending);
    let (_, elsewhere) = (
        bed.create(book, "Ada").await,
        "arn:aws:sns:us-east-1:1:other",
    );
    let other = Sns::with_resolver(&bed.moto.config(), elsewhere, names());
    let other = Events::new(bed.contacts.clone(), Topic::Sns(other));
    for events in [without_topic(&bed), other] {
        let published = events.publish_book(book).await.unwrap();
        assert_eq!(
            (published.sent, published.waiting, published.lost),
            (0, 2, 0)
        );
        assert_eq!(bed.rows("O#").await.len(), 1);
    }
    assert_eq!(bed.events.publish_book(book).await.unwrap().sent, 2);
    assert_eq!(queue.take(1).await.unwrap().len(), 1);
    assert_eq!(bed.rows("O#").await, []);
}

#[tokio::test]
async fn what_is_for_a_url_waits_for_a_process_that_calls_it() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let receiver = Receiver::start().await;
    let own = without_topic(&bed);
    let url = wish(book, Channel::Https, receiver.url());
    let made = own.subscribe(WHO, &url, None).await.unwrap();
    bed.create(book, "Ada").await;
    let published = bed.events.publish_book(book).await.unwrap();
    assert_eq!(
        (published.sent, published.waiting, published.lost),
        (0, 1, 0)
    );
    // To look at it does not end it.
    let standing = bed.events.subscription(WHO, made.subscription.id).await;
    assert_eq!(standing.unwrap().state, EndpointState::Confirmed);
    assert_eq!(own.publish_book(book).await.unwrap().sent, 1);
    assert_eq!(receiver.bodies().len(), 1);
    assert_eq!(bed.rows("O#").await, []);
}
