//! Delivery without a topic: this process calls the URLs itself.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use contacts::{BookId, BookRef, Contacts, Draft};
use contacts_events::{
    Channel, EndpointState, Events, Own, Published, Resolve, SubscriptionId, Topic,
};
use jiff::{Timestamp, ToSpan};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

use crate::bed::{WHO, names, table, wish};
use crate::receiver::Receiver;

pub(crate) struct Home {
    pub(crate) contacts: Contacts,
    pub(crate) events: Events,
    pub(crate) book: BookId,
    pub(crate) database: Client,
}

impl Home {
    pub(crate) async fn new(resolve: Resolve) -> Self {
        let (database, contacts) = table().await;
        let topic = Topic::Own(Own::with_resolver(true, resolve));
        let events = Events::new(contacts.clone(), topic);
        let book = contacts.create_book(WHO, "Friends", None).await.unwrap().id;
        Self {
            contacts,
            events,
            book,
            database,
        }
    }

    /// As another process does: it shares the table, and does not know who failed before.
    pub(crate) fn sibling(&self) -> Events {
        let topic = Topic::Own(Own::with_resolver(true, names()));
        Events::new(self.contacts.clone(), topic)
    }

    pub(crate) async fn subscribe(&self, url: &str) -> SubscriptionId {
        let wish = wish(self.book, Channel::Https, url);
        let made = self.events.subscribe(WHO, &wish, None).await.unwrap();
        assert_eq!(made.state, EndpointState::Confirmed);
        made.subscription.id
    }

    pub(crate) async fn create(&self, name: &str) {
        let card = format!(r#"{{"@type":"Card","version":"1.0","name":{{"full":"{name}"}}}}"#);
        let draft = Draft::Json(card.into_bytes());
        let made = self
            .contacts
            .create(WHO, BookRef::Id(self.book), draft, None);
        made.await.unwrap();
    }

    pub(crate) async fn publish(&self) -> Published {
        self.events.publish_book(self.book).await.unwrap()
    }

    /// Another process sweeps.
    pub(crate) async fn sweep(&self) -> Published {
        let soon = Instant::now() + Duration::from_secs(60);
        let events = self.sibling();
        let swept = events.sweep_before(Timestamp::now() + 1.hour(), soon);
        swept.await.unwrap().published
    }
}

pub(crate) fn counts(published: Published) -> [u64; 3] {
    [published.sent, published.waiting, published.lost]
}

pub(crate) fn numbers(receiver: &Receiver) -> Vec<u64> {
    let bodies = receiver.bodies();
    bodies
        .iter()
        .map(|body| body["sequence"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_url_gets_what_happened_in_its_order() {
    let home = Home::new(names()).await;
    let receiver = Receiver::start().await;
    let id = home.subscribe(receiver.url()).await;
    for name in ["Ada", "Ben", "Cleo"] {
        home.create(name).await;
    }
    assert_eq!(counts(home.publish().await), [3, 0, 0]);
    assert_eq!(numbers(&receiver), [1, 2, 3]);
    assert_eq!(receiver.bodies()[0]["subscription"], id.to_string());
    assert_eq!(receiver.paths(), ["/hook"; 3]);
}

#[tokio::test]
async fn what_a_url_does_not_take_comes_again_and_holds_up_nobody_else() {
    let home = Home::new(names()).await;
    let (sick, well) = (Receiver::start().await, Receiver::start().await);
    home.subscribe(sick.url()).await;
    home.subscribe(well.url()).await;
    home.create("Ada").await;
    home.create("Ben").await;
    sick.answer([500]);
    // After the first failure the second is not tried, so that the order stays.
    assert_eq!(counts(home.publish().await), [2, 2, 0]);
    assert_eq!((numbers(&sick), numbers(&well)), (vec![1], vec![1, 2]));
    assert_eq!(counts(home.sweep().await), [2, 0, 0]);
    assert_eq!(
        (numbers(&sick), numbers(&well)),
        (vec![1, 1, 2], vec![1, 2])
    );
    let bodies = sick.bodies();
    assert_eq!(bodies[0], bodies[1], "the same message each time");
}

#[tokio::test]
async fn a_url_that_is_gone_is_told_nothing_more() {
    for status in [404, 410] {
        let home = Home::new(names()).await;
        let receiver = Receiver::start().await;
        let id = home.subscribe(receiver.url()).await;
        home.create("Ada").await;
        receiver.answer([status]);
        assert_eq!(counts(home.publish().await), [0, 0, 1]);
        let standing = home.events.subscription(WHO, id).await.unwrap();
        assert_eq!(standing.state, EndpointState::Failed);
        let reason = standing.reason.unwrap();
        assert_eq!(reason, "the endpoint says that it is gone");
        home.create("Ben").await;
        assert_eq!(counts(home.publish().await), [0, 0, 0]);
        assert_eq!(counts(home.sweep().await), [0, 0, 0]);
        assert_eq!(receiver.bodies().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let home = Home::new(names()).await;
    let receiver = Receiver::start().await;
    home.subscribe(receiver.url()).await;
    home.create("Ada").await;
    receiver.answer([301, 302, 307, 308]);
    for _ in 0..4 {
        assert_eq!(counts(home.sweep().await), [0, 1, 0]);
    }
    assert_eq!(counts(home.sweep().await), [1, 0, 0]);
    assert_eq!(receiver.paths(), ["/hook"; 5]);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_is_no_more_than_a_delay() {
    let home = Home::new(names()).await;
    // This one accepts and never answers; the other does not even listen.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for listener in [&silent, &closed] {
        let url = format!("http://{}/", listener.local_addr().unwrap());
        home.subscribe(&url).await;
    }
    drop(closed);
    home.create("Ada").await;
    assert_eq!(counts(home.publish().await), [0, 2, 0]);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_after_it_was_subscribed_leads_nowhere() {
    let found: Arc<Mutex<Vec<IpAddr>>> = Arc::new(Mutex::new(vec![[1, 1, 1, 1].into()]));
    let now = Arc::clone(&found);
    let resolve: Resolve = Arc::new(move |_| {
        let found = now.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    });
    let home = Home::new(Arc::clone(&resolve)).await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    home.subscribe(&format!("https://rebind.example.org:{port}/"))
        .await;
    home.create("Ada").await;
    for inner in [[127, 0, 0, 1], [10, 0, 0, 1], [169, 254, 169, 254]] {
        *found.lock().unwrap() = vec![[1, 1, 1, 1].into(), inner.into()];
        // Each time a process that does not know that it failed before.
        let topic = Topic::Own(Own::with_resolver(true, Arc::clone(&resolve)));
        let events = Events::new(home.contacts.clone(), topic);
        let published = events.publish_book(home.book).await.unwrap();
        assert_eq!(counts(published), [0, 1, 0]);
    }
    let called = futures::FutureExt::now_or_never(inside.accept());
    assert!(called.is_none(), "nobody came");
}
