//! How subscriptions come, stand and go.

use contacts::BookRef;
use contacts_events::{Channel, EndpointState, Error};
use contacts_tests::faults::{Fault, Rule};

use crate::bed::{Bed, WHO, wish};

#[tokio::test]
async fn an_email_address_is_pending_until_it_is_confirmed() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let ada = "ada@pending.example.org";
    let wish = wish(book, Channel::Email, ada);
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    let id = made.subscription.id;
    let state = async || bed.sibling().subscription(WHO, id).await.unwrap().state;
    assert_eq!(made.state, EndpointState::Pending);
    assert_eq!(state().await, EndpointState::Pending);
    bed.moto.confirm(ada).unwrap();
    let (listed, next) = bed.events.subscriptions(WHO, None, 10).await.unwrap();
    assert_eq!((listed[0].state, next), (EndpointState::Confirmed, None));
    assert_eq!(state().await, EndpointState::Confirmed);

    // From then on SNS is asked about this one alone, and without SNS what is known is said.
    bed.faults.inject(Rule::new(Fault::ResetBefore));
    assert_eq!(state().await, EndpointState::Confirmed);
    bed.faults.clear();
    bed.events.unsubscribe(WHO, id).await.unwrap();
    bed.is_forgotten(book).await;
}

#[tokio::test]
async fn a_queue_is_confirmed_at_once_and_awaits_nothing() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let wish = wish(book, Channel::Sqs, queue.arn());
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    assert_eq!(made.state, EndpointState::Confirmed);
    assert!(bed.store().awaited(WHO).await.unwrap().is_empty());
    assert_eq!(bed.rows("O#").await, [], "nothing is left to be looked at");
}

#[tokio::test]
async fn an_endpoint_is_subscribed_once_in_sns_however_many_subscriptions_use_it() {
    let bed = Bed::new().await;
    let books = [bed.book().await, bed.book().await];
    let queue = bed.queue().await;
    let mut made = Vec::new();
    for book in [books[0], books[0], books[1]] {
        let wish = wish(book, Channel::Sqs, queue.arn());
        made.push(bed.events.subscribe(WHO, &wish, None).await.unwrap());
    }
    assert_eq!(bed.moto.endpoints(&bed.topic).unwrap(), [queue.arn()]);
    let count = async |book| bed.store().book(book).await.unwrap().unwrap().subscriptions;
    assert_eq!((count(books[0]).await, count(books[1]).await), (2, 1));
    for (at, standing) in made.iter().enumerate() {
        assert_eq!(
            bed.moto.endpoints(&bed.topic).unwrap(),
            [queue.arn()],
            "{at}"
        );
        let id = standing.subscription.id;
        bed.events.unsubscribe(WHO, id).await.unwrap();
        let again = bed.events.unsubscribe(WHO, id).await;
        assert!(matches!(again, Err(Error::SubscriptionNotFound)));
    }
    for book in books {
        bed.is_forgotten(book).await;
    }
}

#[tokio::test]
async fn an_endpoint_is_one_owners_until_it_has_failed() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let ada = "ada@taken.example.org";
    let mine = wish(book, Channel::Email, ada);
    let mine = bed.events.subscribe(WHO, &mine, None).await.unwrap();

    let theirs = bed.contacts.book("other", BookRef::Default).await.unwrap();
    let theirs = wish(theirs.id, Channel::Email, ada);
    let refused = bed.events.subscribe("other", &theirs, None).await;
    assert!(matches!(refused, Err(Error::EndpointTaken)), "{refused:?}");
    // SNS drops what nobody confirms.
    bed.moto.forget(ada).unwrap();
    let id = mine.subscription.id;
    let failed = bed.events.subscription(WHO, id).await.unwrap();
    assert_eq!(failed.state, EndpointState::Failed);
    assert!(failed.reason.unwrap().contains("nobody confirmed it"));

    let made = bed.events.subscribe("other", &theirs, None).await.unwrap();
    bed.moto.confirm(ada).unwrap();
    let lost = bed.events.subscription(WHO, id).await.unwrap();
    assert_eq!(lost.state, EndpointState::Failed);
    assert!(lost.reason.unwrap().contains("somebody else"));
    bed.events.unsubscribe(WHO, id).await.unwrap();
    let standing = bed.events.subscription("other", made.subscription.id);
    assert_eq!(standing.await.unwrap().state, EndpointState::Confirmed);
    bed.is_sound().await;
}

