//! Changing what contacts are found by, and nothing else.

use std::collections::BTreeSet;

use contacts_store::{
    BookId, ContactId, Decision, Done, Entry, INLINE_BODY_BYTES, Op, PATIENCE, Store, Stored, Term,
};
use contacts_tests::faults::Gate;

use crate::{
    bed::Bed,
    cards::{
        Model, No, Random, agrees, all_listed, create, create_all, delete, entry, grown, new_book,
        put, with_original, word, write, write_one,
    },
    crashes::{Death, inject},
    reader::Reader,
};

on_both!(
    a_reindexed_contact_is_found_anew_and_stays_as_it_is,
    what_is_right_already_is_kept,
    a_crash_at_any_call_leaves_the_contact_found_one_way_or_the_other,
    readers_of_the_changes_are_not_harmed,
    a_book_reindexed_while_8_writers_are_at_work_is_like_a_new_one,
    reindexing_and_verifying_do_not_harm_each_other,
);

/// The name in a card that [`entry`] made.
fn name_of(json: &str) -> &str {
    let (_, rest) = json.split_once(r#""name":""#).unwrap();
    rest.split('"').next().unwrap()
}

/// What tomorrow's rules make of a card: other words, another order, another summary.
fn tomorrow(json: &str) -> Entry {
    let name = name_of(json);
    Entry {
        uid: "reindexing takes the stored one".to_owned(),
        json: "and the stored card".to_owned(),
        original: None,
        vcard_version: None,
        sort_name: name.chars().rev().collect(),
        summary: format!(r#"{{"tomorrow":"{name}"}}"#),
        terms: name
            .split(' ')
            .flat_map(|text| [word(text, 'a'), word(&format!("new{text}"), 'b')])
            .collect(),
    }
}

fn reindex(id: ContactId) -> Op<No> {
    Op {
        id: Some(id),
        decide: Box::new(|stored: Option<&Stored>| {
            let stored = stored.ok_or("it is gone")?;
            Ok(Decision::Reindex(Box::new(tomorrow(&stored.json))))
        }),
    }
}

/// The card as it should stand in the table afterwards.
fn expected(old: &Entry) -> Entry {
    Entry {
        uid: old.uid.clone(),
        json: old.json.clone(),
        original: old.original.clone(),
        vcard_version: old.vcard_version.clone(),
        ..tomorrow(&old.json)
    }
}

fn known() -> BTreeSet<Term> {
    let words = [
        "anna", "berg", "zoe", "newanna", "newberg", "newzoe", "lund", "newlund",
    ];
    words.map(|text| word(text, 'a')).into()
}

fn faces() -> [Entry; 2] {
    [
        with_original(entry("a", "anna berg"), "BEGIN:VCARD, byte for byte"),
        grown(entry("b", "zoe berg"), 2 * INLINE_BODY_BYTES),
    ]
}

async fn a_reindexed_contact_is_found_anew_and_stays_as_it_is(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let mut model = Model::new();
    for face in faces() {
        let id = create(&store, book, entry(&face.uid, "lund")).await.head.id;
        write_one(&store, book, put(Some(id), face.clone())).await;
        model.insert(id, (2, face));
    }
    agrees(&store, book, &model, &known()).await;
    for (id, (_, face)) in &mut model {
        let before = store.head(book, *id).await.unwrap().unwrap();
        let done = write_one(&bed.store(), book, reindex(*id)).await;
        assert!(matches!(done, Done::Reindexed(_)), "{done:?}");
        let after = store.head(book, *id).await.unwrap().unwrap();
        assert_eq!(
            (
                after.revision,
                after.created,
                after.updated,
                &after.uid,
                &after.vcard_version
            ),
            (
                before.revision,
                before.created,
                before.updated,
                &before.uid,
                &before.vcard_version
            ),
        );
        assert_eq!(after.has_original(), before.has_original());
        *face = expected(face);
    }
    agrees(&store, book, &model, &known()).await;
    bed.is_sound().await;
    // An ordinary write comes after it as after any other.
    let id = *model.keys().next().unwrap();
    let face = entry(&model[&id].1.uid.clone(), "anna lund");
    write_one(&store, book, put(Some(id), face.clone())).await;
    model.insert(id, (3, face));
    agrees(&store, book, &model, &known()).await;
    bed.is_sound().await;
}

async fn what_is_right_already_is_kept(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let [id, gone] = [0, 1].map(|at| faces()[at].clone());
    let id = create(&store, book, id).await.head.id;
    let gone = create(&store, book, gone).await.head.id;
    write_one(&store, book, delete(gone)).await;
    assert!(matches!(
        write_one(&store, book, reindex(id)).await,
        Done::Reindexed(_)
    ));
    let seq = store.book(book).await.unwrap().unwrap().seq;
    assert!(matches!(
        write_one(&store, book, reindex(id)).await,
        Done::Kept(_)
    ));
    assert!(matches!(
        write_one(&store, book, reindex(gone)).await,
        Done::Refused(_)
    ));
    let missing = Op::<No> {
        id: Some(gone),
        decide: Box::new(|_| Ok(Decision::Reindex(Box::new(tomorrow(r#"{"name":"x"}"#))))),
    };
    assert!(matches!(
        write_one(&store, book, missing).await,
        Done::Missing
    ));
    assert_eq!(
        store.book(book).await.unwrap().unwrap().seq,
        seq,
        "no change, no number"
    );
    bed.is_sound().await;
}

async fn a_crash_at_any_call_leaves_the_contact_found_one_way_or_the_other(bed: Bed) {
    let look = bed.store();
    for death in [Death::Before, Death::After] {
        for at in 1.. {
            assert!(at < 60, "it makes fewer calls");
            let book = new_book(&look).await;
            let ids = create_all(&look, book, faces().to_vec()).await;
            let faces = faces();
            let before: Model = ids
                .iter()
                .zip(&faces)
                .map(|(id, face)| (*id, (1, face.clone())))
                .collect();
            let after: Model = ids
                .iter()
                .zip(&faces)
                .map(|(id, face)| (*id, (1, expected(face))))
                .collect();
            let gate = Gate::closed();
            inject(&bed, at, death, &gate);
            let store = bed.through();
            let ops: Vec<_> = ids.iter().map(|id| reindex(*id)).collect();
            let mut writing = tokio::spawn(async move { write(&store, book, &ops).await });
            let finished = tokio::select! {
                () = gate.arrived(1) => false,
                done = &mut writing => { done.unwrap().unwrap(); true }
            };
            if !finished {
                writing.abort();
                assert!(writing.await.unwrap_err().is_cancelled());
            }
            bed.faults.clear();
            let seq = look.book(book).await.unwrap().unwrap().seq;
            agrees(
                &look,
                book,
                if seq == 2 { &before } else { &after },
                &known(),
            )
            .await;
            for id in &ids {
                write_one(&look, book, reindex(*id)).await;
            }
            agrees(&look, book, &after, &known()).await;
            if finished {
                assert_eq!(seq, 4);
                break;
            }
        }
    }
    bed.is_sound_but_for_leftovers().await;
}

async fn readers_of_the_changes_are_not_harmed(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let ids = create_all(&store, book, faces().to_vec()).await;
    let mut reader = Reader::start(&store, book).await;
    let before = reader.copy.clone();
    for id in &ids {
        write_one(&store, book, reindex(*id)).await;
    }
    reader.follow(&store, book).await;
    assert_eq!(
        reader.copy, before,
        "the same contacts at the same revisions"
    );
    assert!(reader.tombstones.is_empty());
    let mut late = Reader::default();
    late.follow(&store, book).await;
    late.agrees(&store, book).await;
}

/// One pass over the book as the job does it, some at a time by name.
async fn pass(store: &Store, book: BookId) {
    let mut after = None::<String>;
    loop {
        let page = store.list(book, after.as_deref(), 10).await.unwrap();
        let ops: Vec<_> = page.items.iter().map(|item| reindex(item.id)).collect();
        write(store, book, &ops).await.unwrap();
        after = page.next;
        if after.is_none() {
            return;
        }
    }
}

/// Creates, renames and deletes by today's or by tomorrow's rules.
async fn work(store: Store, book: BookId, seed: u64, by_tomorrow: bool) {
    let mut random = Random(seed);
    let names = ["anna", "berg", "zoe", "lund"];
    let mut own: Vec<(ContactId, String)> = Vec::new();
    for step in 0..12 {
        let name = format!("{} {}", names[random.below(4)], names[random.below(4)]);
        let by = |uid: &str| {
            let today = entry(uid, &name);
            if by_tomorrow { expected(&today) } else { today }
        };
        let new = format!("{seed} {step}");
        let mut ops = vec![put(None, by(&new))];
        if let Some((id, uid)) = random.pick(&own) {
            ops.push(put(Some(*id), by(uid)));
        }
        if step % 4 == 3 {
            ops.push(delete(own.remove(0).0));
        }
        let done = write(&store, book, &ops).await.unwrap();
        own.push((crate::cards::created(&done[0]), new));
    }
}

async fn a_book_reindexed_while_8_writers_are_at_work_is_like_a_new_one(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = (0..30).map(|i| entry(&format!("u{i}"), "anna berg"));
    let first = create_all(&store, book, first.collect()).await;
    let mut reader = Reader::start(&store, book).await;
    // The new version is deployed: every process writes by its rules, what is there is by the old ones.
    let writers: Vec<_> = (0..8)
        .map(|seed| tokio::spawn(work(bed.store(), book, seed, true)))
        .collect();
    pass(&bed.store(), book).await;
    for writer in writers {
        writer.await.unwrap();
    }
    reader.follow(&store, book).await;
    reader.agrees(&store, book).await;
    bed.is_sound().await;
    is_by_tomorrow(&store, book).await;
    for id in first {
        assert_eq!(store.head(book, id).await.unwrap().unwrap().revision, 1);
    }
}

/// Fails unless the book is what a new one would be whose cards were all written by tomorrow's rules.
async fn is_by_tomorrow(store: &Store, book: BookId) {
    let mut model = Model::new();
    for item in all_listed(store, book).await {
        let stored = store.contact(book, item.id).await.unwrap().unwrap();
        let face = Entry {
            uid: stored.head.uid.clone(),
            json: stored.json.clone(),
            ..tomorrow(&stored.json)
        };
        model.insert(item.id, (stored.head.revision, face));
    }
    agrees(store, book, &model, &known()).await;
}

async fn reindexing_and_verifying_do_not_harm_each_other(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let more = (0..100).map(|i| entry(&format!("u{i}"), "anna berg"));
    create_all(&store, book, more.collect()).await;
    let writer = tokio::spawn(work(bed.store(), book, 100, false));
    let other = bed.store();
    let reindexing = tokio::spawn(async move {
        for _ in 0..2 {
            pass(&other, book).await;
        }
    });
    while !reindexing.is_finished() {
        let mut place = None::<String>;
        loop {
            // No write takes longer.
            let verified = store
                .verify(book, place.as_deref(), PATIENCE)
                .await
                .unwrap();
            assert_eq!(verified.flaws, []);
            place = verified.next;
            if place.is_none() {
                break;
            }
        }
    }
    reindexing.await.unwrap();
    writer.await.unwrap();
    bed.is_sound().await;
    pass(&store, book).await;
    is_by_tomorrow(&store, book).await;
    bed.is_sound().await;
}
