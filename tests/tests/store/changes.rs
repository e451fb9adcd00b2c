//! Numbers of the change log: where they lead, and when they lead no further.

use contacts_store::{BookId, TooOld};

use crate::{
    bed::{Bed, n},
    cards::{create, create_all, delete, entry, new_book, put, write, write_one},
    reader::Reader,
};

on_both!(
    a_stretch_reports_the_last_change_of_each_contact,
    a_number_older_than_the_log_is_too_old,
    a_log_that_expires_in_any_order_skips_nothing,
    an_idle_book_with_an_expired_log_still_works,
    a_number_from_the_future_is_too_old,
);

async fn a_stretch_reports_the_last_change_of_each_contact(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let ids = create_all(&store, book, vec![entry("a", "anna"), entry("b", "berg")]).await;
    write_one(&store, book, put(Some(ids[0]), entry("a", "anna lund"))).await;
    write(&store, book, &[delete(ids[1])]).await.unwrap();
    let seen = async |since, limit| {
        let run = store.changes(book, since, limit).await.unwrap().unwrap();
        let changes = run.changes.iter();
        let changes = changes.map(|change| (change.seq, change.id, change.revision));
        (changes.collect::<Vec<_>>(), run.seq, run.more)
    };
    let (a, b) = (ids[0], ids[1]);
    let all = (vec![(3, a, Some(2)), (4, b, None)], 4, false);
    assert_eq!(seen(0, 100).await, all);
    assert_eq!(seen(0, 4).await, all);
    assert_eq!(
        seen(0, 3).await,
        (vec![(2, b, Some(1)), (3, a, Some(2))], 3, true)
    );
    assert_eq!(seen(0, 1).await, (vec![(1, a, Some(1))], 1, true));
    assert_eq!(seen(3, 1).await, (vec![(4, b, None)], 4, false));
    assert_eq!(seen(4, 1).await, (vec![], 4, false));
    bed.is_sound().await;
}

/// A book with so many changes, as old as the log can be.
async fn old_book(bed: &Bed, changes: usize) -> BookId {
    let store = bed.store();
    let book = new_book(&store).await;
    let row = bed.row(&format!("B#{book}"), "B").await;
    bed.set(&row, "created", n(0)).await;
    let entries = (0..changes).map(|i| entry(&format!("u{i}"), &format!("name{i}")));
    create_all(&store, book, entries.collect()).await;
    book
}

/// Lets the rows of these numbers expire; those in `gone` are deleted as well.
async fn expire(bed: &Bed, book: BookId, until: u64, gone: &[u64]) {
    for row in bed.rows(&format!("L#{book}")).await {
        let seq: u64 = row["sk"].as_s().unwrap().parse().unwrap();
        if gone.contains(&seq) {
            bed.delete(&row).await;
        } else if seq <= until {
            bed.set(&row, "expires_at", n(1)).await;
        }
    }
}

async fn a_number_older_than_the_log_is_too_old(bed: Bed) {
    let book = old_book(&bed, 8).await;
    expire(&bed, book, 5, &[]).await;
    let store = bed.store();
    for since in 0..=8 {
        let run = store.changes(book, since, 100).await.unwrap();
        if since < 5 {
            assert_eq!(run, Err(TooOld), "since {since}");
        } else {
            assert_eq!(run.unwrap().changes.len() as u64, 8 - since);
        }
    }
    bed.is_sound().await;
}

async fn a_log_that_expires_in_any_order_skips_nothing(bed: Bed) {
    for gone in [
        vec![],
        vec![1, 2, 3, 4, 5],
        vec![3],
        vec![1, 5],
        vec![5],
        vec![2, 4],
    ] {
        let book = old_book(&bed, 8).await;
        expire(&bed, book, 5, &gone).await;
        let store = bed.store();
        for since in 0..=8 {
            for limit in [1, 2, 100] {
                let run = store.changes(book, since, limit).await.unwrap();
                match run {
                    Err(TooOld) => assert!(since < 5, "since {since}, without {gone:?}"),
                    Ok(run) => {
                        let first = run.changes.first().map(|change| change.seq);
                        assert!(first.is_none_or(|first| first == since + 1));
                        assert_eq!(run.seq, 8.min(since + limit as u64));
                        assert!(since >= 5);
                    }
                }
            }
        }
        let mut reader = Reader::start(&store, book).await;
        reader.follow(&store, book).await;
        reader.agrees(&store, book).await;
    }
    bed.is_sound().await;
}

async fn an_idle_book_with_an_expired_log_still_works(bed: Bed) {
    for gone in [vec![], vec![1, 2, 3], vec![2], vec![3]] {
        let book = old_book(&bed, 3).await;
        let store = bed.store();
        let mut before = Reader::start(&store, book).await;
        before.follow(&store, book).await;
        expire(&bed, book, 3, &gone).await;
        let mut after = Reader::start(&store, book).await;
        let idle = after.step(&store, book, 100).await;
        assert_eq!(idle, Ok(false), "nothing has happened since");
        assert_eq!(before.step(&store, book, 100).await, Ok(false));
        create(&store, book, entry("new", "zoe")).await;
        for mut reader in [before, after] {
            reader.follow(&store, book).await;
            reader.agrees(&store, book).await;
        }
    }
    bed.is_sound().await;
}

async fn a_number_from_the_future_is_too_old(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    for changes in 0..3 {
        for ahead in [1, 2, 1_000, u64::from(u32::MAX)] {
            let run = store.changes(book, changes + ahead, 100).await.unwrap();
            assert_eq!(run, Err(TooOld), "{ahead} ahead of {changes}");
        }
        create(&store, book, entry(&format!("u{changes}"), "anna")).await;
    }
    bed.is_sound().await;
}
