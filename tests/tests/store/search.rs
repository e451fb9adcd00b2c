//! Search: what it finds, in which order, and how little it reads.

use contacts_store::{Entry, Page, SEARCH_ROWS, Search};

use crate::{
    bed::Bed,
    cards::{
        all_hits, create_all, entry, found_also_by, found_by, group, new_book, put, word, words,
        write_one,
    },
};

on_both!(
    every_word_of_the_search_begins_some_word_of_the_contact,
    exact_words_come_before_longer_ones_and_then_by_field,
    a_contact_with_several_matching_words_comes_once,
    groups_are_searched_with_and_without_words,
    a_search_reads_a_bounded_number_of_rows,
    a_search_does_not_read_the_whole_book,
);

/// A card with these words, each in a field.
fn card(uid: &str, terms: &[(&str, char)]) -> Entry {
    let terms = terms.iter().map(|(text, field)| word(text, *field));
    found_by(entry(uid, uid), terms)
}

async fn every_word_of_the_search_begins_some_word_of_the_contact(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let names = [
        "anna berg",
        "annabel lund",
        "berta ann",
        "zoë άννα",
        "an",
        "李 annika",
    ];
    let entries = names.iter().enumerate();
    let entries = entries
        .map(|(i, name)| entry(&format!("u{i}"), name))
        .collect();
    let ids = create_all(&store, book, entries).await;
    for (search, expected) in [
        (vec!["anna"], vec![0, 1]),
        (vec!["ann"], vec![0, 1, 2, 5]),
        (vec!["an"], vec![0, 1, 2, 4, 5]),
        (vec!["a"], vec![0, 1, 2, 4, 5]),
        (vec!["ann", "ber"], vec![0, 2]),
        (vec!["ber", "ann"], vec![0, 2]),
        (vec!["ann", "berg"], vec![0]),
        (vec!["b", "a", "berg"], vec![0]),
        (vec!["annabella"], vec![]),
        (vec!["berg", "lund"], vec![]),
        (vec!["zo"], vec![3]),
        (vec!["ά"], vec![3]),
        (vec!["李"], vec![5]),
        (vec!["x"], vec![]),
    ] {
        for limit in [1, 2, 50] {
            let hits = all_hits(&store, book, &words(&search), limit).await;
            let mut hits: Vec<_> = hits.iter().map(|hit| hit.id).collect();
            hits.sort();
            let mut expected: Vec<_> = expected.iter().map(|at| ids[*at]).collect();
            expected.sort();
            assert_eq!(hits, expected, "{search:?} by {limit}");
        }
    }
    // No words and no group: everything.
    assert_eq!(all_hits(&store, book, &Search::default(), 4).await.len(), 6);
    bed.is_sound().await;
}

