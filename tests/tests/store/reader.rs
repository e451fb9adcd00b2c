//! A client that keeps a copy of a book by its change feed, as the API gives it.

use std::collections::{BTreeMap, BTreeSet};

use contacts_store::{BookId, ContactId, Store, TooOld};

#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) since: u64,
    pub(crate) copy: BTreeMap<ContactId, u64>,
    pub(crate) tombstones: BTreeSet<ContactId>,
}

impl Reader {
    /// The first reading: every contact by pages, to go on from a number read beforehand.
    pub(crate) async fn start(store: &Store, book: BookId) -> Self {
        let since = store.changes_start(book).await.unwrap();
        let listed = crate::cards::all_listed(store, book).await;
        Self {
            since,
            copy: listed.iter().map(|item| (item.id, item.revision)).collect(),
            tombstones: BTreeSet::new(),
        }
    }

    /// One reading of at most `limit` rows; whether there is more.
    pub(crate) async fn step(
        &mut self,
        store: &Store,
        book: BookId,
        limit: usize,
    ) -> Result<bool, TooOld> {
        let run = store.changes(book, self.since, limit).await.unwrap()?;
        assert!(run.seq >= self.since);
        let mut last = self.since;
        for change in run.changes {
            assert!(change.seq > last && change.seq <= run.seq, "in order");
            last = change.seq;
            match change.revision {
                Some(revision) => {
                    self.copy.insert(change.id, revision);
                }
                None => {
                    self.copy.remove(&change.id);
                    self.tombstones.insert(change.id);
                }
            }
        }
        self.since = run.seq;
        Ok(run.more)
    }

    /// Reads until there is no more.
    pub(crate) async fn follow(&mut self, store: &Store, book: BookId) {
        while self.step(store, book, 7).await.unwrap() {}
    }

    /// Fails unless the copy is the book.
    pub(crate) async fn agrees(&self, store: &Store, book: BookId) {
        let listed = crate::cards::all_listed(store, book).await;
        let there: BTreeMap<_, _> = listed.iter().map(|item| (item.id, item.revision)).collect();
        assert_eq!(self.copy, there);
    }
}
