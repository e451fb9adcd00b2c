//! Deleting what a deleted book held, and what has run out.

use std::collections::BTreeMap;

use contacts_store::{BookId, INLINE_BODY_BYTES, JobId, NewJob, Store, StoreError};
use contacts_tests::faults::Gate;

use crate::{
    bed::{Bed, Row, n, s},
    cards::{create, create_all, delete, entry, grown, new_book, put, with_original, write},
    crashes::{Death, inject},
};

on_both!(
    a_purge_leaves_nothing_and_touches_no_other_book,
    a_purge_that_dies_before_any_call_is_finished_by_the_next,
    a_purge_that_dies_after_any_call_is_finished_by_the_next,
    what_a_damaged_book_held_goes_as_well,
    a_book_that_is_not_deleted_is_not_purged,
    a_write_to_a_deleted_book_fails_and_leaves_nothing,
    what_has_run_out_is_purged_and_nothing_else,
);

/// More calls than a purge makes.
const CALLS: usize = 60;

/// A book with contacts of every form, and a term row that a crash left.
async fn full_book(bed: &Bed) -> BookId {
    let store = bed.store();
    let book = new_book(&store).await;
    let forms = vec![
        with_original(entry("a", "anna berg"), "vcard"),
        grown(entry("b", "zoe"), 2 * INLINE_BODY_BYTES),
        entry("c", "lund ünal 日本"),
    ];
    let ids = create_all(&store, book, forms).await;
    write(
        &store,
        book,
        &[delete(ids[2]), put(None, entry("d", "nils"))],
    )
    .await
    .unwrap();
    let rows = bed.rows(&format!("T#{book}#")).await;
    let mut left = rows[0].clone();
    left.insert("pk".to_owned(), s(format!("G#{book}")));
    left.insert("sk".to_owned(), s(format!("x\u{1f}{}", ids[2])));
    bed.put(left).await;
    book
}

async fn mark(store: &Store, book: BookId) {
    let book = store.book(book).await.unwrap().unwrap();
    let job = NewJob {
        id: JobId::random(),
        kind: "delete-book".to_owned(),
        owner: "owner".to_owned(),
        origin: contacts_store::Origin::default(),
        book: Some(book.id),
        total: Some(book.contacts),
    };
    let deleted = store.delete_book_by("owner", &book, &job).await.unwrap();
    assert!(deleted.is_some());
}

async fn purge(store: &Store, book: BookId) -> Result<(), StoreError> {
    purge_from(store, book, 0).await
}

/// The same, without the first partitions of terms: in these books there is nothing in them any more,
/// once the contacts are gone.
async fn purge_from(store: &Store, book: BookId, partition: usize) -> Result<(), StoreError> {
    while store.purge_contacts(book, 2).await? > 0 {}
    let mut place = Some(partition);
    while let Some(at) = place {
        place = store.purge_rest(book, at).await?;
    }
    Ok(())
}

/// Every item that the book's identifier is in the key of.
async fn rows_of(bed: &Bed, book: BookId) -> BTreeMap<String, Row> {
    let book = book.to_string();
    let rows = bed.rows("").await.into_iter().map(|row| {
        let key = format!(
            "{} {}",
            row["pk"].as_s().unwrap(),
            row["sk"].as_s().unwrap()
        );
        (key, row)
    });
    rows.filter(|(key, _)| key.contains(&book)).collect()
}

async fn a_purge_leaves_nothing_and_touches_no_other_book(bed: Bed) {
    let (gone, other) = (full_book(&bed).await, full_book(&bed).await);
    let before = rows_of(&bed, other).await;
    assert!(before.len() > 15);
    mark(&bed.store(), gone).await;
    purge(&bed.store(), gone).await.unwrap();
    assert_eq!(rows_of(&bed, gone).await, BTreeMap::new());
    assert_eq!(rows_of(&bed, other).await, before);
    // Once more does nothing.
    purge(&bed.store(), gone).await.unwrap();
}

async fn a_purge_that_dies_before_any_call_is_finished_by_the_next(bed: Bed) {
    dies_everywhere(bed, Death::Before).await;
}

async fn a_purge_that_dies_after_any_call_is_finished_by_the_next(bed: Bed) {
    dies_everywhere(bed, Death::After).await;
}

