//! What happens in a book is in its outbox exactly as long as somebody is subscribed.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use contacts_store::{
    BookId, Deletion, Done, Endpoint, EndpointState, JobId, JobState, NewJob, Op, Store,
    Subscribed, Subscription, SubscriptionId, Told,
};
use contacts_tests::faults::{Fault, Gate, Rule};
use futures::FutureExt as _;
use jiff::Timestamp;

use crate::{
    bed::Bed,
    cards::{No, Random, create, delete, entry, new_book, put, write, write_one},
};

on_both!(
    changes_are_in_the_outbox_while_somebody_is_subscribed,
    changes_of_16_writers_are_in_the_outbox_exactly_while_somebody_is_subscribed,
    a_crash_at_any_call_leaves_log_and_outbox_agreeing,
    lost_answers_leave_log_and_outbox_agreeing,
    books_and_jobs_are_in_the_outbox_while_somebody_is_subscribed,
    what_is_sent_is_noted_and_goes,
    the_bell_rings_after_each_write_that_left_something,
);

pub(crate) async fn subscribe(store: &Store, book: BookId) -> Subscription {
    loop {
        let found = store.endpoint("key").await.unwrap();
        let state = EndpointState::Confirmed;
        let new = || Endpoint::new("key", "owner", "https", "https://example.org/", state);
        let mut endpoint = found.unwrap_or_else(new);
        let subscription = Subscription {
            id: SubscriptionId::random(),
            owner: "owner".to_owned(),
            book,
            kinds: vec!["contact.created".to_owned()],
            channel: "https".to_owned(),
            address: "https://example.org/".to_owned(),
            detail: "none".to_owned(),
            time_zone: "UTC".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            endpoint: "key".to_owned(),
            by_day: false,
        };
        match store
            .subscribe(&subscription, &mut endpoint, None)
            .await
            .unwrap()
        {
            Subscribed::Done => return subscription,
            Subscribed::Changed => {}
            Subscribed::TooMany => panic!("there are few"),
        }
    }
}

async fn unsubscribe(store: &Store, subscription: &Subscription) {
    if let Some(left) = store.unsubscribe(subscription).await.unwrap() {
        store.forget(&left, false).await.unwrap();
    }
}

/// The numbers of the contacts' changes in the outbox.
async fn told(store: &Store, book: BookId) -> BTreeSet<u64> {
    let rows = store.unsent(book, None, usize::MAX).await.unwrap();
    let mut numbers = BTreeSet::new();
    for row in rows {
        if let Told::Contacts(touched) = row.told {
            for one in touched {
                assert!(numbers.insert(one.seq), "told once");
            }
        }
    }
    numbers
}

async fn seq(store: &Store, book: BookId) -> u64 {
    store.book(book).await.unwrap().unwrap().seq
}

async fn changes_are_in_the_outbox_while_somebody_is_subscribed(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    create(&store, book, entry("a", "before")).await;
    let first = subscribe(&store, book).await;
    let second = subscribe(&bed.store(), book).await;
    // This process remembers the book from before.
    let made = create(&store, book, entry("b", "during")).await;
    unsubscribe(&bed.store(), &first).await;
    write_one(&store, book, put(Some(made.head.id), entry("b", "changed"))).await;
    write_one(&store, book, delete(made.head.id)).await;
    unsubscribe(&bed.store(), &second).await;
    create(&store, book, entry("c", "after")).await;
    assert_eq!(told(&store, book).await, [2, 3, 4].into());
    assert_eq!(store.book(book).await.unwrap().unwrap().subscriptions, 0);
    assert!(store.endpoint("key").await.unwrap().is_none());
    let again = subscribe(&store, book).await;
    create(&store, book, entry("d", "again")).await;
    assert_eq!(told(&store, book).await, [2, 3, 4, 6].into());
    unsubscribe(&store, &again).await;
    bed.is_sound().await;
}

const WRITERS: u64 = 16;
const OPERATIONS: usize = 12;

