//! Bad weather between the store and the database: what is acknowledged is there once, what is
//! refused is not, and what failed is there wholly or not at all.

use std::collections::BTreeSet;

use contacts_store::{BookId, ContactId, Done, Entry, INLINE_BODY_BYTES, Op, Store, StoreError};
use contacts_tests::faults::{Fault, Gate, Rule};

use crate::{
    bed::Bed,
    cards::{
        Model, No, Random, agrees, all_listed, create, delete, entry, grown, new_book, put,
        with_original, write,
    },
    reader::Reader,
};

on_both!(
    each_fault_at_each_call_of_a_write_is_got_over,
    a_lost_answer_before_a_conflict_commits_once,
    a_write_that_keeps_failing_is_there_wholly_or_not_at_all,
    writes_under_a_mix_of_faults_happen_once_or_not_at_all,
);

/// All that the path of a write calls.
const CALLS: [&str; 6] = [
    "GetItem",
    "BatchGetItem",
    "BatchWriteItem",
    "PutItem",
    "TransactWriteItems",
    "DeleteItem",
];

fn faults() -> [Fault; 6] {
    [
        Fault::Throttle,
        Fault::TransactionConflict,
        Fault::InternalServerError,
        Fault::Unprocessed,
        Fault::ResetBefore,
        Fault::ResetAfter,
    ]
}

/// The fault is one that DynamoDB has for the call.
fn fits(fault: &Fault, call: &str) -> bool {
    match fault {
        Fault::TransactionConflict => {
            !matches!(call, "BatchGetItem" | "BatchWriteItem" | "GetItem")
        }
        Fault::Unprocessed => call.starts_with("Batch"),
        _ => true,
    }
}

/// A contact before and after: other words, another name, a body that leaves its head.
fn before() -> Entry {
    with_original(entry("u", "anna berg"), "vcard")
}

fn after() -> Entry {
    grown(entry("u", "anna lund"), 2 * INLINE_BODY_BYTES)
}

fn known() -> BTreeSet<contacts_store::Term> {
    before().terms.into_iter().chain(after().terms).collect()
}

/// Creates, changes and deletes a contact, checking everything in between.
async fn live(bed: &Bed, book: BookId, disturb: &dyn Fn()) {
    let look = bed.store();
    let mut model = Model::new();
    disturb();
    // A new process each time, so that it reads the book's number.
    let id = create(&bed.through(), book, before()).await.head.id;
    bed.faults.clear();
    model.insert(id, (1, before()));
    agrees(&look, book, &model, &known()).await;
    disturb();
    let done = write(&bed.through(), book, &[put(Some(id), after())]).await;
    bed.faults.clear();
    assert!(matches!(done.unwrap()[..], [Done::Updated(_)]));
    model.insert(id, (2, after()));
    agrees(&look, book, &model, &known()).await;
    disturb();
    let done = write(&bed.through(), book, &[delete(id)]).await;
    bed.faults.clear();
    assert!(matches!(done.unwrap()[..], [Done::Deleted(_)]));
    agrees(&look, book, &Model::new(), &known()).await;
    assert_eq!(look.book(book).await.unwrap().unwrap().seq, 3);
}

async fn each_fault_at_each_call_of_a_write_is_got_over(bed: Bed) {
    for fault in faults() {
        for call in CALLS.into_iter().filter(|call| fits(&fault, call)) {
            let book = new_book(&bed.store()).await;
            bed.faults.reset_counts();
            let disturb = || {
                bed.faults
                    .inject(Rule::new(fault.clone()).on(call).times(2))
            };
            live(&bed, book, &disturb).await;
            assert!(bed.faults.count(call).faults > 1, "{call} met {fault:?}");
        }
    }
    // A delay: the call waits while another process writes to the same book.
    for call in CALLS {
        let book = new_book(&bed.store()).await;
        let other = bed.store();
        let gate = Gate::closed();
        bed.faults
            .inject(Rule::new(Fault::Wait(gate.clone())).on(call).times(1));
        let store = bed.through();
        let waiting = tokio::spawn(async move {
            let id = create(&store, book, before()).await.head.id;
            let done = write(&store, book, &[put(Some(id), after())])
                .await
                .unwrap();
            assert!(matches!(done[..], [Done::Updated(_)]));
            id
        });
        gate.arrived(1).await;
        let second = create(&other, book, entry("other", "zoe")).await.head.id;
        gate.open();
        let first = waiting.await.unwrap();
        let model = [(first, (2, after())), (second, (1, entry("other", "zoe")))];
        agrees(&other, book, &model.into(), &known()).await;
        bed.faults.clear();
    }
    bed.is_sound().await;
}

