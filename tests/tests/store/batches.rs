//! Many operations in one call, and UIDs that are taken.

use contacts_store::{BookId, ContactId, Done, Entry, Store};

use crate::{
    bed::Bed,
    cards::{
        Model, No, agrees, create, create_all, created, delete, entry, grown, new_book, put,
        put_over, write, write_one,
    },
};

on_both!(
    a_taken_uid_names_the_contact_that_has_it,
    a_batch_of_200_with_clashes_does_the_rest,
    a_batch_of_taken_uids_takes_few_transactions,
    operations_on_one_contact_take_effect_in_order,
    a_batch_above_a_transactions_size_is_split,
    writers_that_want_one_uid_get_it_once,
);

async fn a_taken_uid_names_the_contact_that_has_it(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = create(&store, book, entry("u", "anna")).await.head.id;
    for store in [&store, &bed.store()] {
        let second = write_one(store, book, put(None, entry("u", "zoe"))).await;
        assert!(
            matches!(second, Done::UidTaken(other) if other == first),
            "{second:?}"
        );
    }
    // Another book is another matter.
    let other = new_book(&store).await;
    create(&store, other, entry("u", "zoe")).await;
    agrees_with(&store, book, &[(first, 1, entry("u", "anna"))]).await;
    bed.is_sound().await;
}

async fn agrees_with(store: &Store, book: BookId, expected: &[(ContactId, u64, Entry)]) {
    let model: Model = expected
        .iter()
        .map(|(id, revision, entry)| (*id, (*revision, entry.clone())))
        .collect();
    let known = ["anna", "berg", "zoe", "lund"].map(|text| crate::cards::word(text, 'a'));
    agrees(store, book, &model, &known.into()).await;
}

async fn a_batch_of_200_with_clashes_does_the_rest(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let old = create_all(&store, book, (0..5).map(|i| numbered(i * 40)).collect()).await;
    // Every fortieth is there already; every number that ends in 7 comes again right away.
    let wanted: Vec<usize> = (0..182)
        .flat_map(|i| std::iter::repeat_n(i, 1 + usize::from(i % 10 == 7)))
        .collect();
    assert_eq!(wanted.len(), 200);
    let ops: Vec<_> = wanted.iter().map(|i| put(None, numbered(*i))).collect();
    let done = write(&store, book, &ops).await.unwrap();
    let mut last = None;
    for (number, done) in wanted.into_iter().zip(&done) {
        match done {
            Done::UidTaken(other) if number % 40 == 0 => assert_eq!(*other, old[number / 40]),
            Done::UidTaken(other) => assert_eq!(last, Some((number, *other))),
            done => last = Some((number, created(done))),
        }
    }
    let taken = done.iter().filter(|done| matches!(done, Done::UidTaken(_)));
    assert_eq!(taken.count(), 5 + 18);
    assert_eq!(store.book(book).await.unwrap().unwrap().contacts, 182);
    bed.is_sound().await;
}

fn numbered(number: usize) -> Entry {
    entry(&format!("u{number}"), &format!("name{number}"))
}

async fn a_batch_of_taken_uids_takes_few_transactions(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    create_all(&store, book, (0..100).map(numbered).collect()).await;
    bed.faults.reset_counts();
    let ops: Vec<_> = (0..100).map(|i| put(None, numbered(i))).collect();
    let done = write(&store, book, &ops).await.unwrap();
    assert!(done.iter().all(|done| matches!(done, Done::UidTaken(_))));
    let calls = bed.faults.count("TransactWriteItems").calls;
    assert!(calls <= 10, "{calls} transactions for 5 times 24 refusals");
    bed.is_sound().await;
}

async fn operations_on_one_contact_take_effect_in_order(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let ids = create_all(&store, book, vec![entry("a", "anna"), entry("b", "berg")]).await;
    let (a, b) = (ids[0], ids[1]);
    let ops = [
        put_over(a, 1, entry("a", "anna zoe")),
        put_over(a, 2, entry("a", "zoe")),
        put(Some(b), entry("b", "lund")),
        delete(b),
        put(None, entry("b", "anna berg")),
        put_over(a, 3, entry("a", "anna zoe")),
        delete(b),
        put_over(a, 3, entry("a", "too late")),
    ];
    let done = write(&store, book, &ops).await.unwrap();
    let again = created(&done[4]);
    let kinds: Vec<_> = done.iter().map(kind).collect();
    let expected = [
        "updated to 2",
        "updated to 3",
        "updated to 2",
        "deleted",
        "created",
        "updated to 4",
        "missing",
        "it has changed",
    ];
    assert_eq!(kinds, expected);
    let left = [
        (a, 4, entry("a", "anna zoe")),
        (again, 1, entry("b", "anna berg")),
    ];
    agrees_with(&store, book, &left).await;
    bed.is_sound().await;
}

fn kind(done: &Done<No>) -> String {
    match done {
        Done::Created(_) => "created".to_owned(),
        Done::Updated(stored) => format!("updated to {}", stored.head.revision),
        Done::Kept(_) => "kept".to_owned(),
        Done::Reindexed(_) => "reindexed".to_owned(),
        Done::Deleted(_) => "deleted".to_owned(),
        Done::Missing => "missing".to_owned(),
        Done::Refused(why) => (*why).to_owned(),
        Done::UidTaken(_) => "taken".to_owned(),
    }
}

async fn a_batch_above_a_transactions_size_is_split(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    bed.faults.reset_counts();
    let entries: Vec<_> = (0..20).map(|i| grown(numbered(i), 230_000)).collect();
    let ids = create_all(&store, book, entries.clone()).await;
    let calls = bed.faults.count("TransactWriteItems").calls;
    assert!((2..=4).contains(&calls), "{calls} transactions for 4 MB");
    for (id, entry) in ids.iter().zip(&entries) {
        let stored = store.contact(book, *id).await.unwrap().unwrap();
        assert_eq!(stored.json, entry.json);
    }
    bed.is_sound().await;
}

async fn writers_that_want_one_uid_get_it_once(bed: Bed) {
    let stores: Vec<_> = (0..8).map(|_| bed.store()).collect();
    let book = new_book(&stores[0]).await;
    let tries = stores.iter().enumerate().map(|(i, store)| async move {
        write_one(store, book, put(None, entry("u", &format!("name{i}")))).await
    });
    let done = futures::future::join_all(tries).await;
    let winners: Vec<_> = done
        .iter()
        .filter_map(|done| match done {
            Done::Created(stored) => Some(stored.head.id),
            _ => None,
        })
        .collect();
    assert_eq!(winners.len(), 1);
    for done in &done {
        match done {
            Done::Created(_) => {}
            Done::UidTaken(other) => assert_eq!(*other, winners[0]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stores[0].book(book).await.unwrap().unwrap().contacts, 1);
    bed.is_sound().await;
}