async fn changes_of_16_writers_are_in_the_outbox_exactly_while_somebody_is_subscribed(bed: Bed) {
    let stores: Vec<_> = (0..10).map(|_| bed.store()).collect();
    let book = new_book(&stores[0]).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            let store = stores[if seed < 8 { seed } else { 8 + seed % 2 } as usize].clone();
            tokio::spawn(async move {
                let mut random = Random(seed);
                let mut ids = Vec::new();
                for step in 0..OPERATIONS {
                    let uid = format!("{seed} {step}");
                    let op: Op<No> = match (random.below(3), ids.last().copied()) {
                        (0, Some(id)) => {
                            ids.pop();
                            delete(id)
                        }
                        _ => put(None, entry(&uid, &uid)),
                    };
                    for done in write(&store, book, &[op]).await.unwrap() {
                        if let Done::Created(stored) = done {
                            ids.push(stored.head.id);
                        }
                    }
                }
            })
        })
        .collect();
    // Numbers that must be told, and numbers that must not; those in between may be either.
    let (mut on, mut off) = (BTreeSet::new(), BTreeSet::new());
    let store = bed.store();
    let mut since = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        off.extend(since + 1..=seq(&store, book).await);
        let subscription = subscribe(&bed.store(), book).await;
        let first = seq(&store, book).await;
        tokio::task::yield_now().await;
        on.extend(first + 1..=seq(&store, book).await);
        unsubscribe(&bed.store(), &subscription).await;
        since = seq(&store, book).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let told = told(&store, book).await;
    assert!(told.is_superset(&on), "{:?}", on.difference(&told));
    assert!(told.is_disjoint(&off), "{:?}", told.intersection(&off));
    bed.is_sound().await;
}

/// Fails unless every change of a book that always was subscribed is in its outbox.
async fn agree(bed: &Bed, book: BookId) {
    let store = bed.store();
    let all = seq(&store, book).await;
    assert_eq!(told(&store, book).await, (1..=all).collect());
}

async fn a_crash_at_any_call_leaves_log_and_outbox_agreeing(bed: Bed) {
    for fault in [None, Some(Fault::ResetAfter)] {
        for at in 1.. {
            let book = new_book(&bed.store()).await;
            let subscription = subscribe(&bed.store(), book).await;
            let ops = || vec![put(None, entry("a", "anna")), put(None, entry("b", "berg"))];
            let gate = Gate::closed();
            let numbered = |count: Arc<AtomicUsize>| {
                move |_: &serde_json::Value| count.fetch_add(1, Ordering::SeqCst) + 1 >= at
            };
            if let Some(lost) = &fault {
                let lost = Rule::new(lost.clone()).when(numbered(Arc::default()));
                bed.faults.inject(lost.times(1));
            }
            let wait = Rule::new(Fault::Wait(gate.clone()));
            bed.faults.inject(wait.when(numbered(Arc::default())));
            let store = bed.through();
            let mut writing = tokio::spawn(async move { write(&store, book, &ops()).await });
            let finished = tokio::select! {
                () = gate.arrived(1) => false,
                done = &mut writing => done.unwrap().is_ok(),
            };
            writing.abort();
            bed.faults.clear();
            agree(&bed, book).await;
            unsubscribe(&bed.store(), &subscription).await;
            if finished {
                assert!(at > 3);
                break;
            }
        }
    }
    bed.is_sound_but_for_leftovers().await;
}

async fn lost_answers_leave_log_and_outbox_agreeing(bed: Bed) {
    let book = new_book(&bed.store()).await;
    let store = bed.through();
    subscribe(&bed.store(), book).await;
    for fault in [
        Fault::ResetAfter,
        Fault::ResetBefore,
        Fault::TransactionConflict,
    ] {
        bed.faults.inject(Rule::new(fault).with_probability(0.1));
    }
    for number in 0..30 {
        let uid = format!("u{number}");
        write(&store, book, &[put(None, entry(&uid, &uid))])
            .await
            .ok();
    }
    bed.faults.clear();
    agree(&bed, book).await;
    assert!(seq(&bed.store(), book).await > 20);
}

