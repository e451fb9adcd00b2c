//! Paging through the contacts while others come, go and change their names.

use std::collections::{BTreeMap, BTreeSet};

use contacts_store::{BookId, ContactId, Store};

use crate::{
    bed::Bed,
    cards::{Random, create_all, delete, entry, new_book, put, write_one},
};

on_both!(
    a_page_ends_where_the_next_begins,
    no_contact_that_keeps_its_name_is_skipped_or_repeated,
);

async fn a_page_ends_where_the_next_begins(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let page = store.list(book, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
    // Two share each name.
    let entries = (0..20).map(|i| entry(&format!("u{i}"), &format!("n{:02}", i / 2)));
    let mut ids = create_all(&store, book, entries.collect()).await;
    let order: BTreeMap<_, _> = ids.iter().enumerate().map(|(i, id)| (*id, i / 2)).collect();
    ids.sort_by_key(|id| (order[id], id.to_string()));
    for limit in [1, 3, 7, 10, 19, 20, 21] {
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let page = store.list(book, next.as_deref(), limit).await.unwrap();
            seen.extend(page.items.iter().map(|item| item.id));
            next = page.next;
            if next.is_none() {
                break;
            }
            assert_eq!(page.items.len(), limit, "only the last page is short");
        }
        assert_eq!(seen, ids, "pages of {limit}");
    }
    bed.is_sound().await;
}

async fn no_contact_that_keeps_its_name_is_skipped_or_repeated(bed: Bed) {
    for seed in 0..8 {
        let store = bed.store();
        let book = new_book(&store).await;
        let mut random = Random(seed);
        let entries = (0..40).map(|i| entry(&format!("u{i}"), &name(&mut random)));
        let entries: Vec<_> = entries.collect();
        let ids = create_all(&store, book, entries.clone()).await;
        let mut stable: BTreeSet<_> = ids.iter().copied().collect();
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let page = store.list(book, next.as_deref(), 1 + random.below(9)).await;
            let page = page.unwrap();
            seen.extend(page.items.iter().map(|item| item.id));
            next = page.next;
            if next.is_none() {
                break;
            }
            for step in 0..random.below(4) {
                let change = disturb(&store, book, &mut random, &ids, step + seen.len() * 9);
                if let Some(disturbed) = change.await {
                    stable.remove(&disturbed);
                }
            }
        }
        for id in &stable {
            let times = seen.iter().filter(|seen| *seen == id).count();
            assert_eq!(times, 1, "seed {seed}");
        }
        assert!(stable.len() > 5);
    }
    bed.is_sound().await;
}

fn name(random: &mut Random) -> String {
    format!("n{:02}", random.below(50))
}

/// Creates, renames or deletes; the contact that no longer stands where it stood.
async fn disturb(
    store: &Store,
    book: BookId,
    random: &mut Random,
    ids: &[ContactId],
    step: usize,
) -> Option<ContactId> {
    let at = random.below(ids.len());
    let op = match random.below(3) {
        0 => put(None, entry(&format!("new {step}"), &name(random))),
        1 => delete(ids[at]),
        _ => put(Some(ids[at]), entry(&format!("u{at}"), &name(random))),
    };
    let moved = op.id;
    write_one(store, book, op).await;
    moved
}
