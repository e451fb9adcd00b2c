//! Repeatable requests: one answer, each operation once, whatever happens to who carries them out.

use contacts_store::{
    Answer, BookId, Claim, Claimed, Done, Entry, Op, Record, Store, StoreError, digest_text,
};
use contacts_tests::faults::{Fault, Gate, Rule};

use crate::{
    bed::{Bed, Row, n},
    cards::{No, all_listed, create_all, delete, entry, new_book, put, write_one},
};

on_both!(
    a_request_is_answered_once_and_then_again,
    a_key_belongs_to_one_request,
    a_request_that_changed_nothing_runs_anew,
    an_answer_is_forgotten_after_its_day_although_it_is_still_there,
    a_batch_that_was_cut_off_goes_on_where_it_was,
    a_batch_whose_answer_was_lost_is_not_done_again,
    a_successor_that_fails_at_once_keeps_what_its_predecessor_did,
    a_request_that_ran_past_its_lease_changes_nothing,
    an_answer_that_comes_while_another_takes_over_counts,
);

const WHO: &str = "owner";

/// So many that they take three transactions.
const OPERATIONS: usize = 60;

fn cards() -> Vec<Entry> {
    (0..OPERATIONS)
        .map(|i| entry(&format!("u{i}"), &format!("name{i}")))
        .collect()
}

async fn claim(store: &Store) -> Claimed {
    store.claim(WHO, "key", "request").await.unwrap()
}

async fn mine(store: &Store) -> Claim {
    match claim(store).await {
        Claimed::Mine(claim) => claim,
        other => panic!("{other:?}"),
    }
}

/// The claim's record.
async fn record(bed: &Bed) -> Row {
    bed.row(&format!("I#{}", digest_text(&[WHO, "key"])), "I")
        .await
}

async fn lapse(bed: &Bed) {
    // Not 0, which is how a failed request gives up its own.
    bed.set(&record(bed).await, "lease", n(1)).await;
}

/// Carries the request out from where it was left; its answer counts the operations.
async fn carry_out(
    store: &Store,
    book: BookId,
    claim: &Claim,
) -> Result<Vec<Done<No>>, StoreError> {
    let before = claim
        .progress
        .as_deref()
        .map_or(0, |bytes| bytes[0] as usize);
    let ops: Vec<_> = cards()
        .into_iter()
        .skip(before)
        .map(|card| put(None, card))
        .collect();
    let done = run(store, book, claim, &ops, before).await?;
    // A repeated one would meet its own UID.
    assert!(done.iter().all(|done| matches!(done, Done::Created(_))));
    Ok(done)
}

async fn run(
    store: &Store,
    book: BookId,
    claim: &Claim,
    ops: &[Op<No>],
    before: usize,
) -> Result<Vec<Done<No>>, StoreError> {
    let answer = |done: &[Done<No>]| answer_of(before + done.len());
    let progress = |done: &[Done<No>]| vec![u8::try_from(before + done.len()).unwrap()];
    let record = Record {
        claim,
        answer: &answer,
        progress: &progress,
    };
    store.write(book, ops, Some(record)).await
}

fn answer_of(operations: usize) -> Answer {
    Answer {
        status: 200,
        headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
        body: operations.to_string().into_bytes(),
    }
}

/// Fails unless a repeat is answered, for all operations, and each was done once.
async fn is_answered_once(bed: &Bed, book: BookId) {
    let store = bed.store();
    match claim(&store).await {
        Claimed::Answered(answer) => assert_eq!(answer, answer_of(OPERATIONS)),
        other => panic!("{other:?}"),
    }
    assert_eq!(all_listed(&store, book).await.len(), OPERATIONS);
    assert_eq!(
        store.book(book).await.unwrap().unwrap().seq,
        OPERATIONS as u64
    );
}

async fn a_request_is_answered_once_and_then_again(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = mine(&store).await;
    assert_eq!(first.progress, None);
    assert!(matches!(
        claim(&bed.store()).await,
        Claimed::Running(1..=60)
    ));
    let done = carry_out(&store, book, &first).await.unwrap();
    assert_eq!(done.len(), OPERATIONS);
    for _ in 0..2 {
        is_answered_once(&bed, book).await;
    }
    // A claim that needs no transaction is finished on its own.
    let Claimed::Mine(other) = store.claim(WHO, "other", "request").await.unwrap() else {
        panic!("another key")
    };
    store.finish(&other, &answer_of(0)).await.unwrap();
    let again = store.claim(WHO, "other", "request").await.unwrap();
    assert!(matches!(again, Claimed::Answered(answer) if answer == answer_of(0)));
    bed.is_sound().await;
}

