//! The checker finds each kind of damage.

use contacts_store::{BookId, ContactId, INLINE_BODY_BYTES};

use crate::{
    bed::{Bed, n, s},
    cards::{create, delete, entry, grown, new_book, with_original, write_one},
};

on_both!(
    a_sound_table_has_no_findings,
    a_wrong_counter_is_found,
    a_wrong_change_log_is_found,
    a_log_that_has_run_out_is_no_finding,
    a_missing_or_wrong_body_is_found,
    a_missing_or_wrong_vcard_is_found,
    a_missing_or_wrong_uid_is_found,
    a_missing_or_wrong_name_is_found,
    a_missing_term_is_found_and_a_needless_one_counted,
    contacts_without_a_book_are_found,
    an_item_of_an_unknown_kind_is_an_error,
);

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
    let small = create(
        &store,
        book,
        with_original(entry("a", "anna berg"), "vcard"),
    )
    .await;
    let large = create(
        &store,
        book,
        grown(entry("b", "zoe"), 2 * INLINE_BODY_BYTES),
    )
    .await;
    let gone = create(&store, book, entry("c", "lund")).await;
    write_one(&store, book, delete(gone.head.id)).await;
    Scene {
        bed,
        book,
        small: small.head.id,
        large: large.head.id,
    }
}

impl Scene {
    /// Fails unless this is found.
    async fn finds(&self, contact: Option<ContactId>, what: &str) {
        let report = self.bed.report().await;
        let found = report.findings.iter().any(|finding| {
            finding.book == self.book && finding.contact == contact && finding.what == what
        });
        assert!(found, "{what}: {:?}", report.findings);
    }

    fn contact(&self, id: ContactId) -> String {
        format!("C#{}#{id}", self.book)
    }

    fn log(&self) -> String {
        format!("L#{}", self.book)
    }

    async fn log_row(&self, seq: u64) -> crate::bed::Row {
        self.bed.row(&self.log(), &format!("{seq:020}")).await
    }
}

async fn a_sound_table_has_no_findings(bed: Bed) {
    let scene = scene(bed).await;
    let report = scene.bed.report().await;
    assert_eq!((report.books, report.contacts, report.leftovers), (1, 2, 0));
    assert_eq!(report.findings, []);
}

async fn a_wrong_counter_is_found(bed: Bed) {
    let scene = scene(bed).await;
    let row = scene.bed.row("B#", "B").await;
    scene.bed.set(&row, "cards", n(3)).await;
    scene
        .finds(None, "the counter is not the number of contacts")
        .await;
    scene.bed.put(row).await;
    scene.bed.is_sound().await;
}

async fn a_wrong_change_log_is_found(bed: Bed) {
    let scene = scene(bed).await;
    for (seq, what) in [
        (1, "the change log does not begin at its beginning"),
        (2, "the change log has a gap"),
        (4, "the change log does not end at the book's number"),
    ] {
        let row = scene.log_row(seq).await;
        scene.bed.delete(&row).await;
        scene.finds(None, what).await;
        scene.bed.put(row).await;
    }
    let deleted = scene.log_row(4).await;
    let gone: ContactId = deleted["card"].as_s().unwrap().parse().unwrap();
    scene.bed.set(&deleted, "rev", n(1)).await;
    scene
        .finds(Some(gone), "the change log says that the contact exists")
        .await;
    scene.bed.put(deleted).await;
    let row = scene.log_row(1).await;
    let mut without = row.clone();
    without.remove("rev");
    scene.bed.put(without).await;
    scene
        .finds(
            Some(scene.small),
            "the change log says that the contact is deleted",
        )
        .await;
    scene.bed.set(&row, "rev", n(2)).await;
    scene
        .finds(Some(scene.small), "the change log names another revision")
        .await;
    scene.bed.put(row).await;
    scene.bed.is_sound().await;
}

async fn a_log_that_has_run_out_is_no_finding(bed: Bed) {
    let scene = scene(bed).await;
    let book = scene.bed.row("B#", "B").await;
    scene.bed.set(&book, "created", n(0)).await;
    // The database deletes what has expired late, and in any order.
    for seq in [1, 2, 3] {
        let row = scene.log_row(seq).await;
        scene.bed.set(&row, "expires_at", n(1)).await;
    }
    scene.bed.is_sound().await;
    for seq in [2, 3, 1] {
        scene.bed.delete(&row_of(seq, &scene)).await;
        scene.bed.is_sound().await;
    }
}

fn row_of(seq: u64, scene: &Scene) -> crate::bed::Row {
    [
        ("pk".to_owned(), s(scene.log())),
        ("sk".to_owned(), s(format!("{seq:020}"))),
    ]
    .into()
}

async fn a_missing_or_wrong_body_is_found(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the card is missing, twice there, of another revision or another card";
    let small = scene.bed.row(&scene.contact(scene.small), "H").await;
    let large = scene.bed.row(&scene.contact(scene.large), "J").await;
    scene.bed.delete(&large).await;
    scene.finds(Some(scene.large), what).await;
    scene.bed.set(&large, "rev", n(7)).await;
    scene.finds(Some(scene.large), what).await;
    scene.bed.set(&large, "json", small["json"].clone()).await;
    scene.finds(Some(scene.large), what).await;
    let mut twice = large.clone();
    twice.insert("pk".to_owned(), small["pk"].clone());
    scene.bed.put(twice.clone()).await;
    scene.finds(Some(scene.small), what).await;
    scene.bed.delete(&twice).await;
    scene.bed.put(large).await;
    scene.bed.is_sound().await;
}

