//! What an operation costs does not grow with the book: capacity units, not time.

use std::collections::BTreeMap;

use contacts_store::{BookId, Entry, Store};

use crate::{
    bed::Bed,
    cards::{create, create_all, delete, entry, new_book, put, words, write_one},
};

on_both!(units_are_the_same_at_100_and_at_2000_contacts);

fn numbered(number: usize) -> Entry {
    let mut card = entry(
        &format!("u{number:05}"),
        &format!("name{number:05} berg{number:05}"),
    );
    card.summary = format!("{number:0200}");
    card
}

/// The units of what was called, by operation.
fn units(bed: &Bed) -> BTreeMap<String, (u64, f64)> {
    let counts = bed.faults.counts();
    bed.faults.reset_counts();
    counts
        .into_iter()
        .map(|(name, count)| (name, (count.calls, count.units)))
        .collect()
}

/// What each operation costs in a book that holds so many contacts.
async fn costs(bed: &Bed, size: usize) -> Vec<(&'static str, BTreeMap<String, (u64, f64)>)> {
    let look = bed.store();
    let book = new_book(&look).await;
    create_all(&look, book, (0..size).map(numbered).collect()).await;
    let mut costs = Vec::new();
    bed.faults.reset_counts();
    let store: Store = bed.through();
    let mut note = |what| costs.push((what, units(bed)));
    let id = create(&store, book, numbered(90_000)).await.head.id;
    note("create");
    let mut changed = numbered(90_000);
    changed.json = changed.json.replace("name", "nome");
    write_one(&store, book, put(Some(id), changed)).await;
    note("update");
    store.contact(book, id).await.unwrap().unwrap();
    note("get");
    assert_eq!(store.list(book, None, 50).await.unwrap().items.len(), 50);
    note("list");
    let middle = after(&store, book).await;
    units(bed);
    assert_eq!(
        store
            .list(book, Some(&middle), 20)
            .await
            .unwrap()
            .items
            .len(),
        20
    );
    let costs = {
        costs.push(("list from within", units(bed)));
        for (what, search, hits) in [
            ("search for one", "name00017", 1),
            ("search for ten", "berg0003", 10),
        ] {
            let page = store
                .search(book, &words(&[search]), None, 50)
                .await
                .unwrap();
            assert_eq!(page.items.len(), hits);
            costs.push((what, units(bed)));
        }
        let seq = size as u64 + 2;
        let run = store.changes(book, seq - 20, 50).await.unwrap().unwrap();
        assert!(run.changes.len() >= 19);
        costs.push(("changes", units(bed)));
        let run = store.changes(book, seq, 50).await.unwrap().unwrap();
        assert!(run.changes.is_empty());
        costs.push(("no changes", units(bed)));
        store.changes_start(book).await.unwrap();
        costs.push(("start of changes", units(bed)));
        write_one(&store, book, delete(id)).await;
        costs.push(("delete", units(bed)));
        costs
    };
    assert!(
        costs
            .iter()
            .all(|(_, units)| units.values().any(|(_, units)| *units > 0.0))
    );
    costs
}

/// A place in the list that both books have.
async fn after(store: &Store, book: BookId) -> String {
    let page = store.list(book, None, 30).await.unwrap();
    page.next.unwrap()
}

async fn units_are_the_same_at_100_and_at_2000_contacts(bed: Bed) {
    let small = costs(&bed, 100).await;
    let large = costs(&bed, 2_000).await;
    assert_eq!(small, large);
    bed.is_sound().await;
}
