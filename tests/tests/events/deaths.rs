//! A process that dies at any of its awaits: while it publishes, subscribes or unsubscribes.

use contacts_events::{Channel, EndpointState};

use crate::bed::{Bed, WHO, events_in, until_death, wish};

/// More polls than any of these takes.
const POLLS: usize = 400;

#[tokio::test]
async fn a_publisher_that_dies_anywhere_loses_nothing() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    for polls in 0..POLLS {
        let contact = bed.create(book, "Ada").await;
        let done = until_death(polls, bed.sibling().publish_book(book)).await;
        // The next one finds what is left, if anything is.
        bed.sibling().publish_book(book).await.unwrap();
        assert_eq!(bed.rows("O#").await, []);
        let events = events_in(&queue).await;
        assert_eq!(events.len(), 1, "one event, however often it came");
        let event = events.into_values().next().unwrap();
        assert_eq!(event["contact"]["id"], contact.stored.head.id.to_string());
        if let Some(done) = done {
            assert_eq!(done.unwrap().sent, 1);
            assert!(polls > 4, "at least a few calls");
            return;
        }
    }
    panic!("publishing takes fewer polls than {POLLS}");
}

#[tokio::test]
async fn a_death_while_a_book_ends_leaves_no_subscription_behind() {
    let bed = Bed::new().await;
    for polls in 0..POLLS {
        let book = bed.book().await;
        let queue = bed.told_all(book).await;
        let now = bed.store().book(book).await.unwrap().unwrap();
        bed.store().delete_book(WHO, &now).await.unwrap();
        let done = until_death(polls, bed.sibling().publish_book(book)).await;
        bed.sweep().await;
        bed.is_forgotten(book).await;
        assert_eq!(events_in(&queue).await.len(), 1);
        if done.is_some() {
            return;
        }
    }
    panic!("publishing takes fewer polls than {POLLS}");
}

#[tokio::test]
async fn a_death_while_subscribing_leaves_all_or_what_the_sweep_removes() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    for polls in 0..POLLS {
        let queue = bed.queue().await;
        let wish = wish(book, Channel::Sqs, queue.arn());
        let done = until_death(polls, bed.sibling().subscribe(WHO, &wish, None)).await;
        bed.sweep().await;
        bed.is_sound().await;
        let (made, _) = bed.events.subscriptions(WHO, None, 10).await.unwrap();
        assert!(made.len() <= 1, "half a subscription");
        if let Some(standing) = made.first() {
            assert_eq!(standing.state, EndpointState::Confirmed);
            bed.events
                .unsubscribe(WHO, standing.subscription.id)
                .await
                .unwrap();
        }
        bed.is_forgotten(book).await;
        // And the same again works; with what was awaited by the dead, there are five of those.
        if polls % 16 == 0 {
            for row in bed.rows("P#").await {
                if row["sk"].as_s().unwrap().starts_with("A#") {
                    let delete = bed.database.delete_item().table_name("contacts");
                    let delete = delete
                        .key("pk", row["pk"].clone())
                        .key("sk", row["sk"].clone());
                    delete.send().await.unwrap();
                }
            }
        }
        if done.is_some_and(|done| done.is_ok()) {
            assert!(polls > 4, "at least a few calls");
            return;
        }
    }
    panic!("subscribing takes fewer polls than {POLLS}");
}

#[tokio::test]
async fn a_death_while_unsubscribing_is_finished_by_the_sweep() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    for polls in 0..POLLS {
        let queue = bed.queue().await;
        let wish = wish(book, Channel::Sqs, queue.arn());
        let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
        let id = made.subscription.id;
        let done = until_death(polls, bed.sibling().unsubscribe(WHO, id)).await;
        bed.sweep().await;
        if bed.events.unsubscribe(WHO, id).await.is_ok() {
            bed.sweep().await;
        }
        bed.is_forgotten(book).await;
        if done.is_some() {
            return;
        }
    }
    panic!("unsubscribing takes fewer polls than {POLLS}");
}
