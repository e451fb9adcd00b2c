//! What keeps a subscription from being made, and leaves nothing behind.

use contacts_events::{Channel, Error, Limit, MOST_AWAITED, MOST_SUBSCRIPTIONS};
use contacts_tests::faults::{Fault, Rule};
use futures::future::join_all;

use crate::bed::{Bed, WHO, wish};

fn email(part: &str, number: usize) -> String {
    format!("{part}{number}@limits.example.org")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_race_gets_more_confirmations_than_one_may_have_awaited() {
    const RACERS: usize = 12;
    let bed = Bed::new().await;
    let book = bed.book().await;
    let racing = join_all((0..RACERS).map(|number| {
        let (events, wish) = (
            bed.sibling(),
            wish(book, Channel::Email, &email("race", number)),
        );
        tokio::spawn(async move { events.subscribe(WHO, &wish, None).await.map(drop) })
    }));
    let done: Vec<_> = racing.await.into_iter().map(Result::unwrap).collect();
    let most = usize::from(MOST_AWAITED);
    let made = done.iter().filter(|done| done.is_ok()).count();
    // Who lost a race too often was told to come again; nobody got more than there is.
    assert!((1..=most).contains(&made), "{done:?}");
    for done in &done {
        let refused = matches!(done, Err(Error::Limit(Limit::Awaited) | Error::Contacts(_)));
        assert!(done.is_ok() || refused, "{done:?}");
    }
    assert_eq!(bed.moto.endpoints(&bed.topic).unwrap().len(), made);
    bed.is_sound().await;
}

#[tokio::test]
async fn five_confirmations_may_be_awaited_and_each_that_comes_makes_room() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let subscribe = async |number| {
        let wish = wish(book, Channel::Email, &email("five", number));
        bed.events.subscribe(WHO, &wish, None).await
    };
    for number in 0..5 {
        subscribe(number).await.unwrap();
    }
    let refused = subscribe(5).await;
    assert!(
        matches!(refused, Err(Error::Limit(Limit::Awaited))),
        "{refused:?}"
    );
    // A subscription that goes does not take the message back that asked for its confirmation.
    let (all, _) = bed.events.subscriptions(WHO, None, 1).await.unwrap();
    bed.events
        .unsubscribe(WHO, all[0].subscription.id)
        .await
        .unwrap();
    assert!(subscribe(5).await.is_err());
    let (all, _) = bed.events.subscriptions(WHO, None, 1).await.unwrap();
    bed.moto.confirm(&all[0].subscription.address).unwrap();
    subscribe(5).await.unwrap();
    assert!(subscribe(6).await.is_err());
    // Others have their own.
    let other = bed
        .contacts
        .book("other", contacts::BookRef::Default)
        .await
        .unwrap();
    let wish = wish(other.id, Channel::Email, &email("other", 0));
    bed.events.subscribe("other", &wish, None).await.unwrap();
}

#[tokio::test]
async fn a_full_topic_is_said_and_nothing_is_left() {
    let bed = Bed::alone().await;
    let book = bed.book().await;
    let queues = [bed.queue().await, bed.queue().await];
    bed.moto.limit_policies(1).unwrap();
    let wishes = queues
        .each_ref()
        .map(|queue| wish(book, Channel::Sqs, queue.arn()));
    let first = bed.events.subscribe(WHO, &wishes[0], None).await.unwrap();
    let full = bed.events.subscribe(WHO, &wishes[1], None).await;
    assert!(matches!(full, Err(Error::Limit(Limit::Topic))), "{full:?}");
    bed.events
        .unsubscribe(WHO, first.subscription.id)
        .await
        .unwrap();
    bed.is_forgotten(book).await;
    assert!(bed.store().awaited(WHO).await.unwrap().is_empty());
    bed.events.subscribe(WHO, &wishes[1], None).await.unwrap();
}

#[tokio::test]
async fn a_book_has_fifty_subscriptions_at_most() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let wish = wish(book, Channel::Sqs, queue.arn());
    for _ in 0..MOST_SUBSCRIPTIONS {
        bed.events.subscribe(WHO, &wish, None).await.unwrap();
    }
    let refused = bed.events.subscribe(WHO, &wish, None).await;
    assert!(
        matches!(refused, Err(Error::Limit(Limit::Book))),
        "{refused:?}"
    );
    bed.is_sound().await;
}

#[tokio::test]
async fn where_sns_fails_nothing_is_subscribed_and_nothing_is_left() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let wish = wish(book, Channel::Sqs, queue.arn());
    for fault in [
        Fault::InternalServerError,
        Fault::Throttle,
        Fault::ResetBefore,
    ] {
        bed.faults.inject(Rule::new(fault).on("Subscribe"));
        let failed = bed.events.subscribe(WHO, &wish, None).await;
        assert!(matches!(failed, Err(Error::Sns)), "{failed:?}");
        bed.faults.clear();
        bed.is_forgotten(book).await;
        assert!(bed.store().awaited(WHO).await.unwrap().is_empty());
    }
    // Two bad answers and a lost one are no failure.
    bed.faults
        .inject(Rule::new(Fault::Throttle).on("Subscribe").times(2));
    bed.faults
        .inject(Rule::new(Fault::ResetAfter).on("Subscribe").times(1));
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    assert_eq!(bed.moto.endpoints(&bed.topic).unwrap(), [queue.arn()]);

    // Without SNS a subscription still goes, and SNS hears of it later.
    bed.faults.inject(Rule::new(Fault::ResetBefore));
    bed.events
        .unsubscribe(WHO, made.subscription.id)
        .await
        .unwrap();
    assert_eq!(bed.moto.endpoints(&bed.topic).unwrap(), [queue.arn()]);
    bed.sweep().await;
    bed.faults.clear();
    bed.sweep().await;
    bed.is_forgotten(book).await;
}