async fn a_lost_answer_before_a_conflict_commits_once(bed: Bed) {
    // The first attempt commits unseen; what answers the SDK's second one says "not now".
    for fault in [
        Fault::TransactionConflict,
        Fault::Throttle,
        Fault::InternalServerError,
    ] {
        let book = new_book(&bed.store()).await;
        let disturb = || {
            let on = |fault: &Fault| Rule::new(fault.clone()).on("TransactWriteItems");
            bed.faults.inject(on(&Fault::ResetAfter).times(1));
            bed.faults.inject(on(&fault).times(5));
        };
        live(&bed, book, &disturb).await;
    }
    bed.is_sound().await;
}

/// What is seen of a contact that was `old` and on its way to `new`.
#[derive(Debug, PartialEq)]
enum Seen {
    Old,
    New,
}

/// Which of the two the book holds, wholly.
async fn settle(bed: &Bed, book: BookId, old: &Model, new: &Model) -> Seen {
    let look = bed.store();
    let seq = look.book(book).await.unwrap().unwrap().seq;
    let seen = if seq == old.values().map(|(revision, _)| revision).sum::<u64>() {
        Seen::Old
    } else {
        Seen::New
    };
    let model = if seen == Seen::Old { old } else { new };
    agrees(&look, book, model, &known()).await;
    seen
}