#[tokio::test]
async fn who_stops_messages_by_the_link_in_an_email_has_a_failed_subscription() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let ada = "ada@stopped.example.org";
    let wish = wish(book, Channel::Email, ada);
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    bed.moto.confirm(ada).unwrap();
    let id = made.subscription.id;
    bed.events.subscription(WHO, id).await.unwrap();
    bed.moto.forget(ada).unwrap();
    let stopped = bed.events.subscription(WHO, id).await.unwrap();
    assert_eq!(stopped.state, EndpointState::Failed);
    assert!(stopped.reason.unwrap().contains("stopped from there"));

    // Asking again asks the address again, and then both are confirmed.
    let again = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    assert_eq!(again.state, EndpointState::Pending);
    bed.moto.confirm(ada).unwrap();
    let (all, _) = bed.events.subscriptions(WHO, None, 10).await.unwrap();
    let states: Vec<_> = all.iter().map(|one| one.state).collect();
    assert_eq!(states, [EndpointState::Confirmed; 2]);
    for one in all {
        let id = one.subscription.id;
        bed.events.unsubscribe(WHO, id).await.unwrap();
    }
    bed.is_forgotten(book).await;
}

#[tokio::test]
async fn subscriptions_are_their_owners_and_listed_page_by_page() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let wish = wish(book, Channel::Sqs, queue.arn());
    let mut ids = Vec::new();
    for _ in 0..5 {
        let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
        ids.push(made.subscription.id);
    }
    ids.sort_unstable();
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = bed.events.subscriptions(WHO, cursor.as_deref(), 2).await;
        let (page, next) = page.unwrap();
        listed.extend(page.iter().map(|one| one.subscription.id));
        cursor = next;
        if cursor.is_none() {
            break;
        }
        let foreign = bed
            .events
            .subscriptions("other", cursor.as_deref(), 2)
            .await;
        assert!(foreign.is_err(), "a cursor is its owner's");
    }
    assert_eq!(listed, ids);
    assert!(
        bed.events
            .subscriptions("other", None, 9)
            .await
            .unwrap()
            .0
            .is_empty()
    );
    for done in [
        bed.events.subscription("other", ids[0]).await.map(drop),
        bed.events.unsubscribe("other", ids[0]).await,
    ] {
        assert!(matches!(done, Err(Error::SubscriptionNotFound)), "{done:?}");
    }
    let refused = bed.events.subscribe("other", &wish, None).await;
    let not_theirs = contacts::Error::BookNotFound;
    assert!(
        matches!(&refused, Err(Error::Contacts(error)) if error.to_string() == not_theirs.to_string()),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_subscribe_the_same_at_once_all_succeed() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let all = (0..16).map(|_| {
        let (events, wish) = (bed.sibling(), wish(book, Channel::Sqs, queue.arn()));
        tokio::spawn(async move { events.subscribe(WHO, &wish, None).await })
    });
    for made in futures::future::join_all(all).await {
        assert_eq!(made.unwrap().unwrap().state, EndpointState::Confirmed);
    }
    let now = bed.store().book(book).await.unwrap().unwrap();
    assert_eq!(now.subscriptions, 16);
    bed.is_sound().await;
}

#[tokio::test]
async fn a_time_zone_is_kept_as_the_database_spells_it() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let mut wish = wish(book, Channel::Sqs, queue.arn());
    wish.time_zone = "EUROPE/berlin".to_owned();
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    assert_eq!(made.subscription.time_zone, "Europe/Berlin");
}
