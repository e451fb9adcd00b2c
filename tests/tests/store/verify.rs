//! Looking through one book: every kind of damage that follows from the cards is mended, and what is
//! sound is left alone.

use std::time::Duration;

use contacts_store::{
    BookId, ContactId, Done, Flawed, INLINE_BODY_BYTES, PATIENCE, Store, StoreError,
};
use contacts_tests::faults::Gate;

use crate::{
    bed::{Bed, Row, n, s},
    cards::{
        Random, create, create_all, delete, entry, found_also_by, grown, new_book, put,
        with_original, word, write, write_one,
    },
    crashes::{Death, inject},
    reader::Reader,
};

on_both!(
    a_sound_book_is_left_as_it_is,
    damaged_rows_of_the_list_are_mended,
    damaged_rows_of_uids_are_mended,
    missing_terms_are_put_and_needless_ones_deleted,
    a_left_over_vcard_goes,
    a_damaged_log_begins_anew,
    a_row_of_the_log_that_is_not_visible_yet_is_no_damage,
    a_wrong_counter_is_put_right,
    damaged_cards_are_reported_and_left,
    a_uid_that_another_contact_rightly_has_is_reported_and_left,
    a_long_log_is_looked_through_slice_by_slice,
    a_verification_that_dies_at_any_call_is_finished_by_the_next,
    nothing_is_reported_while_8_writers_are_at_work,
    a_book_that_is_gone_is_not_verified,
);

/// What a whole verification came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    contacts: usize,
    flaws: Vec<Flawed>,
    leftovers: usize,
    stretches: usize,
}

async fn verify(store: &Store, book: BookId) -> Result<Found, StoreError> {
    let (mut found, mut place) = (Found::default(), None::<String>);
    loop {
        let verified = store.verify(book, place.as_deref(), Duration::ZERO).await?;
        found.contacts += verified.contacts;
        found.flaws.extend(verified.flaws);
        found.leftovers += verified.leftovers;
        found.stretches += 1;
        place = verified.next;
        if place.is_none() {
            return Ok(found);
        }
    }
}

/// A book with a small contact that has a vCard, a large one, and one that was deleted.
struct Scene {
    bed: Bed,
    book: BookId,
    small: ContactId,
    large: ContactId,
}

async fn scene(bed: Bed) -> Scene {
    let store = bed.store();
    let book = new_book(&store).await;
    let small = with_original(entry("a", "anna berg"), "vcard");
    let small = create(&store, book, small).await.head.id;
    let large = grown(entry("b", "zoe"), 2 * INLINE_BODY_BYTES);
    let large = create(&store, book, large).await.head.id;
    let gone = create(&store, book, entry("c", "lund")).await.head.id;
    write_one(&store, book, delete(gone)).await;
    // Another book's rows are nobody's business.
    create(&store, new_book(&store).await, entry("a", "anna berg")).await;
    Scene {
        bed,
        book,
        small,
        large,
    }
}

impl Scene {
    async fn found(&self) -> Found {
        verify(&self.bed.store(), self.book).await.unwrap()
    }