async fn books_and_jobs_are_in_the_outbox_while_somebody_is_subscribed(bed: Bed) {
    let store = bed.store();
    let watched = new_book(&store).await;
    let unwatched = new_book(&store).await;
    let before = store.book(watched).await.unwrap().unwrap();
    subscribe(&store, watched).await;
    // A view from before somebody subscribed is refused, and the caller looks again.
    assert_eq!(store.rename_book(&before, "no").await.unwrap(), None);
    assert_eq!(
        store.delete_book("owner", &before).await.unwrap(),
        Deletion::Changed
    );
    for book in [watched, unwatched] {
        let now = store.book(book).await.unwrap().unwrap();
        let renamed = store.rename_book(&now, "Family").await.unwrap().unwrap();
        for state in [JobState::Succeeded, JobState::Failed] {
            let new = NewJob {
                id: JobId::random(),
                kind: "work".to_owned(),
                owner: "owner".to_owned(),
                origin: contacts_store::Origin::default(),
                book: Some(book),
                total: None,
            };
            let job = store.create_job(&new, None).await.unwrap();
            store.end_job(&job, state, None).await.unwrap();
        }
        let gone = store.delete_book("owner", &renamed).await.unwrap();
        assert_eq!(gone, Deletion::Done);
    }
    let rows = store.unsent(watched, None, 10).await.unwrap();
    let mut kinds: Vec<_> = rows
        .iter()
        .map(|row| match &row.told {
            Told::Renamed(2, name) => name.clone(),
            Told::BookDeleted => "deleted".to_owned(),
            Told::JobEnded(_, kind, state) => format!("{kind} {}", state.name()),
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        ["Family", "deleted", "work failed", "work succeeded"]
    );
    assert_eq!(store.unsent(unwatched, None, 10).await.unwrap(), []);
}

async fn what_is_sent_is_noted_and_goes(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let subscription = subscribe(&store, book).await;
    for uid in ["a", "b", "c"] {
        create(&store, book, entry(uid, uid)).await;
    }
    let rows = store.unsent(book, None, 2).await.unwrap();
    let rest = store.unsent(book, Some(&rows[1]), 2).await.unwrap();
    assert_eq!((rows.len(), rest.len()), (2, 1));
    assert_eq!(rest[0].sequence, 3);
    store
        .note_sent(&rows[0], &[subscription.id].into())
        .await
        .unwrap();
    store.delete_unsent(&rows[1]).await.unwrap();
    let left = store.unsent(book, None, 9).await.unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(left[0].sent, [subscription.id].into());
    // A row that is gone does not come back by a late note.
    store
        .note_sent(&rows[1], &[subscription.id].into())
        .await
        .unwrap();
    assert_eq!(store.unsent(book, None, 9).await.unwrap().len(), 2);

    let (mut found, soon) = (0, Timestamp::now() + jiff::SignedDuration::from_secs(60));
    for part in 0..Store::OUTBOX_PARTS {
        let (waiting, _) = store.waiting(part, soon, None, 100).await.unwrap();
        found += waiting.len();
        let young = store.waiting(part, Timestamp::UNIX_EPOCH, None, 100).await;
        assert_eq!(young.unwrap().0, []);
    }
    assert_eq!(found, 1, "a book once");
}

/// DynamoDB Local does not count a transaction's writes twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_nobody_subscribed_to_costs_nothing_more() {
    let bed = Bed::embedded().await;
    let store = bed.through();
    let quiet = new_book(&store).await;
    let watched = new_book(&store).await;
    let old = [
        create(&store, quiet, entry("a", "anna")).await,
        create(&store, watched, entry("a", "anna")).await,
    ];
    let subscription = subscribe(&bed.store(), watched).await;
    // Each process has to look at the book once after that.
    create(&store, watched, entry("b", "berg")).await;
    let mut units = Vec::new();
    for (book, old) in [quiet, watched].into_iter().zip(old) {
        bed.faults.reset_counts();
        let mut changed = entry("a", "anna");
        changed.json = changed.json.replace("anna", "Anna");
        write_one(&store, book, put(Some(old.head.id), changed)).await;
        units.push(
            bed.faults
                .counts()
                .values()
                .map(|count| count.units)
                .sum::<f64>(),
        );
        let calls: u64 = bed.faults.counts().values().map(|count| count.calls).sum();
        assert_eq!(calls, 2, "the head and the transaction");
    }
    assert!(
        (units[1] - units[0] - 2.0).abs() < 0.01,
        "{units:?}: a row in a transaction"
    );
    unsubscribe(&bed.store(), &subscription).await;
}

async fn the_bell_rings_after_each_write_that_left_something(bed: Bed) {
    let rung: Arc<Mutex<Vec<BookId>>> = Arc::default();
    let bell = Arc::clone(&rung);
    let store = bed.store().with_bell(move |book| {
        bell.lock().unwrap().push(book);
        // Whoever never comes back keeps nobody waiting.
        std::future::pending().boxed()
    });
    let (quiet, watched) = (new_book(&store).await, new_book(&store).await);
    subscribe(&store, watched).await;
    for book in [quiet, watched] {
        create(&store, book, entry("a", "anna")).await;
        let now = store.book(book).await.unwrap().unwrap();
        store.rename_book(&now, "Family").await.unwrap().unwrap();
    }
    assert_eq!(*rung.lock().unwrap(), [watched, watched]);
}
