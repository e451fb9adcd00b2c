//! A table, a topic of the test's own, and the ways to both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Poll;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use contacts::{BookId, BookRef, Contact, Contacts, Draft, Guard};
use contacts_embedded::Engine;
use contacts_events::{Channel, Detail, EventKind, Events, NewSubscription, Resolve, Sns, Topic};
use contacts_store::{ContactId, Store};
use contacts_tests::faults::Faults;
use contacts_tests::moto::{self, Moto, Queue};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

pub(crate) const WHO: &str = "somebody";
const TABLE: &str = "contacts";
/// No message is hidden as long as a test runs, and none comes back.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Bed {
    pub(crate) moto: Moto,
    /// Between the events and SNS.
    pub(crate) faults: Faults,
    pub(crate) topic: moto::Topic,
    pub(crate) contacts: Contacts,
    pub(crate) events: Events,
    pub(crate) database: Client,
    through: Moto,
}

/// The names of the examples lead to the public internet; there are no others.
pub(crate) fn names() -> Resolve {
    Arc::new(|name: String| {
        let known = name.ends_with(".example.org");
        let found = known.then(|| vec![[1, 1, 1, 1].into()]);
        Box::pin(async move { found.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    })
}

/// A new table in memory.
pub(crate) async fn table() -> (Client, Contacts) {
    let database = Engine::memory().unwrap().client();
    let store = Store::new(database.clone(), TABLE, 90);
    store.create_table().await.unwrap();
    (database, Contacts::new(store))
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::on(moto::shared().await).await
    }

    /// With a moto of its own, whose limits it may set.
    pub(crate) async fn alone() -> Self {
        let moto = tokio::task::spawn_blocking(Moto::start).await.unwrap();
        Self::on(moto.unwrap()).await
    }

    async fn on(moto: Moto) -> Self {
        let (faults, through) = moto.behind_faults(1).await.unwrap();
        let topic = moto.topic(&format!("t{}", BookId::random())).await.unwrap();
        let (database, contacts) = table().await;
        let events = events(&contacts, &through, &topic);
        Self {
            moto,
            faults,
            topic,
            contacts,
            events,
            database,
            through,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.contacts.store()
    }

    /// The events as another process has them: it shares the table and no memory.
    pub(crate) fn sibling(&self) -> Events {
        let store = Store::new(self.database.clone(), TABLE, 90);
        events(&Contacts::new(store), &self.through, &self.topic)
    }

    pub(crate) async fn book(&self) -> BookId {
        let book = self.contacts.create_book(WHO, "Friends", None).await;
        book.unwrap().id
    }

    pub(crate) async fn queue(&self) -> Queue {
        let name = format!("q{}", BookId::random());
        self.moto.queue(&name, LONG).await.unwrap()
    }

    /// A queue that is told everything about the book.
    pub(crate) async fn told_all(&self, book: BookId) -> Queue {
        let queue = self.queue().await;
        let wish = wish(book, Channel::Sqs, queue.arn());
        self.events.subscribe(WHO, &wish, None).await.unwrap();
        queue
    }

    pub(crate) async fn create(&self, book: BookId, name: &str) -> Contact {
        let card = json!({"@type": "Card", "version": "1.0", "name": {"full": name}});
        let draft = Draft::Json(card.to_string().into_bytes());
        let created = self.contacts.create(WHO, BookRef::Id(book), draft, None);
        created.await.unwrap()
    }

    pub(crate) async fn rename(&self, contact: &Contact, name: &str) -> Contact {
        let patch = json!({"name": {"full": name}}).to_string();
        let draft = Draft::patch(patch.as_bytes()).unwrap();
        let (book, id) = (BookRef::Id(contact.book), contact.stored.head.id);
        let changed = self.contacts.change(WHO, book, id, draft, Guard::open());
        changed.await.unwrap()
    }

    pub(crate) async fn rename_book(&self, book: BookId, name: &str) {
        let (book, guard) = (BookRef::Id(book), Guard::open());
        let renamed = self.contacts.rename_book(WHO, book, name, &guard);
        renamed.await.unwrap();
    }

    pub(crate) async fn delete(&self, book: BookId, id: ContactId) {
        let gone = self
            .contacts
            .delete(WHO, BookRef::Id(book), id, Guard::open());
        gone.await.unwrap();
    }

    /// Sends whatever is in the outbox, however young.
    pub(crate) async fn sweep(&self) -> contacts_events::Swept {
        let soon = Instant::now() + Duration::from_secs(60);
        let swept = self.events.sweep_before(Timestamp::now() + 1.hour(), soon);
        swept.await.unwrap()
    }

    /// The items whose partition key begins with `prefix`.
    pub(crate) async fn rows(&self, prefix: &str) -> Vec<HashMap<String, AttributeValue>> {
        let scan = self.database.scan().table_name(TABLE).into_paginator();
        let rows: Result<Vec<_>, _> = scan.items().send().collect().await;
        let ours = |row: &HashMap<_, AttributeValue>| row["pk"].as_s().unwrap().starts_with(prefix);
        rows.unwrap().into_iter().filter(ours).collect()
    }

    /// Asserts that nothing is left of any subscription, in the table or in SNS.
    pub(crate) async fn is_forgotten(&self, book: BookId) {
        for prefix in ["S#", "E#", "O#", "Y"] {
            assert_eq!(self.rows(prefix).await, [], "{prefix}");
        }
        if let Some(book) = self.store().book(book).await.unwrap() {
            assert_eq!(book.subscriptions, 0);
        }
        assert_eq!(self.moto.endpoints(&self.topic).unwrap(), [""; 0]);
        self.is_sound().await;
    }

    pub(crate) async fn is_sound(&self) {
        assert_eq!(self.store().check().await.unwrap().findings, []);
    }
}

fn events(contacts: &Contacts, through: &Moto, topic: &moto::Topic) -> Events {
    let sns = Sns::with_resolver(&through.config(), topic.arn(), names());
    Events::new(contacts.clone(), Topic::Sns(sns))
}

/// A wish to know everything.
pub(crate) fn wish(book: BookId, channel: Channel, address: &str) -> NewSubscription {
    NewSubscription {
        book: BookRef::Id(book),
        kinds: EventKind::ALL.to_vec(),
        channel,
        address: address.to_owned(),
        detail: Detail::None,
        time_zone: "UTC".to_owned(),
    }
}

/// The messages as JSON, in the order of their numbers.
pub(crate) fn read(messages: &[Message]) -> Vec<Value> {
    let mut all: Vec<Value> = messages
        .iter()
        .map(|message| serde_json::from_str(message.body().unwrap()).unwrap())
        .collect();
    all.sort_by_key(|message| message["sequence"].as_u64());
    all
}

/// What is in the queue now, each event once, by its identifier.
pub(crate) async fn events_in(queue: &Queue) -> BTreeMap<String, Value> {
    let count = queue.counts().await.unwrap().visible;
    let taken = queue.take(usize::try_from(count).unwrap()).await.unwrap();
    let all = read(&taken).into_iter();
    let named = all.map(|event| (event["id"].as_str().unwrap().to_owned(), event));
    named.collect()
}

/// The future's result, unless it is dropped at its `polls`th poll: then a process died there.
pub(crate) async fn until_death<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
