//! One writer, one contact: what is written is seen, everywhere and at once.

use std::collections::BTreeSet;

use contacts_store::{Done, Entry, INLINE_BODY_BYTES};

use crate::{
    bed::Bed,
    cards::{
        Model, agrees, create, delete, entry, found_also_by, group, grown, new_book, put, put_over,
        with_original, word, write_one,
    },
    reader::Reader,
};

on_both!(
    a_read_after_a_write_sees_it_everywhere,
    an_unchanged_write_keeps_its_revision,
    what_is_not_there_cannot_be_deleted_or_replaced,
    a_book_that_is_gone_takes_no_writes,
);

/// What a contact goes through: other words and groups, other names, a body that outgrows its head
/// and comes back, a vCard that comes, changes and goes.
fn life() -> Vec<Entry> {
    let anna = |name| entry("u", name);
    let grouped = [group("friends"), word("berg", 'c')];
    let grouped = found_also_by(anna("anna berg"), grouped);
    let regrouped = found_also_by(anna("anna berg"), [group("family")]);
    vec![
        anna("anna berg"),
        anna("anna lund"),
        anna("zoe lund"),
        grouped,
        regrouped,
        grown(anna("zoe lund"), 2 * INLINE_BODY_BYTES),
        grown(anna("zoe lund"), 3 * INLINE_BODY_BYTES),
        anna("zoe lund"),
        with_original(anna("zoe lund"), "first"),
        with_original(anna("zoe lund"), "second"),
        grown(with_original(anna("zoe"), "third"), 2 * INLINE_BODY_BYTES),
        anna("zoe lund"),
    ]
}

async fn a_read_after_a_write_sees_it_everywhere(bed: Bed) {
    let (writer, reader) = (bed.store(), bed.store());
    let book = new_book(&writer).await;
    let mut model = Model::new();
    let mut copy = Reader::start(&reader, book).await;
    let others = create(&writer, book, entry("other", "anna berg lund zoe")).await;
    model.insert(others.head.id, (1, entry("other", "anna berg lund zoe")));
    let known: BTreeSet<_> = life().iter().flat_map(|e| e.terms.clone()).collect();
    let mut id = None;
    for (step, entry) in life().into_iter().enumerate() {
        let revision = step as u64 + 1;
        let stored = match write_one(&writer, book, put(id, entry.clone())).await {
            Done::Created(stored) if step == 0 => stored,
            Done::Updated(stored) if step > 0 => stored,
            other => panic!("{other:?}"),
        };
        assert_eq!(stored.head.revision, revision);
        let read = reader.contact(book, stored.head.id).await.unwrap();
        assert_eq!(
            read,
            Some(stored.clone()),
            "what a write gives is what is read"
        );
        id = Some(stored.head.id);
        model.insert(stored.head.id, (revision, entry));
        agrees(&reader, book, &model, &known).await;
        copy.follow(&reader, book).await;
        copy.agrees(&reader, book).await;
    }
    let id = id.unwrap();
    let gone = write_one(&writer, book, delete(id)).await;
    assert!(matches!(gone, Done::Deleted(gone) if gone == id));
    model.remove(&id);
    assert_eq!(reader.contact(book, id).await.unwrap(), None);
    agrees(&reader, book, &model, &known).await;
    copy.follow(&reader, book).await;
    copy.agrees(&reader, book).await;
    assert!(copy.tombstones.contains(&id));
    // The UID is free again.
    create(&writer, book, entry("u", "anna")).await;
    bed.is_sound().await;
}

async fn an_unchanged_write_keeps_its_revision(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let sent = with_original(entry("u", "anna"), "vcard");
    let id = create(&store, book, sent.clone()).await.head.id;
    for same in [sent, entry("u", "anna")] {
        let kept = write_one(&store, book, put(Some(id), same)).await;
        assert!(matches!(kept, Done::Kept(kept) if kept.head.revision == 1));
    }
    let head = store.head(book, id).await.unwrap().unwrap();
    let original = store.original(book, &head).await.unwrap();
    assert_eq!(
        original.as_deref(),
        Some(b"vcard".as_slice()),
        "JSON leaves the vCard"
    );
    assert_eq!(store.book(book).await.unwrap().unwrap().seq, 1);
    let other = with_original(entry("u", "anna"), "other bytes");
    let updated = write_one(&store, book, put(Some(id), other)).await;
    assert!(matches!(updated, Done::Updated(updated) if updated.head.revision == 2));
    assert_eq!(
        store.original(book, &head).await.unwrap(),
        None,
        "of another revision"
    );
    bed.is_sound().await;
}

async fn what_is_not_there_cannot_be_deleted_or_replaced(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let id = create(&store, book, entry("u", "anna")).await.head.id;
    let late = write_one(&store, book, put_over(id, 7, entry("u", "zoe"))).await;
    assert!(matches!(late, Done::Refused("it has changed")));
    write_one(&store, book, delete(id)).await;
    let again = write_one(&store, book, delete(id)).await;
    assert!(matches!(again, Done::Missing));
    let replaced = write_one(&store, book, put(Some(id), entry("u", "anna"))).await;
    assert!(matches!(replaced, Done::Refused("it is gone")));
    assert_eq!(store.book(book).await.unwrap().unwrap().seq, 2);
    bed.is_sound().await;
}

async fn a_book_that_is_gone_takes_no_writes(bed: Bed) {
    use contacts_store::{Deletion, StoreError};
    let (here, there) = (bed.store(), bed.store());
    let book = new_book(&here).await;
    let id = create(&here, book, entry("u", "anna")).await.head.id;
    write_one(&here, book, delete(id)).await;
    let known = there.book(book).await.unwrap().unwrap();
    let gone = there.delete_book("owner", &known).await.unwrap();
    assert_eq!(gone, Deletion::Done);
    // This process still remembers the book's number.
    let late = crate::cards::write(&here, book, &[put(None, entry("v", "zoe"))]).await;
    assert!(matches!(late, Err(StoreError::BookGone)), "{late:?}");
    assert!(matches!(
        here.changes(book, 2, 10).await,
        Err(StoreError::BookGone)
    ));
    assert!(matches!(
        here.changes_start(book).await,
        Err(StoreError::BookGone)
    ));
    bed.is_sound_but_for_leftovers().await;
}
