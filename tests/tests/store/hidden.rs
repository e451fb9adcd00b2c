//! Rows that are committed but not yet visible to a query. DynamoDB's queries are read-committed
//! against transactions, so a reader may meet a later row before an earlier one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use contacts_store::{BookId, ContactId};
use contacts_tests::faults::{Fault, Hidden, Rule};
use serde_json::Value;

use crate::{
    bed::{Bed, n},
    cards::{create, create_all, delete, entry, new_book, put, write, write_one},
    reader::Reader,
};

on_both!(
    a_hidden_change_is_waited_for,
    a_hidden_end_of_the_log_is_waited_for,
    a_first_reading_misses_no_hidden_contact,
    a_first_reading_misses_no_contact_behind_an_expired_log,
    a_first_reading_misses_no_hidden_tombstone,
);

/// Hides the log rows of these numbers from queries: `GetItem` is serializable against transactions.
fn hide_log(bed: &Bed, book: BookId, numbers: std::ops::RangeInclusive<u64>) -> Hidden {
    let querying = Arc::new(AtomicBool::new(false));
    for (operation, queries) in [("Query", true), ("GetItem", false)] {
        let querying = querying.clone();
        // No fault: the rule only looks. There is one reader, and one call at a time.
        bed.faults
            .inject(Rule::new(Fault::ResetBefore).on(operation).when(move |_| {
                querying.store(queries, Ordering::SeqCst);
                false
            }));
    }
    let partition = format!("L#{book}");
    bed.faults.hide(move |item| {
        querying.load(Ordering::SeqCst)
            && item["pk"]["S"] == partition.as_str()
            && item["sk"]["S"]
                .as_str()
                .and_then(|seq| seq.parse().ok())
                .is_some_and(|seq| numbers.contains(&seq))
    })
}

/// Hides the name rows of these contacts.
fn hide_names(bed: &Bed, book: BookId, ids: &[ContactId]) -> Hidden {
    let partition = format!("N#{book}");
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    bed.faults.hide(move |item: &Value| {
        item["pk"]["S"] == partition.as_str()
            && item["sk"]["S"]
                .as_str()
                .is_some_and(|sk| ids.iter().any(|id| sk.ends_with(id)))
    })
}

async fn a_hidden_change_is_waited_for(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    create_all(&store, book, (0..5).map(numbered).collect()).await;
    let hidden = hide_log(&bed, book, 3..=3);
    let mut reader = Reader::default();
    for expected in [2, 2, 2] {
        let more = reader.step(&store, book, 100).await.unwrap();
        assert!(more, "the rest comes in a moment");
        assert_eq!(reader.since, expected);
    }
    hidden.release();
    reader.follow(&store, book).await;
    reader.agrees(&store, book).await;
    bed.is_sound().await;
}

fn numbered(number: usize) -> contacts_store::Entry {
    entry(&format!("u{number}"), &format!("name{number}"))
}

async fn a_hidden_end_of_the_log_is_waited_for(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    let mut reader = Reader::default();
    // From the beginning, and then from a number that was reached before.
    for seq in [1, 2] {
        let hidden = hide_log(&bed, book, seq..=seq);
        create(&store, book, numbered(seq as usize)).await;
        assert!(reader.step(&store, book, 100).await.unwrap());
        assert_eq!(reader.since, seq - 1);
        hidden.release();
        assert!(!reader.step(&store, book, 100).await.unwrap());
        assert_eq!(reader.since, seq);
    }
    reader.agrees(&store, book).await;
    bed.is_sound().await;
}

async fn a_first_reading_misses_no_hidden_contact(bed: Bed) {
    let store = bed.through();
    // What is there before, what one transaction adds unseen, and what comes after it in sight;
    // and whether the log rows of the unseen transaction are out of sight as well.
    for (before, unseen, after) in [
        (0, 1, 0),
        (0, 5, 0),
        (0, 5, 2),
        (3, 5, 2),
        (3, 5, 0),
        (120, 20, 3),
    ] {
        for log_too in [false, true] {
            let book = new_book(&store).await;
            create_all(&store, book, (0..before).map(numbered).collect()).await;
            let ids = (before..before + unseen).map(numbered).collect();
            let ids = create_all(&store, book, ids).await;
            let last = before + unseen;
            create_all(&store, book, (last..last + after).map(numbered).collect()).await;
            let names = hide_names(&bed, book, &ids);
            let log = log_too.then(|| hide_log(&bed, book, before as u64 + 1..=last as u64));
            let mut reader = Reader::start(&store, book).await;
            assert_eq!(reader.copy.len(), before + after);
            drop((names, log));
            reader.follow(&store, book).await;
            reader.agrees(&store, book).await;
        }
    }
    bed.is_sound().await;
}

async fn a_first_reading_misses_no_contact_behind_an_expired_log(bed: Bed) {
    let store = bed.through();
    for (gone, log_too) in [(false, false), (false, true), (true, false), (true, true)] {
        let book = new_book(&store).await;
        let row = bed.row(&format!("B#{book}"), "B").await;
        bed.set(&row, "created", n(0)).await;
        create_all(&store, book, (0..4).map(numbered).collect()).await;
        for row in bed.rows(&format!("L#{book}")).await {
            if gone {
                bed.delete(&row).await;
            } else {
                bed.set(&row, "expires_at", n(1)).await;
            }
        }
        let idle = Reader::start(&store, book).await;
        let ids = create_all(&store, book, (4..9).map(numbered).collect()).await;
        create(&store, book, numbered(9)).await;
        let names = hide_names(&bed, book, &ids);
        let log = log_too.then(|| hide_log(&bed, book, 5..=9));
        let reader = Reader::start(&store, book).await;
        assert_eq!(reader.copy.len(), 5);
        let early = store.changes(book, 4, 100).await.unwrap();
        assert!(early.is_ok_and(|run| run.more == log_too));
        drop((names, log));
        for mut reader in [idle, reader] {
            reader.follow(&store, book).await;
            reader.agrees(&store, book).await;
        }
    }
    bed.is_sound().await;
}

async fn a_first_reading_misses_no_hidden_tombstone(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    let ids = create_all(&store, book, (0..6).map(numbered).collect()).await;
    // A page that was read before the deletion became visible shows what is gone.
    let since = store.changes_start(book).await.unwrap();
    let listed = crate::cards::all_listed(&store, book).await;
    write(&store, book, &[delete(ids[0]), delete(ids[1])])
        .await
        .unwrap();
    write_one(&store, book, put(Some(ids[2]), entry("u2", "other"))).await;
    let hidden = hide_log(&bed, book, 7..=8);
    let mut reader = Reader {
        since,
        copy: listed.iter().map(|item| (item.id, item.revision)).collect(),
        ..Reader::default()
    };
    while reader.since < 6 {
        reader.step(&store, book, 100).await.unwrap();
    }
    assert!(reader.step(&store, book, 100).await.unwrap());
    hidden.release();
    reader.follow(&store, book).await;
    reader.agrees(&store, book).await;
    bed.is_sound().await;
}