    /// Fails unless exactly these flaws are found, and mended so that none is left.
    async fn mends(&self, contact: Option<ContactId>, what: &[&'static str]) {
        let found = self.found().await;
        let expected = what.iter().map(|what| Flawed {
            contact,
            what,
            mended: true,
        });
        assert_eq!(found.flaws, expected.collect::<Vec<_>>());
        self.bed.is_sound().await;
        assert_eq!(self.found().await.flaws, []);
    }

    /// Fails unless exactly this is found, and found again.
    async fn reports(&self, contact: ContactId, what: &'static str) {
        for _ in 0..2 {
            let flaw = Flawed {
                contact: Some(contact),
                what,
                mended: false,
            };
            assert_eq!(self.found().await.flaws, [flaw]);
        }
    }

    async fn rows(&self, kind: &str) -> Vec<Row> {
        self.bed.rows(&format!("{kind}#{}", self.book)).await
    }

    async fn row(&self, kind: &str, sk: &str) -> Row {
        self.bed.row(&format!("{kind}#{}", self.book), sk).await
    }

    async fn of_contact(&self, id: ContactId, sk: &str) -> Row {
        self.bed.row(&format!("C#{}#{id}", self.book), sk).await
    }

    async fn log_row(&self, seq: u64) -> Row {
        self.row("L", &format!("{seq:020}")).await
    }

    async fn name(&self, id: ContactId) -> Row {
        let id = id.to_string();
        let mut rows = self.rows("N").await;
        rows.retain(|row| row["sk"].as_s().unwrap().ends_with(&id));
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }
}

async fn a_sound_book_is_left_as_it_is(bed: Bed) {
    let scene = scene(bed).await;
    let store = scene.bed.store();
    let more = (0..120).map(|i| entry(&format!("u{i}"), &format!("person number{i}")));
    create_all(&store, scene.book, more.collect()).await;
    let key = |row: &Row| {
        (
            row["pk"].as_s().unwrap().clone(),
            row["sk"].as_s().unwrap().clone(),
        )
    };
    let all = async || {
        let mut rows = scene.bed.rows("").await;
        rows.sort_by_key(key);
        rows
    };
    let before = all().await;
    let found = scene.found().await;
    assert_eq!(
        (found.contacts, found.flaws, found.leftovers),
        (122, vec![], 0)
    );
    assert!((4..12).contains(&found.stretches), "{}", found.stretches);
    assert_eq!(all().await, before);
}

async fn damaged_rows_of_the_list_are_mended(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the name row is missing or shows something else";
    let row = scene.name(scene.small).await;
    scene.bed.delete(&row).await;
    scene.mends(Some(scene.small), &[what]).await;
    for (name, value) in [
        ("summary", s("{}")),
        ("rev", n(7)),
        ("updated", n(7)),
        ("created", n(7)),
    ] {
        scene.bed.set(&row, name, value).await;
        scene.mends(Some(scene.small), &[what]).await;
    }
    let nobody = ContactId::random();
    for whose in [scene.small, nobody] {
        scene
            .bed
            .set(&row, "sk", s(format!("other\u{1f}{whose}")))
            .await;
        scene
            .mends(Some(whose), &["a name row without a contact"])
            .await;
    }
    // Both at once: the row is in the wrong place.
    scene.bed.delete(&row).await;
    scene
        .bed
        .set(&row, "sk", s(format!("other\u{1f}{}", scene.small)))
        .await;
    scene
        .mends(Some(scene.small), &["a name row without a contact", what])
        .await;
}

async fn damaged_rows_of_uids_are_mended(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the UID row is missing or another contact's";
    let small = scene.small.to_string();
    let rows = scene.rows("U").await;
    let row = rows
        .iter()
        .find(|row| row["card"].as_s().unwrap() == &small);
    let row = row.unwrap();
    scene.bed.delete(row).await;
    scene.mends(Some(scene.small), &[what]).await;
    for wrong in [
        scene.large.to_string(),
        ContactId::random().to_string(),
        "x".to_owned(),
    ] {
        scene.bed.set(row, "card", s(wrong)).await;
        scene.mends(Some(scene.small), &[what]).await;
    }
}

async fn missing_terms_are_put_and_needless_ones_deleted(bed: Bed) {
    let scene = scene(bed).await;
    let what = "a term has no row";
    let rows = scene.rows("T").await;
    assert_eq!(rows.len(), 3);
    for row in &rows {
        let whose = row["sk"].as_s().unwrap().rsplit('\u{1f}').next().unwrap();
        scene.bed.delete(row).await;
        scene.mends(Some(whose.parse().unwrap()), &[what]).await;
    }
    // More than one transaction takes, and no row of the list to begin with.
    let store = scene.bed.store();
    let many = (0..120).map(|i| word(&format!("w{i}"), 'a'));
    let many = create(
        &store,
        scene.book,
        found_also_by(entry("many", "many"), many),
    )
    .await;
    let id = many.head.id;
    let mut rows = scene.rows("T").await;
    rows.retain(|row| row["sk"].as_s().unwrap().ends_with(&id.to_string()));
    for row in &rows {
        scene.bed.delete(row).await;
    }
    scene.mends(Some(id), &vec![what; rows.len()]).await;
    let name = scene.name(id).await;
    scene.bed.delete(&name).await;
    scene
        .mends(
            Some(id),
            &["the name row is missing or shows something else"],
        )
        .await;
    // Needless rows of contacts that are there and that are not.
    for whose in [id, ContactId::random()] {
        scene
            .bed
            .set(&rows[0], "sk", s(format!("x\u{1f}a\u{1f}{whose}")))
            .await;
        let found = scene.found().await;
        assert_eq!((found.flaws, found.leftovers), (vec![], 1));
        scene.bed.is_sound().await;
    }
}

async fn a_left_over_vcard_goes(bed: Bed) {
    let scene = scene(bed).await;
    let mut left = scene.of_contact(scene.small, "V").await;
    left.insert(
        "pk".to_owned(),
        s(format!("C#{}#{}", scene.book, scene.large)),
    );
    scene.bed.put(left).await;
    let what = "the vCard is missing, left over or of another revision";
    scene.mends(Some(scene.large), &[what]).await;
}

async fn a_damaged_log_begins_anew(bed: Bed) {
    let scene = scene(bed).await;
    let says = "the change log says something else of a contact";
    let numbers = async || {
        let book = scene.bed.store().book(scene.book).await.unwrap().unwrap();
        (book.seq + 1 - 4)..=book.seq
    };
    // Each time four more changes, of which one row is then damaged.
    for (at, damage) in [
        (1, "gap"),
        (3, "end"),
        (3, "revision"),
        (3, "deleted"),
        (2, "revived"),
    ] {
        let (reader, writer) = (scene.bed.store(), scene.bed.store());
        let mut copy = Reader::start(&reader, scene.book).await;
        let ops = [
            put(None, entry(&format!("{damage} 1"), "one")),
            put(None, entry(&format!("{damage} 2"), "two")),
        ];
        let done = write(&writer, scene.book, &ops).await.unwrap();
        let ids: Vec<_> = done.iter().map(crate::cards::created).collect();
        let ops = [
            delete(ids[0]),
            put(Some(ids[1]), entry(&format!("{damage} 2"), "changed")),
        ];
        write(&writer, scene.book, &ops).await.unwrap();
        let seq = *numbers().await.start() + at;
        let row = scene.log_row(seq).await;
        let mut without = row.clone();
        without.remove("rev");
        let (contact, what) = match damage {
            "gap" => (None, "the change log has a gap"),
            "end" => (None, "the change log does not end at the book's number"),
            "revived" => (Some(ids[0]), says),
            _ => (Some(ids[1]), says),
        };
        match damage {
            "revision" => scene.bed.set(&row, "rev", n(77)).await,
            "deleted" => scene.bed.put(without).await,
            "revived" => scene.bed.set(&row, "rev", n(2)).await,
            _ => scene.bed.delete(&row).await,
        }
        assert!(!scene.bed.report().await.findings.is_empty());
        scene.mends(contact, &[what]).await;
        // Readers start over, and writers go on.
        for look in 0.. {
            assert!(look < 3, "{damage}");
            // Rows that are still there may come first.
            if copy.step(&reader, scene.book, 100).await.is_err() {
                break;
            }
        }
        let mut copy = Reader::start(&reader, scene.book).await;
        let done = write_one(&writer, scene.book, put(None, entry(damage, "next"))).await;
        assert!(matches!(done, Done::Created(_)));
        copy.follow(&reader, scene.book).await;
        copy.agrees(&reader, scene.book).await;
        scene.bed.is_sound().await;
    }
}

async fn a_row_of_the_log_that_is_not_visible_yet_is_no_damage(bed: Bed) {
    let scene = scene(bed).await;
    let last = format!("{:020}", 4);
    let hidden = scene
        .bed
        .faults
        .hide(move |item| item["sk"]["S"] == last.as_str());
    let (store, book) = (scene.bed.through(), scene.book);
    scene.bed.faults.reset_counts();
    let settle = Duration::from_secs(5);
    let looking =
        tokio::spawn(async move { store.verify(book, Some("log\u{1e}"), settle).await.unwrap() });
    while scene.bed.faults.count("Query").units == 0.0 {
        tokio::task::yield_now().await;
    }
    // By its second look the row is there.
    drop(hidden);
    assert_eq!(looking.await.unwrap().flaws, []);
    assert!(scene.bed.faults.count("Query").calls > 1);
    let book = scene.bed.store().book(book).await.unwrap().unwrap();
    assert_eq!(book.seq, 4, "no reader has to start over");
}

async fn a_wrong_counter_is_put_right(bed: Bed) {
    let scene = scene(bed).await;
    for wrong in [0, 3, 99] {
        let row = scene.row("B", "B").await;
        scene.bed.set(&row, "cards", n(wrong)).await;
        scene
            .mends(None, &["the counter is not the number of contacts"])
            .await;
    }
    let book = scene.bed.store().book(scene.book).await.unwrap().unwrap();
    assert_eq!(book.contacts, 2);
}

async fn damaged_cards_are_reported_and_left(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the card is missing, twice there, of another revision or another card";
    let small = scene.of_contact(scene.small, "H").await;
    let large = scene.of_contact(scene.large, "J").await;
    scene.bed.delete(&large).await;
    scene.reports(scene.large, what).await;
    scene.bed.set(&large, "rev", n(7)).await;
    scene.reports(scene.large, what).await;
    scene.bed.set(&large, "json", small["json"].clone()).await;
    scene.reports(scene.large, what).await;
    scene.bed.put(large).await;
    let vcard = scene.of_contact(scene.small, "V").await;
    let missing = "the vCard is missing, left over or of another revision";
    scene.bed.delete(&vcard).await;
    scene.reports(scene.small, missing).await;
    scene.bed.set(&vcard, "rev", n(7)).await;
    scene.reports(scene.small, missing).await;
    scene.bed.set(&vcard, "vcard", small["json"].clone()).await;
    let other = "the vCard is not the one that the head names";
    scene.reports(scene.small, other).await;
    scene.bed.put(vcard).await;
    scene.bed.is_sound().await;
}

async fn a_uid_that_another_contact_rightly_has_is_reported_and_left(bed: Bed) {
    let scene = scene(bed).await;
    // Two heads with one UID: which of them is to have it, the cards do not say.
    let head = scene.of_contact(scene.small, "H").await;
    let mut second = head.clone();
    let twin = ContactId::random();
    second.insert("pk".to_owned(), s(format!("C#{}#{twin}", scene.book)));
    second.remove("original");
    scene.bed.put(second).await;
    let mut name = scene.name(scene.small).await;
    let sort = head["sort"].as_s().unwrap();
    name.insert("sk".to_owned(), s(format!("{sort}\u{1f}{twin}")));
    scene.bed.put(name).await;
    let found = scene.found().await;
    let uid = Flawed {
        contact: Some(twin),
        what: "the UID row is missing or another contact's",
        mended: false,
    };
    assert!(found.flaws.contains(&uid), "{found:?}");
    assert_eq!(scene.found().await.flaws, [uid]);
}

async fn a_long_log_is_looked_through_slice_by_slice(bed: Bed) {
    let scene = scene(bed).await;
    let store = scene.bed.store();
    let more = (0..20).map(|i| entry(&format!("u{i}"), "person"));
    let ids = create_all(&store, scene.book, more.collect()).await;
    // As if an old book had seen 170,000 changes, of which the last are still in its log.
    let book = scene.row("B", "B").await;
    let mut old = book.clone();
    old.insert("created".to_owned(), n(0));
    old.insert("seq".to_owned(), n(170_024));
    scene.bed.put(old).await;
    for row in scene.rows("L").await {
        let seq: u64 = row["sk"].as_s().unwrap().parse().unwrap();
        scene
            .bed
            .set(&row, "sk", s(format!("{:020}", seq + 170_000)))
            .await;
        scene.bed.delete(&row).await;
    }
    scene.bed.is_sound().await;
    let found = scene.found().await;
    assert_eq!(found.flaws, []);
    assert_eq!(found.stretches, 1 + 1 + 4 + 1, "four slices of the log");
    // In whichever slice the contact is.
    let mut row = scene.log_row(170_024).await;
    row.insert("rev".to_owned(), n(77));
    scene.bed.put(row).await;
    let last = ids[19];
    let what = "the change log says something else of a contact";
    scene.mends(Some(last), &[what]).await;
}

async fn a_verification_that_dies_at_any_call_is_finished_by_the_next(bed: Bed) {
    let scene = scene(bed).await;
    for death in [Death::Before, Death::After] {
        for at in 1.. {
            assert!(at < 200, "it makes fewer calls");
            // All that contacts can lose as long as one row leads to each.
            let (name, terms) = (scene.name(scene.small).await, scene.rows("T").await);
            let mut rows = scene.rows("U").await;
            rows.push(name);
            let is_left = |row: &Row| row["sk"].as_s().unwrap().starts_with("anna");
            rows.extend(terms.into_iter().filter(|row| !is_left(row)));
            for row in &rows {
                scene.bed.delete(row).await;
            }
            let book = scene.row("B", "B").await;
            scene.bed.set(&book, "cards", n(9)).await;
            let gate = Gate::closed();
            // The calls for the partitions of terms are alike.
            inject(&scene.bed, if at > 14 { at + 60 } else { at }, death, &gate);
            let (store, book) = (scene.bed.through(), scene.book);
            let mut verifying = tokio::spawn(async move { verify(&store, book).await });
            let finished = tokio::select! {
                () = gate.arrived(1) => false,
                done = &mut verifying => { done.unwrap().unwrap(); true }
            };
            if !finished {
                verifying.abort();
                assert!(verifying.await.unwrap_err().is_cancelled());
            }
            scene.bed.faults.clear();
            scene.found().await;
            scene.bed.is_sound().await;
            if finished {
                break;
            }
        }
    }
}

async fn nothing_is_reported_while_8_writers_are_at_work(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let first = (0..40).map(|i| entry(&format!("u{i}"), &format!("first name{i}")));
    let ids = create_all(&store, book, first.collect()).await;
    let writers: Vec<_> = (0..8)
        .map(|seed| tokio::spawn(work(bed.store(), book, seed, ids.clone())))
        .collect();
    let mut rounds = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) || rounds == 0 {
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
        rounds += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(verify(&store, book).await.unwrap().flaws, []);
    bed.is_sound().await;
}

/// Creates, renames and deletes; each writer has contacts of its own, and some that it shares.
async fn work(store: Store, book: BookId, seed: u64, shared: Vec<ContactId>) {
    let mut random = Random(seed);
    let mut own = Vec::new();
    for step in 0..12 {
        let name = format!("n{} w{}", random.below(9), random.below(9));
        let at = random.below(shared.len());
        let mut ops = vec![
            put(None, entry(&format!("{seed} {step}"), &name)),
            put(Some(shared[at]), entry(&format!("u{at}"), &name)),
        ];
        if step % 3 == 2
            && let Some(id) = own.pop()
        {
            ops.push(delete(id));
        }
        let done = write(&store, book, &ops).await.unwrap();
        own.push(crate::cards::created(&done[0]));
    }
}

async fn a_book_that_is_gone_is_not_verified(bed: Bed) {
    let store = bed.store();
    for place in [
        None,
        Some("terms\u{1e}"),
        Some("log\u{1e}"),
        Some("count\u{1e}"),
    ] {
        let gone = store.verify(BookId::random(), place, Duration::ZERO).await;
        assert!(matches!(gone, Err(StoreError::BookGone)), "{gone:?}");
    }
}
