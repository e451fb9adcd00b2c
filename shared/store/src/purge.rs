//! Deleting what nobody can reach any more: the contacts of a deleted book, and all its other rows.

use std::collections::BTreeSet;

use crate::{
    Store,
    book::is_deleted,
    error::StoreError,
    ids::{BookId, ContactId},
    item::{Item, n},
    keys::{self, Key},
    table::{Condition, Outcome, Range, Write},
};

/// Rows of a partition that are deleted in one step.
const ROWS: usize = 500;

impl Store {
    /// Deletes some contacts of a deleted book, at most `limit`, and says how many: none once it has no
    /// more. Nothing but a book marked as deleted is touched.
    pub async fn purge_contacts(&self, book: BookId, limit: usize) -> Result<usize, StoreError> {
        if !self.is_marked(book).await? {
            return Ok(0);
        }
        let names = self
            .table
            .query(Range::new(keys::names(book), limit))
            .await?;
        let keys = names.iter().map(Item::key).collect::<Result<Vec<_>, _>>()?;
        let contacts = self.purge_those(book, &keys).await?;
        self.table.delete_all(keys).await?;
        Ok(contacts)
    }

    /// Deletes the contacts that these rows lead to, whose own rows go afterwards: a crash leaves the
    /// rest to be found again. How many there are.
    async fn purge_those(&self, book: BookId, rows: &[Key]) -> Result<usize, StoreError> {
        let ids = rows.iter().map(|key| keys::contact_of(&key.sk));
        let ids: BTreeSet<ContactId> = ids
            .collect::<Option<_>>()
            .ok_or(StoreError::Damaged("sk"))?;
        let heads = self.heads(book, ids.iter().copied()).await?;
        // Where the table disagrees with itself, two heads can lead to one row.
        let mut first = BTreeSet::new();
        for head in heads.values() {
            let terms = head.terms.iter();
            first.extend(terms.map(|term| keys::term_row(book, term, head.id)));
            first.insert(keys::uid(book, &head.uid));
        }
        for id in &ids {
            first.extend([keys::body(book, *id), keys::original(book, *id)]);
        }
        self.table.delete_all(first).await?;
        let count = ids.len();
        let heads = ids.into_iter().map(|id| keys::head(book, id));
        self.table.delete_all(heads).await?;
        Ok(count)
    }

    /// Deletes the other rows of a deleted book whose list is empty: rows of terms that a crash left
    /// behind, with the contacts that have no other row to be found by, the log, and at last the book. Goes through its partitions from `place` and gives
    /// the place to go on from; none once nothing is left.
    pub async fn purge_rest(
        &self,
        book: BookId,
        place: usize,
    ) -> Result<Option<usize>, StoreError> {
        if !self.is_marked(book).await? {
            return Ok(None);
        }
        let mut partitions: Vec<String> = keys::term_partitions(book).collect();
        partitions.push(keys::log(book));
        for (at, partition) in partitions.iter().enumerate().skip(place) {
            let rows = self
                .table
                .query(Range::new(partition.clone(), ROWS))
                .await?;
            if rows.is_empty() {
                continue;
            }
            let keys = rows.iter().map(Item::key).collect::<Result<Vec<_>, _>>()?;
            if at + 1 < partitions.len() {
                self.purge_those(book, &keys).await?;
            }
            self.table.delete_all(keys).await?;
            return Ok(Some(at));
        }
        let marked = Condition::of("attribute_exists(deleted_by)");
        self.table
            .write(Write::Delete(keys::book(book), marked))
            .await?;
        Ok(None)
    }

    /// Deletes expired items, going through the table page by page; for a database without a time to
    /// live of its own. Gives how many went and the place to go on from.
    pub async fn purge_expired(
        &self,
        place: Option<&str>,
    ) -> Result<(u64, Option<String>), StoreError> {
        let start = place.map(|place| {
            let (pk, sk) = place.split_once('\u{1e}').unwrap_or((place, ""));
            Key::new(pk, sk)
        });
        let (items, next) = self.table.scan_page(start.as_ref(), ROWS).await?;
        let now = self.now();
        let mut gone = 0;
        for item in items.iter().filter(|item| item.expired(now)) {
            // One that got a new life meanwhile stays.
            let still = Condition::of("expires_at <= :now").value(":now", n(now.as_second()));
            let delete = Write::Delete(item.key()?, still);
            gone += u64::from(matches!(self.table.write(delete).await?, Outcome::Done));
        }
        let next = next.map(|key| format!("{}\u{1e}{}", key.pk, key.sk));
        Ok((gone, next))
    }

    async fn is_marked(&self, book: BookId) -> Result<bool, StoreError> {
        let item = self.table.get(&keys::book(book)).await?;
        Ok(item.is_some_and(|item| is_deleted(&item)))
    }
}
