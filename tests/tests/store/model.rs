//! Random operations against a model in memory: reads, lists, searches and changes agree after each.

use std::{collections::BTreeSet, sync::Arc};

use contacts_store::{Done, Entry, INLINE_BODY_BYTES, Op, Term};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::Config};

use crate::{
    bed::Bed,
    cards::{
        Model, No, agrees, delete, entry, found_by, group, grown, new_book, put, put_over,
        with_original, word, write,
    },
    reader::Reader,
};

/// A card, without its UID.
#[derive(Debug, Clone)]
struct Face {
    name: usize,
    words: BTreeSet<(usize, char)>,
    group: Option<usize>,
    large: bool,
    vcard: Option<u8>,
}

#[derive(Debug, Clone)]
enum Step {
    Create(usize, Face),
    Update(Index, Face),
    /// With the right revision or the one before it.
    UpdateIf(Index, bool, Face),
    Delete(Index),
}

const WORDS: [&str; 6] = ["a", "an", "ann", "anna", "berg", "zoë"];
const GROUPS: [&str; 2] = ["friends", "family"];

impl Face {
    fn entry(&self, uid: &str) -> Entry {
        let terms = self
            .words
            .iter()
            .map(|(text, field)| word(WORDS[*text], *field));
        let terms = terms.chain(self.group.map(|at| group(GROUPS[at])));
        let mut card = found_by(entry(uid, WORDS[self.name]), terms);
        if self.large {
            card = grown(card, 2 * INLINE_BODY_BYTES);
        }
        match self.vcard {
            Some(text) => with_original(card, &text.to_string()),
            None => card,
        }
    }
}

fn face() -> impl Strategy<Value = Face> {
    (
        0..WORDS.len(),
        proptest::collection::btree_set((0..WORDS.len(), prop::char::range('a', 'c')), 0..5),
        proptest::option::of(0..GROUPS.len()),
        prop::bool::weighted(0.2),
        proptest::option::weighted(0.3, 0..3_u8),
    )
        .prop_map(|(name, words, group, large, vcard)| Face {
            name,
            words,
            group,
            large,
            vcard,
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..12_usize, face()).prop_map(|(uid, face)| Step::Create(uid, face)),
        3 => (any::<Index>(), face()).prop_map(|(at, face)| Step::Update(at, face)),
        1 => (any::<Index>(), any::<bool>(), face())
            .prop_map(|(at, right, face)| Step::UpdateIf(at, right, face)),
        2 => any::<Index>().prop_map(Step::Delete),
    ]
}

/// The operation, and what the model says must come of it.
fn op(step: &Step, model: &Model) -> Option<(Op<No>, Expected)> {
    let ids: Vec<_> = model.keys().copied().collect();
    if let Step::Create(uid, face) = step {
        let entry = face.entry(&format!("u{uid}"));
        let taken = model.iter().find(|(_, (_, other))| other.uid == entry.uid);
        let expected = match taken {
            Some((id, _)) => Expected::UidTaken(*id),
            None => Expected::Created(entry.clone()),
        };
        return Some((put(None, entry), expected));
    }
    let (Step::Update(at, _) | Step::UpdateIf(at, ..) | Step::Delete(at)) = step else {
        return None;
    };
    let id = *ids.get(at.index(ids.len().max(1)))?;
    let (revision, old) = &model[&id];
    let put_it = |face: &Face| {
        let entry = face.entry(&old.uid);
        let same =
            entry.json == old.json && (entry.original.is_none() || entry.original == old.original);
        let expected = if same {
            Expected::Kept
        } else {
            Expected::Updated(id, revision + 1, entry.clone())
        };
        (entry, expected)
    };
    Some(match step {
        Step::Update(_, face) => {
            let (entry, expected) = put_it(face);
            (put(Some(id), entry), expected)
        }
        Step::UpdateIf(_, true, face) => {
            let (entry, expected) = put_it(face);
            (put_over(id, *revision, entry), expected)
        }
        Step::UpdateIf(_, false, face) => (
            put_over(id, revision - 1, face.entry(&old.uid)),
            Expected::Refused,
        ),
        _ => (delete(id), Expected::Deleted(id)),
    })
}

#[derive(Debug)]
enum Expected {
    Created(Entry),
    Updated(contacts_store::ContactId, u64, Entry),
    Kept,
    Deleted(contacts_store::ContactId),
    Refused,
    UidTaken(contacts_store::ContactId),
}

fn apply(model: &mut Model, expected: Expected, done: &Done<No>) {
    match (expected, done) {
        (Expected::Created(entry), Done::Created(stored)) => {
            model.insert(stored.head.id, (1, entry));
        }
        (Expected::Updated(id, revision, entry), Done::Updated(stored)) => {
            assert_eq!((stored.head.id, stored.head.revision), (id, revision));
            model.insert(id, (revision, entry));
        }
        (Expected::Deleted(id), Done::Deleted(gone)) if id == *gone => {
            model.remove(&id);
        }
        (Expected::UidTaken(other), Done::UidTaken(id)) if other == *id => {}
        (Expected::Kept, Done::Kept(_)) | (Expected::Refused, Done::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// Every step from another process than the one before it.
async fn agrees_after_each(bed: &Bed, steps: &[Step]) {
    let stores = [bed.store(), bed.store()];
    let book = new_book(&stores[0]).await;
    let mut model = Model::new();
    let mut reader = Reader::default();
    let words = WORDS.map(|text| word(text, 'a'));
    let known: BTreeSet<Term> = words.into_iter().chain(GROUPS.map(group)).collect();
    for (at, step) in steps.iter().enumerate() {
        let Some((op, expected)) = op(step, &model) else {
            continue;
        };
        let done = write(&stores[at % 2], book, &[op]).await.unwrap();
        apply(&mut model, expected, &done[0]);
        let other = &stores[(at + 1) % 2];
        agrees(other, book, &model, &known).await;
        reader.follow(other, book).await;
        reader.agrees(other, book).await;
    }
    bed.is_sound().await;
}

fn run(bed: Arc<Bed>, runtime: &tokio::runtime::Runtime, cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    proptest!(config, |(steps in vec(step(), 1..25))| {
        runtime.block_on(agrees_after_each(&bed, &steps));
    });
}

#[test]
fn random_operations_agree_with_a_model_on_the_embedded_database() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bed = runtime.block_on(Bed::embedded());
    run(Arc::new(bed), &runtime, 40);
}

#[test]
fn random_operations_agree_with_a_model_on_dynamodb_local() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bed = runtime.block_on(Bed::dynamodb_local());
    run(Arc::new(bed), &runtime, 6);
}