async fn a_key_belongs_to_one_request(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = mine(&store).await;
    let other = || store.claim(WHO, "key", "another request");
    assert!(matches!(other().await.unwrap(), Claimed::Mismatch));
    carry_out(&store, book, &first).await.unwrap();
    assert!(matches!(other().await.unwrap(), Claimed::Mismatch));
    let elsewhere = store.claim("somebody else", "key", "another request").await;
    assert!(matches!(elsewhere.unwrap(), Claimed::Mine(_)));
    bed.is_sound().await;
}

async fn a_request_that_changed_nothing_runs_anew(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let id = create_all(&store, book, vec![entry("u", "anna")]).await[0];
    write_one(&store, book, delete(id)).await;
    let first = mine(&store).await;
    let done = run(&store, book, &first, &[delete(id)], 0).await.unwrap();
    assert!(matches!(done[..], [Done::Missing]));
    let second = mine(&store).await;
    store.release(&second).await.unwrap();
    let other = store.claim(WHO, "key", "another request").await.unwrap();
    assert!(matches!(other, Claimed::Mine(_)));
    bed.is_sound().await;
}

async fn an_answer_is_forgotten_after_its_day_although_it_is_still_there(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = mine(&store).await;
    run(&store, book, &first, &[put(None, entry("u", "anna"))], 0)
        .await
        .unwrap();
    let kept = record(&bed).await;
    let until: i64 = kept["expires_at"].as_n().unwrap().parse().unwrap();
    let day = 24 * 60 * 60;
    let left = until - jiff::Timestamp::now().as_second();
    assert!((day - 60..=day).contains(&left), "kept for a day");
    bed.set(&kept, "expires_at", n(jiff::Timestamp::now().as_second()))
        .await;
    let other = store.claim(WHO, "key", "another request").await.unwrap();
    assert!(matches!(other, Claimed::Mine(claim) if claim.progress.is_none()));
    bed.is_sound().await;
}

/// Runs the batch in a process that dies when its second transaction is on its way.
async fn cut_off(bed: &Bed, book: BookId) {
    let store = bed.through();
    let claim = mine(&store).await;
    let gate = Gate::closed();
    let second = |body: &serde_json::Value| body.to_string().contains("\"u30\"");
    let wait = Rule::new(Fault::Wait(gate.clone())).on("TransactWriteItems");
    bed.faults.inject(wait.when(second));
    let writing = tokio::spawn(async move { carry_out(&store, book, &claim).await.map(drop) });
    gate.arrived(1).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    bed.faults.clear();
}

async fn a_batch_that_was_cut_off_goes_on_where_it_was(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    cut_off(&bed, book).await;
    let running = claim(&store).await;
    assert!(
        matches!(running, Claimed::Running(_)),
        "until its lease ends"
    );
    lapse(&bed).await;
    let successor = mine(&store).await;
    let done = successor.progress.as_ref().unwrap()[0];
    assert!((1..OPERATIONS as u8).contains(&done));
    assert!(
        matches!(claim(&store).await, Claimed::Running(_)),
        "the successor has it"
    );
    carry_out(&store, book, &successor).await.unwrap();
    is_answered_once(&bed, book).await;
    bed.is_sound_but_for_leftovers().await;
}