async fn dies_everywhere(bed: Bed, death: Death) {
    let other = full_book(&bed).await;
    let before = rows_of(&bed, other).await;
    for at in 1..CALLS {
        let book = full_book(&bed).await;
        mark(&bed.store(), book).await;
        let gate = Gate::closed();
        inject(&bed, at, death, &gate);
        let store = bed.through();
        let mut purging = tokio::spawn(async move { purge_from(&store, book, 62).await });
        let finished = tokio::select! {
            () = gate.arrived(1) => false,
            done = &mut purging => { done.unwrap().unwrap(); true }
        };
        if !finished {
            purging.abort();
            assert!(purging.await.unwrap_err().is_cancelled());
        }
        bed.faults.clear();
        purge(&bed.store(), book).await.unwrap();
        assert_eq!(rows_of(&bed, book).await, BTreeMap::new(), "call {at}");
        if finished {
            assert_eq!(rows_of(&bed, other).await, before);
            assert!(at > 10, "{at}");
            return;
        }
    }
    panic!("a purge makes at most {CALLS} calls");
}

async fn what_a_damaged_book_held_goes_as_well(bed: Bed) {
    let book = full_book(&bed).await;
    let names = bed.rows(&format!("N#{book}")).await;
    assert_eq!(names.len(), 3);
    // One contact in two places of the list, one in none, and two with the UID of one.
    bed.delete(&names[0]).await;
    let id = names[1]["sk"]
        .as_s()
        .unwrap()
        .rsplit('\u{1f}')
        .next()
        .unwrap()
        .to_owned();
    let mut twice = names[1].clone();
    twice.insert("sk".to_owned(), s(format!("other\u{1f}{id}")));
    bed.put(twice).await;
    let heads = bed.rows(&format!("C#{book}#")).await;
    for head in heads.iter().filter(|row| row["sk"].as_s().unwrap() == "H") {
        bed.set(head, "uid", s("b")).await;
    }
    let uids = bed.rows(&format!("U#{book}#")).await;
    mark(&bed.store(), book).await;
    purge(&bed.store(), book).await.unwrap();
    // Nothing leads to the rows of the UIDs that the heads do not name any more.
    let left = rows_of(&bed, book).await;
    assert!(
        left.len() < uids.len() && left.keys().all(|key| key.starts_with("U#")),
        "{left:?}"
    );
}

async fn a_book_that_is_not_deleted_is_not_purged(bed: Bed) {
    let book = full_book(&bed).await;
    let before = rows_of(&bed, book).await;
    purge(&bed.store(), book).await.unwrap();
    assert_eq!(rows_of(&bed, book).await, before);
}

async fn a_write_to_a_deleted_book_fails_and_leaves_nothing(bed: Bed) {
    for late in [false, true] {
        let writer = bed.store();
        let book = new_book(&writer).await;
        let id = create(&writer, book, entry("a", "anna")).await.head.id;
        mark(&bed.store(), book).await;
        if late {
            purge(&bed.store(), book).await.unwrap();
        }
        // It knows the book's numbers still, so that it does not look first.
        let ops = [
            put(None, entry("b", "new words")),
            put(Some(id), entry("a", "other words")),
            delete(id),
        ];
        for op in ops {
            let failed = write(&writer, book, &[op]).await;
            let allowed = matches!(failed, Err(StoreError::BookGone))
                || late
                    && matches!(
                        failed.as_deref(),
                        Ok([contacts_store::Done::Missing | contacts_store::Done::Refused(_)])
                    );
            assert!(allowed, "{failed:?}");
        }
        purge(&bed.store(), book).await.unwrap();
        assert_eq!(rows_of(&bed, book).await, BTreeMap::new(), "late: {late}");
    }
    bed.is_sound().await;
}

async fn what_has_run_out_is_purged_and_nothing_else(bed: Bed) {
    let book = full_book(&bed).await;
    let before = rows_of(&bed, book).await;
    let row = |number: usize, expires: i64| -> Row {
        [
            ("pk".to_owned(), s(format!("I#{number}"))),
            ("sk".to_owned(), s("I\u{1e}")),
            ("expires_at".to_owned(), n(expires)),
        ]
        .into()
    };
    for number in 0..600 {
        bed.put(row(number, if number % 2 == 0 { 1 } else { 4_000_000_000 }))
            .await;
    }
    let (mut gone, mut place, mut pages) = (0, None, 0);
    loop {
        let (some, next) = bed.store().purge_expired(place.as_deref()).await.unwrap();
        (gone, place, pages) = (gone + some, next, pages + 1);
        if place.is_none() {
            break;
        }
    }
    assert_eq!(gone, 300);
    assert!(pages > 1);
    assert_eq!(bed.rows("I#").await.len(), 300);
    assert_eq!(rows_of(&bed, book).await, before);
}