async fn exact_words_come_before_longer_ones_and_then_by_field(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let entries = vec![
        card("longer", &[("annabel", 'a')]),
        card("exact in d", &[("ann", 'd')]),
        card("exact in b", &[("ann", 'b')]),
        card("punctuated", &[("ann-marie", 'a')]),
        card("exact in a", &[("ann", 'a')]),
        card("accented", &[("annä", 'a')]),
        card("both", &[("ann", 'c'), ("annabel", 'a')]),
    ];
    create_all(&store, book, entries).await;
    for limit in [1, 3, 50] {
        let hits = all_hits(&store, book, &words(&["ann"]), limit).await;
        let uids: Vec<_> = hits.iter().map(|hit| &*hit.summary).collect();
        let expected = [
            "exact in a",
            "exact in b",
            "both",
            "exact in d",
            "punctuated",
            "longer",
            "accented",
        ];
        assert_eq!(uids, expected.map(|uid| format!(r#"{{"name":"{uid}"}}"#)));
    }
    bed.is_sound().await;
}

async fn a_contact_with_several_matching_words_comes_once(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    // Thirty contacts with five matching rows each, interleaved.
    let entries = (0..30).map(|i| {
        let terms: Vec<_> = (0..5)
            .map(|j| format!("ann{}{j}", (i * 7 + j * 3) % 10))
            .collect();
        let terms: Vec<_> = terms.iter().map(|text| (text.as_str(), 'a')).collect();
        card(&format!("u{i}"), &terms)
    });
    let mut ids = create_all(&store, book, entries.collect()).await;
    ids.sort();
    for limit in [1, 4, 29, 30, 50] {
        let hits = all_hits(&store, book, &words(&["ann", "an"]), limit).await;
        let mut hits: Vec<_> = hits.iter().map(|hit| hit.id).collect();
        hits.sort();
        assert_eq!(hits, ids, "pages of {limit}");
    }
    bed.is_sound().await;
}

async fn groups_are_searched_with_and_without_words(bed: Bed) {
    let store = bed.store();
    let book = new_book(&store).await;
    let entries = (0..12).map(|i| {
        let card = entry(&format!("u{i}"), &format!("n{} berg", i % 4));
        let friend = (i % 2 == 0).then(|| group("friends"));
        let theirs = (i % 3 == 0).then(|| group("friends of friends"));
        found_also_by(card, friend.into_iter().chain(theirs))
    });
    let ids = create_all(&store, book, entries.collect()).await;
    let search = |group: &str, words: &[&str]| Search {
        group: Some(group.to_owned()),
        ..crate::cards::words(words)
    };
    for (search, expected) in [
        (search("friends", &[]), vec![0, 2, 4, 6, 8, 10]),
        (search("friends of friends", &[]), vec![0, 3, 6, 9]),
        (search("friend", &[]), vec![]),
        (search("friends", &["n2"]), vec![2, 6, 10]),
        (search("friends", &["n2", "be"]), vec![2, 6, 10]),
        (search("friends", &["n1"]), vec![]),
    ] {
        for limit in [1, 2, 50] {
            let hits = all_hits(&store, book, &search, limit).await;
            let mut hits: Vec<_> = hits.iter().map(|hit| hit.id).collect();
            hits.sort();
            let mut expected: Vec<_> = expected.iter().map(|at| ids[*at]).collect();
            expected.sort();
            assert_eq!(hits, expected, "{search:?} by {limit}");
        }
    }
    let left = write_one(&store, book, put(Some(ids[2]), entry("u2", "n2 berg"))).await;
    assert!(matches!(left, contacts_store::Done::Updated(_)));
    let friends = all_hits(&store, book, &search("friends", &[]), 50).await;
    assert_eq!(friends.len(), 5);
    bed.is_sound().await;
}

async fn a_search_reads_a_bounded_number_of_rows(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    let count = SEARCH_ROWS + 60;
    let last = entry("last", "anna zoe");
    let entries = (0..count).map(|i| entry(&format!("u{i}"), "anna"));
    create_all(&bed.store(), book, entries.chain([last]).collect()).await;
    bed.faults.reset_counts();
    // One of a thousand matches both: the longest word leads through all of them.
    let search = words(&["anna", "zoe"]);
    let (mut found, mut pages, mut next) = (0, 0, None);
    loop {
        let page = store.search(book, &search, next.as_deref(), 10).await;
        let Page { items, next: more } = page.unwrap();
        (found, pages, next) = (found + items.len(), pages + 1, more);
        if next.is_none() {
            break;
        }
        let queries = bed.faults.count("Query").calls;
        assert!(queries <= (SEARCH_ROWS / 50) as u64, "{queries} queries");
        let heads = bed.faults.count("BatchGetItem").calls;
        assert!(
            heads <= (SEARCH_ROWS / 50) as u64,
            "{heads} batches of heads"
        );
    }
    assert_eq!((found, pages), (1, 2), "a short page, and the rest");
    bed.is_sound().await;
}

async fn a_search_does_not_read_the_whole_book(bed: Bed) {
    let store = bed.through();
    let book = new_book(&store).await;
    let entries = (0..600).map(|i| entry(&format!("u{i}"), &format!("name{i:03}")));
    create_all(&bed.store(), book, entries.collect()).await;
    bed.faults.reset_counts();
    for (search, hits) in [("name123", 1), ("name12", 10), ("nothing", 0)] {
        let page = store
            .search(book, &words(&[search]), None, 50)
            .await
            .unwrap();
        assert_eq!((page.items.len(), page.next), (hits, None));
    }
    let counts = bed.faults.counts();
    let calls: u64 = counts.values().map(|count| count.calls).sum();
    let units: f64 = counts.values().map(|count| count.units).sum();
    assert_eq!(
        calls, 5,
        "rows and heads, but no heads where there are no rows: {counts:?}"
    );
    assert!(units <= 16.0, "{counts:?}");
    bed.is_sound().await;
}
