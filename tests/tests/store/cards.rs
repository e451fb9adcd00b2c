//! Making, writing and comparing contacts.

use std::collections::{BTreeMap, BTreeSet};

use contacts_store::{
    BookId, ContactId, Decision, Done, Entry, Listed, Op, Original, Page, Search, Store,
    StoreError, Stored, Term,
};

/// Why a test's operation is refused.
pub(crate) type No = &'static str;

/// The contacts of a book as they should be.
pub(crate) type Model = BTreeMap<ContactId, (u64, Entry)>;

/// A card that is found by the words of its name.
pub(crate) fn entry(uid: &str, name: &str) -> Entry {
    Entry {
        uid: uid.to_owned(),
        json: format!(r#"{{"uid":"{uid}","name":"{name}"}}"#),
        original: None,
        vcard_version: None,
        sort_name: name.to_owned(),
        summary: format!(r#"{{"name":"{name}"}}"#),
        terms: name.split(' ').map(|text| word(text, 'a')).collect(),
    }
}

/// The card, found by these terms and nothing else.
pub(crate) fn found_by(mut entry: Entry, terms: impl IntoIterator<Item = Term>) -> Entry {
    entry.terms = terms.into_iter().collect();
    // Terms are derived from the card, so that other terms are another card.
    let text = format!("{:?}", entry.terms).replace(['"', '{', '}', '\\'], "");
    entry.json = entry.json.replace('}', &format!(r#","terms":"{text}"}}"#));
    entry
}

/// The card, found by these terms as well.
pub(crate) fn found_also_by(entry: Entry, terms: impl IntoIterator<Item = Term>) -> Entry {
    let all: Vec<_> = entry.terms.iter().cloned().chain(terms).collect();
    found_by(entry, all)
}

pub(crate) fn word(word: &str, field: char) -> Term {
    let word = word.to_owned();
    Term::Word { word, field }
}

pub(crate) fn group(name: &str) -> Term {
    Term::Group(name.to_owned())
}

/// The card with so many bytes more that do not deflate.
pub(crate) fn grown(mut entry: Entry, bytes: usize) -> Entry {
    let mut random = Random(bytes as u64);
    let filler: String = (0..bytes)
        .map(|_| char::from(b'!'.wrapping_add((random.below(90)) as u8)))
        .filter(|c| !matches!(c, '"' | '\\'))
        .collect();
    entry.json = entry.json.replace('}', &format!(r#","x":"{filler}"}}"#));
    entry
}

pub(crate) fn with_original(mut entry: Entry, vcard: &str) -> Entry {
    entry.original = Some(Original {
        bytes: vcard.as_bytes().to_vec(),
        version: "4.0".to_owned(),
    });
    entry.vcard_version = Some("4.0".to_owned());
    entry
}

/// Creates, or with an identifier replaces, whatever is there.
pub(crate) fn put(id: Option<ContactId>, entry: Entry) -> Op<No> {
    Op {
        id,
        decide: Box::new(move |stored| match (id, stored) {
            (Some(_), None) => Err("it is gone"),
            _ => Ok(Decision::Put(Box::new(entry.clone()))),
        }),
    }
}

/// Replaces that revision alone.
pub(crate) fn put_over(id: ContactId, revision: u64, entry: Entry) -> Op<No> {
    Op {
        id: Some(id),
        decide: Box::new(move |stored| match stored {
            Some(stored) if stored.head.revision == revision => {
                Ok(Decision::Put(Box::new(entry.clone())))
            }
            _ => Err("it has changed"),
        }),
    }
}

pub(crate) fn delete(id: ContactId) -> Op<No> {
    Op {
        id: Some(id),
        decide: Box::new(|_| Ok(Decision::Delete)),
    }
}

pub(crate) async fn write(
    store: &Store,
    book: BookId,
    ops: &[Op<No>],
) -> Result<Vec<Done<No>>, StoreError> {
    store.write(book, ops, None).await
}

pub(crate) async fn write_one(store: &Store, book: BookId, op: Op<No>) -> Done<No> {
    write(store, book, &[op]).await.unwrap().remove(0)
}

pub(crate) async fn create(store: &Store, book: BookId, entry: Entry) -> Stored {
    match write_one(store, book, put(None, entry)).await {
        Done::Created(stored) => stored,
        other => panic!("expected a new contact, got {other:?}"),
    }
}

/// Creates them in batches; the identifiers in order.
pub(crate) async fn create_all(store: &Store, book: BookId, entries: Vec<Entry>) -> Vec<ContactId> {
    let ops: Vec<_> = entries.into_iter().map(|entry| put(None, entry)).collect();
    let done = write(store, book, &ops).await.unwrap();
    done.iter().map(created).collect()
}

pub(crate) fn created(done: &Done<No>) -> ContactId {
    match done {
        Done::Created(stored) => stored.head.id,
        other => panic!("expected a new contact, got {other:?}"),
    }
}

pub(crate) async fn new_book(store: &Store) -> BookId {
    let book = store.create_book("owner", BookId::random(), "Friends", None);
    book.await.unwrap().id
}

pub(crate) fn words(words: &[&str]) -> Search {
    Search {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        group: None,
    }
}

/// All pages of `limit`.
pub(crate) async fn all_hits(
    store: &Store,
    book: BookId,
    search: &Search,
    limit: usize,
) -> Vec<Listed> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = store.search(book, search, next.as_deref(), limit).await;
        let Page { items, next: more } = page.unwrap();
        assert!(items.len() <= limit);
        all.extend(items);
        next = more;
        if next.is_none() {
            return all;
        }
    }
}

pub(crate) async fn all_listed(store: &Store, book: BookId) -> Vec<Listed> {
    all_hits(store, book, &Search::default(), 100).await
}

/// Fails unless reads, lists, searches for every word and group of `known`, and the count give
/// exactly `model`.
pub(crate) async fn agrees(store: &Store, book: BookId, model: &Model, known: &BTreeSet<Term>) {
    let count = store.book(book).await.unwrap().unwrap().contacts;
    assert_eq!(count, model.len() as u64);
    for (id, (revision, entry)) in model {
        let stored = store.contact(book, *id).await.unwrap().unwrap();
        assert_eq!(stored.json, entry.json);
        assert_eq!(stored.head.revision, *revision);
        let original = store.original(book, &stored.head).await.unwrap();
        let expected = entry.original.as_ref().map(|original| &original.bytes);
        assert_eq!(original.as_ref(), expected);
    }
    let listed = all_listed(store, book).await;
    let mut expected: Vec<_> = model.iter().collect();
    expected.sort_by_key(|(id, (_, entry))| (entry.sort_name.clone(), id.to_string()));
    assert_eq!(
        listed.iter().map(shown).collect::<Vec<_>>(),
        expected
            .iter()
            .map(|(id, (revision, entry))| (**id, *revision, entry.summary.clone()))
            .collect::<Vec<_>>()
    );
    for term in known {
        let search = match term {
            Term::Word { word, .. } => words(&[word]),
            Term::Group(group) => Search {
                words: Vec::new(),
                group: Some(group.clone()),
            },
            Term::Day { day, kind } => {
                let mut found = store.days(book, day).await.unwrap();
                found.retain(|(_, found)| found == kind);
                let found: BTreeSet<_> = found.into_iter().map(|(id, _)| id).collect();
                let matching = model.iter();
                let matching = matching.filter(|(_, (_, entry))| entry.terms.contains(term));
                assert_eq!(found, matching.map(|(id, _)| *id).collect());
                continue;
            }
        };
        let mut found: Vec<_> = all_hits(store, book, &search, 100).await;
        found.sort_by_key(|hit| hit.id);
        let matching = |entry: &Entry| entry.terms.iter().any(|has| begins(has, term));
        let expected: Vec<_> = model
            .iter()
            .filter(|(_, (_, entry))| matching(entry))
            .map(|(id, (revision, entry))| (*id, *revision, entry.summary.clone()))
            .collect();
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expected);
    }
}

fn shown(listed: &Listed) -> (ContactId, u64, String) {
    (listed.id, listed.revision, listed.summary.clone())
}

fn begins(term: &Term, sought: &Term) -> bool {
    match (term, sought) {
        (Term::Word { word, .. }, Term::Word { word: prefix, .. }) => word.starts_with(prefix),
        _ => term == sought,
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014): the same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % limit as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| &from[self.below(from.len())])
    }
}
