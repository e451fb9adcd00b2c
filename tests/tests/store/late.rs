//! A transaction that takes effect after its writer has given the attempt up.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use contacts_store::{Done, Store};
use contacts_tests::faults::{Fault, Gate, Rule};
use serde_json::Value;

use crate::{
    bed::{Bed, s},
    cards::{Model, agrees, create, delete, entry, new_book, put_over, word, write},
};

on_both!(
    an_attempt_that_commits_after_it_was_given_up_counts,
    an_attempt_that_commits_before_another_writer_counts,
);

/// Carries out a transaction from the bytes of its request, as the network might do late.
async fn replay(bed: &Bed, body: &Value) {
    let some = Put::builder().table_name(bed.table()).item("pk", s("x"));
    let some = TransactWriteItem::builder()
        .put(some.build().unwrap())
        .build();
    let bytes = body.to_string();
    bed.client()
        .transact_write_items()
        .transact_items(some)
        .customize()
        .mutate_request(move |request| {
            let length = bytes.len().to_string();
            request.headers_mut().insert("content-length", length);
            *request.body_mut() = bytes.as_str().into();
        })
        .send()
        .await
        .unwrap();
}

/// Drops every attempt at a transaction, and holds the read of the book that follows.
fn give_up(bed: &Bed) -> (Arc<Mutex<Option<Value>>>, Gate) {
    let attempt = Arc::new(Mutex::new(None));
    let seen = attempt.clone();
    let lost = Rule::new(Fault::ResetBefore).on("TransactWriteItems");
    bed.faults.inject(lost.times(5).when(move |body| {
        *seen.lock().unwrap() = Some(body.clone());
        true
    }));
    let gate = Gate::closed();
    let seen = attempt.clone();
    let wait = Rule::new(Fault::Wait(gate.clone())).on("GetItem");
    let book = move |body: &Value| body["Key"]["sk"]["S"] == "B" && seen.lock().unwrap().is_some();
    bed.faults.inject(wait.when(book));
    (attempt, gate)
}

async fn run(bed: Bed, meanwhile: impl AsyncFn(&Store, contacts_store::BookId)) {
    let look = bed.store();
    let known = ["anna", "berg", "zoe"].map(|text| word(text, 'a')).into();
    for deleting in [false, true] {
        let book = new_book(&look).await;
        let id = create(&look, book, entry("u", "anna")).await.head.id;
        let (attempt, gate) = give_up(&bed);
        let store = bed.through();
        let writing = tokio::spawn(async move {
            let op = if deleting {
                delete(id)
            } else {
                put_over(id, 1, entry("u", "berg"))
            };
            write(&store, book, &[op]).await.unwrap()
        });
        // Without an attempt, the number is read before; then it is given up and read anew.
        gate.arrived(1).await;
        let body = attempt.lock().unwrap().take().unwrap();
        replay(&bed, &body).await;
        meanwhile(&look, book).await;
        gate.open();
        let done = writing.await.unwrap();
        bed.faults.clear();
        let mut model = Model::new();
        if deleting {
            assert!(matches!(done[..], [Done::Deleted(_)]), "{done:?}");
        } else {
            assert!(matches!(&done[..], [Done::Updated(stored)] if stored.head.revision == 2));
            model.insert(id, (2, entry("u", "berg")));
        }
        for item in crate::cards::all_listed(&look, book).await {
            model.entry(item.id).or_insert((1, entry("v", "zoe")));
        }
        agrees(&look, book, &model, &known).await;
    }
    bed.is_sound().await;
}

async fn an_attempt_that_commits_after_it_was_given_up_counts(bed: Bed) {
    run(bed, async |_, _| {}).await;
}

async fn an_attempt_that_commits_before_another_writer_counts(bed: Bed) {
    run(bed, async |store, book| {
        create(store, book, entry("v", "zoe")).await;
    })
    .await;
}