async fn a_missing_or_wrong_vcard_is_found(bed: Bed) {
    let scene = scene(bed).await;
    let vcard = scene.bed.row(&scene.contact(scene.small), "V").await;
    let missing = "the vCard is missing, left over or of another revision";
    scene.bed.delete(&vcard).await;
    scene.finds(Some(scene.small), missing).await;
    scene.bed.set(&vcard, "rev", n(7)).await;
    scene.finds(Some(scene.small), missing).await;
    let other = scene.bed.row(&scene.contact(scene.large), "J").await;
    scene.bed.set(&vcard, "vcard", other["json"].clone()).await;
    scene
        .finds(
            Some(scene.small),
            "the vCard is not the one that the head names",
        )
        .await;
    let mut left = vcard.clone();
    left.insert("pk".to_owned(), other["pk"].clone());
    scene.bed.put(left.clone()).await;
    scene.finds(Some(scene.large), missing).await;
    scene.bed.delete(&left).await;
    scene.bed.put(vcard.clone()).await;
    // Of a contact that is not there.
    let nobody = ContactId::random();
    let mut orphan = vcard;
    orphan.insert("pk".to_owned(), s(scene.contact(nobody)));
    scene.bed.put(orphan.clone()).await;
    scene
        .finds(Some(nobody), "a body or vCard without a head")
        .await;
    scene.bed.delete(&orphan).await;
    scene.bed.is_sound().await;
}

async fn a_missing_or_wrong_uid_is_found(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the UID row is missing or another contact's";
    let rows = scene.bed.rows("U#").await;
    assert_eq!(rows.len(), 2, "the deleted contact's is gone");
    let of = |id: ContactId| {
        let is = move |row: &&crate::bed::Row| row["card"].as_s().unwrap() == &id.to_string();
        rows.iter().find(is).unwrap()
    };
    scene.bed.delete(of(scene.small)).await;
    scene.finds(Some(scene.small), what).await;
    scene
        .bed
        .set(of(scene.small), "card", s(scene.large.to_string()))
        .await;
    scene.finds(Some(scene.small), what).await;
    scene.bed.put(of(scene.small).clone()).await;
    let mut left = of(scene.small).clone();
    left.insert("pk".to_owned(), s(format!("U#{}#left", scene.book)));
    scene.bed.put(left.clone()).await;
    scene.finds(None, "a UID row without a contact").await;
    scene.bed.delete(&left).await;
    scene.bed.is_sound().await;
}

async fn a_missing_or_wrong_name_is_found(bed: Bed) {
    let scene = scene(bed).await;
    let what = "the name row is missing or shows something else";
    let rows = scene.bed.rows("N#").await;
    assert_eq!(rows.len(), 2, "the deleted contact's is gone");
    let small = scene.small.to_string();
    let row = rows
        .iter()
        .find(|row| row["sk"].as_s().unwrap().ends_with(&small));
    let row = row.unwrap();
    scene.bed.delete(row).await;
    scene.finds(Some(scene.small), what).await;
    for (name, value) in [
        ("summary", s("{}")),
        ("rev", n(7)),
        ("updated", n(7)),
        ("created", n(7)),
    ] {
        scene.bed.set(row, name, value).await;
        scene.finds(Some(scene.small), what).await;
    }
    scene.bed.put(row.clone()).await;
    let mut left = row.clone();
    left.insert("sk".to_owned(), s(format!("other\u{1f}{small}")));
    scene.bed.put(left.clone()).await;
    scene.finds(None, "a name row without a contact").await;
    scene.bed.delete(&left).await;
    scene.bed.is_sound().await;
}

async fn a_missing_term_is_found_and_a_needless_one_counted(bed: Bed) {
    let scene = scene(bed).await;
    let rows = scene.bed.rows("T#").await;
    assert_eq!(rows.len(), 3, "the deleted contact's are gone");
    for row in &rows {
        let whose = row["sk"].as_s().unwrap().rsplit('\u{1f}').next().unwrap();
        scene.bed.delete(row).await;
        scene
            .finds(Some(whose.parse().unwrap()), "a term has no row")
            .await;
        scene.bed.put(row.clone()).await;
    }
    let mut left = rows[0].clone();
    left.insert("sk".to_owned(), s(format!("x\u{1f}a\u{1f}{}", scene.small)));
    scene.bed.put(left.clone()).await;
    let report = scene.bed.report().await;
    assert_eq!((report.findings, report.leftovers), (vec![], 1));
    scene.bed.delete(&left).await;
    scene.bed.is_sound().await;
}

async fn contacts_without_a_book_are_found(bed: Bed) {
    let scene = scene(bed).await;
    let book = scene.bed.row("B#", "B").await;
    scene.bed.delete(&book).await;
    scene
        .finds(None, "contacts of a book that does not exist")
        .await;
    scene.bed.put(book).await;
    scene.bed.is_sound().await;
}

async fn an_item_of_an_unknown_kind_is_an_error(bed: Bed) {
    let scene = scene(bed).await;
    let unknown: crate::bed::Row = [
        ("pk".to_owned(), s(format!("Z#{}", scene.book))),
        ("sk".to_owned(), s("Z")),
    ]
    .into();
    scene.bed.put(unknown.clone()).await;
    assert!(scene.bed.store().check().await.is_err());
    scene.bed.delete(&unknown).await;
    scene.bed.is_sound().await;
}
