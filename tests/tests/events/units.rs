//! What an event costs, as the database reports it.

use contacts::{BookRef, Contacts, Draft};
use contacts_embedded::{Engine, serve};
use contacts_events::{Channel, Detail, Events, NewSubscription, Own, Topic};
use contacts_store::Store;
use contacts_tests::dynamodb_local::Endpoint;
use contacts_tests::faults::Faults;
use tokio::net::TcpListener;

use crate::bed::{WHO, names, wish};
use crate::receiver::Receiver;

/// Units read and written since the counts were reset.
fn units(faults: &Faults) -> (f64, f64) {
    let (mut read, mut written) = (0.0, 0.0);
    for (operation, count) in faults.counts() {
        match operation.as_str() {
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => read += count.units,
            _ => written += count.units,
        }
    }
    (read, written)
}

#[tokio::test]
async fn an_event_costs_what_the_documentation_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = serve(Engine::memory().unwrap(), listener).await.unwrap();
    let faults = Faults::start(&Endpoint::from(&server), 1).await.unwrap();
    let store = Store::new(faults.endpoint().client(), "contacts", 90);
    store.create_table().await.unwrap();
    let contacts = Contacts::new(store);
    let topic = Topic::Own(Own::with_resolver(true, names()));
    let events = Events::new(contacts.clone(), topic);
    let book = contacts.create_book(WHO, "Friends", None).await.unwrap().id;
    let receiver = Receiver::start().await;
    let create = async |name: &str| {
        let card = format!(r#"{{"@type":"Card","version":"1.0","name":{{"full":"{name}"}}}}"#);
        let draft = Draft::Json(card.into_bytes());
        let made = contacts.create(WHO, BookRef::Id(book), draft, None);
        made.await.unwrap();
    };
    create("Warm").await;
    faults.reset_counts();
    create("Quiet").await;
    let quiet = units(&faults);

    let mut reads = Vec::new();
    for detail in [Detail::None, Detail::Name] {
        let wish = NewSubscription {
            detail,
            ..wish(book, Channel::Https, receiver.url())
        };
        let made = events.subscribe(WHO, &wish, None).await.unwrap();
        // Looks at the book once more.
        create("Warm").await;
        events.publish_book(book).await.unwrap();
        faults.reset_counts();
        create("Watch").await;
        let watched = units(&faults);
        assert!((watched.0 - quiet.0).abs() < 0.01, "nothing more is read");
        assert!(
            (watched.1 - quiet.1 - 2.0).abs() < 0.01,
            "{watched:?} {quiet:?}"
        );
        faults.reset_counts();
        assert_eq!(events.publish_book(book).await.unwrap().sent, 1);
        let (read, written) = units(&faults);
        assert!((written - 1.0).abs() < 0.01, "the row goes: {written}");
        reads.push(read);
        let id = made.subscription.id;
        events.unsubscribe(WHO, id).await.unwrap();
    }
    // The outbox, the subscriptions and the endpoint; and the contact's head for its name.
    assert!(reads[0] <= 3.0 && reads[1] <= 4.0, "{reads:?}");

    // To look in vain costs one read.
    faults.reset_counts();
    events.publish_book(book).await.unwrap();
    assert!(units(&faults).0 <= 1.0);
}
