//! Sixteen writers on one book, and a reader of its changes.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use contacts_store::{BookId, ContactId, Done, Store};

use crate::{
    bed::Bed,
    cards::{Random, delete, entry, new_book, put, put_over, write},
    reader::Reader,
};

on_both!(a_reader_of_the_changes_of_16_writers_ends_with_the_books_state);

const WRITERS: u64 = 16;
const OPERATIONS: usize = 15;

/// What all writers know of.
#[derive(Default)]
struct Known {
    ids: Vec<ContactId>,
    deleted: BTreeSet<ContactId>,
}

async fn a_reader_of_the_changes_of_16_writers_ends_with_the_books_state(bed: Bed) {
    // Eight processes with a task each, and two with four tasks.
    let stores: Vec<_> = (0..10).map(|_| bed.store()).collect();
    let book = new_book(&stores[0]).await;
    let known = Arc::new(Mutex::new(Known::default()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            let store = stores[if seed < 8 { seed } else { 8 + seed % 2 } as usize].clone();
            tokio::spawn(work(store, book, seed, known.clone()))
        })
        .collect();
    let store = bed.store();
    let mut reader = Reader::start(&store, book).await;
    let mut late = Reader::default();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        reader.step(&store, book, 3).await.unwrap();
    }
    let mut changes = 0;
    for writer in writers {
        changes += writer.await.unwrap();
    }
    for reader in [&mut reader, &mut late] {
        reader.follow(&store, book).await;
        reader.agrees(&store, book).await;
    }
    let book = store.book(book).await.unwrap().unwrap();
    assert_eq!(reader.since, book.seq);
    assert_eq!(book.seq, changes, "a number for each change");
    let deleted = known.lock().unwrap().deleted.clone();
    assert!(!deleted.is_empty());
    assert_eq!(late.tombstones, deleted);
    assert!(reader.tombstones.is_superset(&deleted));
    bed.is_sound().await;
}

/// Writes at random; how many changes were acknowledged.
async fn work(store: Store, book: BookId, seed: u64, known: Arc<Mutex<Known>>) -> u64 {
    let mut random = Random(seed);
    let mut changes = 0;
    for step in 0..OPERATIONS {
        let card = entry(
            &format!("{seed} {step}"),
            &format!("n{} w{}", random.below(9), random.below(9)),
        );
        let target = {
            let known = known.lock().unwrap();
            random.pick(&known.ids).copied()
        };
        let ops = match (random.below(4), target) {
            (0, _) | (_, None) => vec![put(None, card)],
            (1, Some(id)) => vec![delete(id)],
            (_, Some(id)) => {
                let Some(now) = store.head(book, id).await.unwrap() else {
                    continue;
                };
                let mut change = card.clone();
                change.uid.clone_from(&now.uid);
                change.json = change.json.replace(&card.uid, &now.uid);
                vec![put_over(id, now.revision, change), put(None, card)]
            }
        };
        for done in write(&store, book, &ops).await.unwrap() {
            let mut known = known.lock().unwrap();
            match done {
                Done::Created(stored) => known.ids.push(stored.head.id),
                Done::Deleted(id) => assert!(known.deleted.insert(id), "deleted once"),
                Done::Updated(_) => {}
                Done::Kept(_) | Done::Missing | Done::Refused(_) => continue,
                other => panic!("{other:?}"),
            }
            changes += 1;
        }
    }
    changes
}