async fn a_batch_whose_answer_was_lost_is_not_done_again(bed: Bed) {
    // The transaction commits, then nothing that could say so is reached any more.
    for lost in ["\"u1\"", "\"u30\"", "\"u59\""] {
        let store = bed.through();
        let book = new_book(&store).await;
        let claim = mine(&store).await;
        let this = move |body: &serde_json::Value| body.to_string().contains(lost);
        let reset = Rule::new(Fault::ResetAfter).on("TransactWriteItems");
        bed.faults.inject(reset.when(this));
        let log = move |body: &serde_json::Value| {
            body["Key"]["pk"]["S"]
                .as_str()
                .is_some_and(|pk| pk.starts_with("L#"))
        };
        bed.faults
            .inject(Rule::new(Fault::ResetBefore).on("GetItem").when(log));
        let failed = carry_out(&store, book, &claim).await;
        assert!(
            matches!(failed, Err(StoreError::Database { .. })),
            "{failed:?}"
        );
        bed.faults.clear();
        // The next one is let in at once.
        let store = bed.store();
        if let Claimed::Mine(successor) = self::claim(&store).await {
            carry_out(&store, book, &successor).await.unwrap();
        }
        is_answered_once(&bed, book).await;
        bed.delete(&record(&bed).await).await;
    }
    bed.is_sound_but_for_leftovers().await;
}

async fn a_successor_that_fails_at_once_keeps_what_its_predecessor_did(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    cut_off(&bed, book).await;
    lapse(&bed).await;
    // One fails in its first transaction, the next before it gets that far.
    let through = bed.through();
    let second = mine(&through).await;
    bed.faults
        .inject(Rule::new(Fault::ResetBefore).on("BatchWriteItem"));
    let failed = carry_out(&through, book, &second).await;
    assert!(
        matches!(failed, Err(StoreError::Database { .. })),
        "{failed:?}"
    );
    bed.faults.clear();
    let third = mine(&store).await;
    assert!(third.progress.is_some());
    store.release(&third).await.unwrap();
    let fourth = mine(&store).await;
    carry_out(&store, book, &fourth).await.unwrap();
    is_answered_once(&bed, book).await;
    bed.is_sound_but_for_leftovers().await;
}

async fn a_request_that_ran_past_its_lease_changes_nothing(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let slow = mine(&store).await;
    lapse(&bed).await;
    let successor = mine(&store).await;
    let late = carry_out(&store, book, &slow).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    assert!(matches!(
        store.finish(&slow, &answer_of(0)).await,
        Err(StoreError::LeaseLost)
    ));
    store.release(&slow).await.unwrap();
    assert!(
        matches!(claim(&store).await, Claimed::Running(_)),
        "still the successor's"
    );
    carry_out(&store, book, &successor).await.unwrap();
    is_answered_once(&bed, book).await;
    bed.is_sound_but_for_leftovers().await;
}

async fn an_answer_that_comes_while_another_takes_over_counts(bed: Bed) {
    let store = bed.store();
    for finishes in [true, false] {
        let book = new_book(&store).await;
        let slow = mine(&store).await;
        lapse(&bed).await;
        // Another has seen that the lease is over, and is about to take the request.
        let gate = Gate::closed();
        let taking = |body: &serde_json::Value| {
            let condition = body["ConditionExpression"].as_str().unwrap_or_default();
            condition.contains(":old")
        };
        let wait = Rule::new(Fault::Wait(gate.clone())).on("PutItem");
        bed.faults.inject(wait.when(taking));
        let through = bed.through();
        let other = tokio::spawn(async move { claim(&through).await });
        gate.arrived(1).await;
        if finishes {
            carry_out(&store, book, &slow).await.unwrap();
        } else {
            let ops: Vec<_> = cards()
                .into_iter()
                .take(30)
                .map(|card| put(None, card))
                .collect();
            // Not to the end: the second transaction is too much for the book.
            let all: Vec<_> = ops.into_iter().chain([broken()]).collect();
            run(&store, book, &slow, &all, 0).await.unwrap_err();
        }
        gate.open();
        let mut other = other.await.unwrap();
        bed.faults.clear();
        if let (false, Claimed::Running(_)) = (finishes, &other) {
            other = claim(&store).await;
        }
        match other {
            Claimed::Mine(successor) if !finishes => {
                carry_out(&store, book, &successor).await.unwrap();
            }
            Claimed::Answered(_) | Claimed::Running(_) if finishes => {}
            other => panic!("{other:?}"),
        }
        is_answered_once(&bed, book).await;
        bed.delete(&record(&bed).await).await;
    }
    bed.is_sound_but_for_leftovers().await;
}

/// An operation that the database takes as an error: its item is above 400 KB.
fn broken() -> Op<No> {
    let mut card = entry("broken", "broken");
    card.summary = "x".repeat(500_000);
    put(None, card)
}
