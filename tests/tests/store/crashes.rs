//! A process that dies in the middle of a write, before or after each of its calls.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use contacts_store::{BookId, Done, INLINE_BODY_BYTES, Op};
use contacts_tests::faults::{Fault, Gate, Rule};

use crate::{
    bed::Bed,
    cards::{
        Model, No, agrees, create_all, delete, entry, grown, new_book, put, with_original, word,
        write,
    },
};

on_both!(
    a_crash_before_any_call_leaves_the_book_right,
    a_crash_after_any_call_leaves_the_book_right,
);

/// More calls than any of the writes makes.
const CALLS: usize = 60;

/// When the process dies, seen from one of its calls.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Death {
    Before,
    After,
}

async fn a_crash_before_any_call_leaves_the_book_right(bed: Bed) {
    for kind in 0..4 {
        crash_everywhere(&bed, kind, Death::Before).await;
    }
    bed.is_sound_but_for_leftovers().await;
}

async fn a_crash_after_any_call_leaves_the_book_right(bed: Bed) {
    for kind in 0..4 {
        crash_everywhere(&bed, kind, Death::After).await;
    }
    bed.is_sound_but_for_leftovers().await;
}

/// A book with two contacts, and the models before and after the write of this kind.
async fn scene(bed: &Bed, kind: usize) -> (BookId, Vec<Op<No>>, Vec<Model>) {
    let store = bed.store();
    let book = new_book(&store).await;
    let old = [
        with_original(entry("a", "anna berg"), "vcard"),
        entry("b", "zoe berg"),
    ];
    let ids = create_all(&store, book, old.to_vec()).await;
    let start: Model = ids
        .iter()
        .zip(old)
        .map(|(id, entry)| (*id, (1, entry)))
        .collect();
    let changed = grown(entry("a", "anna lund"), 2 * INLINE_BODY_BYTES);
    let mut end = start.clone();
    let ops = match kind {
        0 => vec![put(None, entry("c", "lund zoe"))],
        1 => {
            end.insert(ids[0], (2, changed.clone()));
            vec![put(Some(ids[0]), changed)]
        }
        2 => {
            end.remove(&ids[0]);
            vec![delete(ids[0])]
        }
        _ => {
            // Two transactions, since they concern the same contact.
            let mut middle = start.clone();
            middle.insert(ids[0], (2, changed.clone()));
            middle.remove(&ids[1]);
            end = middle.clone();
            end.insert(ids[0], (3, entry("a", "berg")));
            let ops = vec![
                put(Some(ids[0]), changed),
                delete(ids[1]),
                put(Some(ids[0]), entry("a", "berg")),
            ];
            return (book, ops, vec![start, middle, end]);
        }
    };
    (book, ops, vec![start, end])
}

async fn crash_everywhere(bed: &Bed, kind: usize, death: Death) {
    let look = bed.store();
    let known = ["anna", "berg", "zoe", "lund"]
        .map(|text| word(text, 'a'))
        .into();
    for at in 1..CALLS {
        let (book, ops, mut possible) = scene(bed, kind).await;
        let gate = Gate::closed();
        inject(bed, at, death, &gate);
        let store = bed.through();
        let mut writing = tokio::spawn(async move { write(&store, book, &ops).await });
        let finished = tokio::select! {
            () = gate.arrived(1) => None,
            done = &mut writing => Some(done.unwrap().unwrap()),
        };
        if finished.is_none() {
            writing.abort();
            assert!(writing.await.unwrap_err().is_cancelled());
        }
        bed.faults.clear();
        // The identifier of a new contact is the store's to choose.
        if kind == 0 {
            for item in crate::cards::all_listed(&look, book).await {
                let new = (1, entry("c", "lund zoe"));
                possible[1].entry(item.id).or_insert(new);
            }
        }
        let seq = look.book(book).await.unwrap().unwrap().seq;
        let reached = match (kind, seq) {
            (_, 2) => 0,
            (3, 4) | (0..=2, 3) => 1,
            (3, 5) => 2,
            other => panic!("half a transaction: {other:?}"),
        };
        agrees(&look, book, &possible[reached], &known).await;
        // The next process finds a book that works.
        let done = write(&look, book, &[put(None, entry("next", "anna"))]).await;
        assert!(matches!(done.unwrap()[..], [Done::Created(_)]));
        if let Some(done) = finished {
            assert_eq!(reached, possible.len() - 1, "{done:?}");
            assert!(at > 3, "at least a read, a transaction and the terms");
            return;
        }
    }
    panic!("a write makes at most {CALLS} calls");
}

/// Holds the call number `at` at the gate; or carries it out and holds the SDK's repeat.
pub(crate) fn inject(bed: &Bed, at: usize, death: Death, gate: &Gate) {
    let numbered = |count: Arc<AtomicUsize>, wanted: usize| {
        move |_: &serde_json::Value| count.fetch_add(1, Ordering::SeqCst) + 1 >= wanted
    };
    let wait = Rule::new(Fault::Wait(gate.clone()));
    if death == Death::Before {
        bed.faults.inject(wait.when(numbered(Arc::default(), at)));
        return;
    }
    // The rules are asked in order, and the second counts only what the first let pass.
    let lost = Rule::new(Fault::ResetAfter).when(numbered(Arc::default(), at));
    bed.faults.inject(lost.times(1));
    bed.faults.inject(wait.when(numbered(Arc::default(), at)));
}
