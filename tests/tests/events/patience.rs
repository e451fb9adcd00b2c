//! Receivers that are away, dead or in trouble: how long they are waited for, and what becomes of theirs.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::{BatchOp, BookRef, Draft};
use contacts_events::EndpointState;
use futures::future::{Either, select};
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::bed::{WHO, names};
use crate::own::{Home, counts, numbers};
use crate::receiver::Receiver;

/// A receiver that accepts and never answers, and its URL.
async fn dead() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

/// Who has come and was not looked at yet.
fn came(listener: &TcpListener) -> Vec<TcpStream> {
    let next = || futures::FutureExt::now_or_never(listener.accept());
    std::iter::from_fn(next)
        .map(|came| came.unwrap().0)
        .collect()
}

/// Sets a number of each item whose partition key begins with `prefix`.
async fn set(home: &Home, prefix: &str, name: &str, value: i64) {
    let table = || home.database.scan().table_name("contacts");
    let rows = table().send().await.unwrap().items.unwrap_or_default();
    let ours = |pk: &AttributeValue| pk.as_s().unwrap().starts_with(prefix);
    for row in rows.into_iter().filter(|row| ours(&row["pk"])) {
        let update = home.database.update_item().table_name("contacts");
        let update = update
            .key("pk", row["pk"].clone())
            .key("sk", row["sk"].clone())
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", AttributeValue::N(value.to_string()));
        update.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_receiver_is_called_once_and_keeps_nobody_else_waiting() {
    let home = Home::new(names()).await;
    let (listener, url) = dead().await;
    let well = Receiver::start().await;
    home.subscribe(&url).await;
    home.subscribe(well.url()).await;
    for number in 0..30 {
        home.create(&format!("N{number}")).await;
    }
    assert_eq!(counts(home.publish().await), [30, 30, 0]);
    assert_eq!(numbers(&well), (1..=30).collect::<Vec<_>>());
    assert_eq!(came(&listener).len(), 1, "of thirty messages on two pages");
    // It is left alone for a while, by those who know; what waits is looked at no further.
    home.create("Ada").await;
    assert_eq!(counts(home.publish().await), [1, 31, 0]);
    assert_eq!(came(&listener).len(), 0);
}

#[tokio::test]
async fn whoever_comes_while_a_book_is_published_waits_for_nothing() {
    let home = Home::new(names()).await;
    let (listener, url) = dead().await;
    home.subscribe(&url).await;
    home.create("Ada").await;
    let publish = std::pin::pin!(home.publish());
    let Either::Right((came, publish)) = select(publish, std::pin::pin!(listener.accept())).await
    else {
        panic!("the receiver is called");
    };
    home.create("Ben").await;
    assert_eq!(counts(home.publish().await), [0, 0, 0]);
    drop(came);
    // The one who was at it looks again.
    assert_eq!(counts(publish.await), [0, 3, 0]);
}

#[tokio::test]
async fn of_a_large_write_no_more_is_repeated_than_did_not_arrive() {
    let home = Home::new(names()).await;
    let receiver = Receiver::start().await;
    home.subscribe(receiver.url()).await;
    let cards = ["Ada", "Ben", "Cleo"].map(|name| {
        let card = json!({"@type": "Card", "version": "1.0", "name": {"full": name}});
        BatchOp::Create(Draft::Json(card.to_string().into_bytes()))
    });
    let answer = |_| contacts::Answer {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let render = |_: &contacts::Outcome| json!(null);
    let book = BookRef::Id(home.book);
    let done = home
        .contacts
        .batch(WHO, book, cards.into(), None, &render, &answer);
    done.await.unwrap();
    receiver.answer([204, 500, 204, 500]);
    for wanted in [[1, 2, 0], [1, 1, 0], [1, 0, 0]] {
        assert_eq!(counts(home.sweep().await), wanted);
    }
    assert_eq!(numbers(&receiver), [1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn an_endpoint_is_given_up_after_a_day_of_failures_and_not_for_old_events() {
    let home = Home::new(names()).await;
    let receiver = Receiver::start().await;
    let id = home.subscribe(receiver.url()).await;
    let state = async || home.events.subscription(WHO, id).await.unwrap().state;
    let ago = |hours: i64| (Timestamp::now() - hours.hours()).as_millisecond();
    home.create("Ada").await;
    // Nobody was there to send it for two days.
    set(&home, "O#", "at", ago(48)).await;
    set(&home, "S#", "created", ago(72)).await;
    receiver.answer([500, 204, 500, 500, 500]);
    assert_eq!(counts(home.sweep().await), [0, 1, 0]);
    assert_eq!(state().await, EndpointState::Confirmed);
    // It is reached again, so that what was before does not count.
    set(&home, "E#", "failing", ago(25)).await;
    assert_eq!(counts(home.sweep().await), [1, 0, 0]);
    home.create("Ben").await;
    assert_eq!(counts(home.sweep().await), [0, 1, 0]);
    set(&home, "E#", "failing", ago(23)).await;
    assert_eq!(counts(home.sweep().await), [0, 1, 0]);
    assert_eq!(state().await, EndpointState::Confirmed);
    set(&home, "E#", "failing", ago(25)).await;
    assert_eq!(counts(home.sweep().await), [0, 0, 1]);
    assert_eq!(state().await, EndpointState::Failed);
    // Whoever subscribes again begins anew.
    home.subscribe(receiver.url()).await;
    home.create("Cleo").await;
    receiver.answer([500]);
    assert_eq!(counts(home.sweep().await), [0, 2, 0]);
    assert_eq!(state().await, EndpointState::Confirmed);
}

#[tokio::test]
async fn events_of_two_installations_have_identifiers_of_their_own() {
    let receiver = Arc::new(Receiver::start().await);
    let mut books = Vec::new();
    for _ in 0..2 {
        let home = Home::new(names()).await;
        let book = home.contacts.book(WHO, BookRef::Default).await.unwrap().id;
        let home = Home { book, ..home };
        home.subscribe(receiver.url()).await;
        home.create("Ada").await;
        assert_eq!(counts(home.publish().await), [1, 0, 0]);
        books.push(book);
    }
    assert_eq!(books[0], books[1]);
    let bodies = receiver.bodies();
    assert_eq!(bodies[0]["sequence"], bodies[1]["sequence"]);
    assert_ne!(bodies[0]["id"], bodies[1]["id"]);
}