async fn a_write_that_keeps_failing_is_there_wholly_or_not_at_all(bed: Bed) {
    let mut runs = tokio::task::JoinSet::new();
    let bed = std::sync::Arc::new(bed);
    for fault in faults() {
        for call in CALLS.into_iter().filter(|call| fits(&fault, call)) {
            let book = new_book(&bed.store()).await;
            let id = create(&bed.store(), book, before()).await.head.id;
            // Only what concerns this book: all of them go side by side.
            let name = book.to_string();
            let concerns = move |body: &serde_json::Value| body.to_string().contains(&name);
            bed.faults
                .inject(Rule::new(fault.clone()).on(call).when(concerns));
            let (bed, fault) = (bed.clone(), fault.clone());
            runs.spawn(async move {
                let result = write(&bed.through(), book, &[put(Some(id), after())]).await;
                (book, id, call, fault, result)
            });
        }
    }
    let runs = runs.join_all().await;
    bed.faults.clear();
    for (book, id, call, fault, result) in runs {
        let (old, new) = ([(id, (1, before()))].into(), [(id, (2, after()))].into());
        let seen = settle(&bed, book, &old, &new).await;
        // Rows of terms come and go after the write; their failure is not the write's.
        match result {
            Ok(done) => {
                assert!(matches!(done[..], [Done::Updated(_)]));
                assert_eq!(seen, Seen::New, "{call} with {fault:?}");
            }
            Err(StoreError::Busy(_) | StoreError::Database { .. }) => {
                let lost = matches!(fault, Fault::ResetAfter) && call == "TransactWriteItems";
                assert!(seen == Seen::Old || lost, "{call} with {fault:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
        // And the book works on.
        let next = crate::cards::put(Some(id), entry("u", "berg"));
        write(&bed.store(), book, &[next]).await.unwrap();
    }
    bed.is_sound_but_for_leftovers().await;
}

/// Delays one call at random, until the runtime has had something else to do many times.
fn delay(bed: &Bed) -> tokio::task::JoinHandle<()> {
    let gate = Gate::closed();
    let wait = Rule::new(Fault::Wait(gate.clone())).times(1);
    bed.faults.inject(wait.with_probability(0.02));
    tokio::spawn(async move {
        gate.arrived(1).await;
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        gate.open();
    })
}

/// What a random operation on one of `ids` is, and what it makes of that contact.
fn random_op(
    random: &mut Random,
    step: usize,
    target: Option<ContactId>,
) -> (Op<No>, Option<Entry>) {
    let uid = target.map_or_else(|| format!("u{step}"), |id| id.to_string());
    let mut card = entry(&uid, &format!("n{} w{}", random.below(5), random.below(5)));
    if random.below(4) == 0 {
        card = grown(card, 2 * INLINE_BODY_BYTES);
    }
    match target {
        Some(id) if random.below(4) == 0 => (delete(id), None),
        target => (put(target, card.clone()), Some(card)),
    }
}

async fn writes_under_a_mix_of_faults_happen_once_or_not_at_all(bed: Bed) {
    for seed in 1..=4 {
        for fault in faults() {
            bed.faults.inject(Rule::new(fault).with_probability(0.06));
        }
        let delays: Vec<_> = (0..5).map(|_| delay(&bed)).collect();
        let store = bed.through();
        let look = bed.store();
        let book = new_book(&look).await;
        let mut model = Model::new();
        let mut random = Random(seed);
        let mut reader = Reader::default();
        for step in 0..40 {
            let ids: Vec<_> = model.keys().copied().collect();
            let target = random.pick(&ids).copied().filter(|_| random.below(3) > 0);
            let (op, mut result) = random_op(&mut random, step, target);
            // Contacts keep the UID that they were created with.
            if let (Some(id), Some(card)) = (target, &mut result) {
                *card = renamed(card, &id.to_string(), &model[&id].1.uid);
            }
            let op = match (target, &result) {
                (Some(_), Some(card)) => put(target, card.clone()),
                _ => op,
            };
            let done = write(&store, book, &[op]).await;
            apply(&look, book, &mut model, target, result, done).await;
        }
        bed.faults.clear();
        delays.iter().for_each(tokio::task::JoinHandle::abort);
        let known = (0..5).flat_map(|i| [format!("n{i}"), format!("w{i}")]);
        let known = known.map(|text| crate::cards::word(&text, 'a')).collect();
        agrees(&look, book, &model, &known).await;
        reader.follow(&look, book).await;
        reader.agrees(&look, book).await;
    }
    bed.is_sound_but_for_leftovers().await;
}

fn renamed(card: &Entry, from: &str, to: &str) -> Entry {
    let mut card = card.clone();
    card.json = card.json.replace(from, to);
    card.uid = to.to_owned();
    card
}

/// Brings the model to what was acknowledged; after an error, to what is there, if that is one of
/// the two possible outcomes.
async fn apply(
    look: &Store,
    book: BookId,
    model: &mut Model,
    target: Option<ContactId>,
    result: Option<Entry>,
    done: Result<Vec<Done<No>>, StoreError>,
) {
    match done.as_deref() {
        Ok([Done::Created(stored)]) => {
            assert!(target.is_none());
            model.insert(stored.head.id, (1, result.unwrap()));
        }
        Ok([Done::Updated(stored)]) => {
            let old = model.insert(stored.head.id, (stored.head.revision, result.unwrap()));
            assert_eq!(stored.head.revision, old.unwrap().0 + 1, "once");
        }
        Ok([Done::Kept(_)]) => assert_eq!(result, target.map(|id| model[&id].1.clone())),
        Ok([Done::Deleted(id)]) => drop(model.remove(id).unwrap()),
        Ok(other) => panic!("{other:?}"),
        Err(_) => match (target, result) {
            (Some(id), result) => match (look.contact(book, id).await.unwrap(), result) {
                (None, None) => drop(model.remove(&id)),
                (Some(stored), result) if stored.head.revision == model[&id].0 => drop(result),
                (Some(stored), Some(result)) => {
                    assert_eq!(stored.head.revision, model[&id].0 + 1);
                    model.insert(id, (stored.head.revision, result));
                }
                other => panic!("neither before nor after: {other:?}"),
            },
            (None, result) => {
                let listed = all_listed(look, book).await;
                let new: Vec<_> = listed
                    .iter()
                    .filter(|item| !model.contains_key(&item.id))
                    .collect();
                assert!(new.len() <= 1, "once");
                if let [new] = new[..] {
                    model.insert(new.id, (1, result.unwrap()));
                }
            }
        },
    }
}
