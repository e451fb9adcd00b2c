//! The change log of a book: one row per sequence number, contiguous, never rewritten.
//!
//! DynamoDB's `Query` is read-committed against transactions: of two committed numbers the later may be
//! visible first. So a reader takes only the contiguous run after its number. What a gap means, `GetItem`
//! knows, which is serializable against transactions: "not yet" where the row is there, "no longer"
//! where it is not (DynamoDB Developer Guide, "Transaction isolation levels").

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    Store,
    error::StoreError,
    ids::{BookId, ContactId, WriteId},
    item::Item,
    keys,
    table::Range,
};

/// A change to one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its number in the book's log.
    pub seq: u64,
    /// The contact.
    pub id: ContactId,
    /// The revision that it made, or none where the contact was deleted.
    pub revision: Option<u64>,
}

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The last change of each contact in the stretch, oldest first.
    pub changes: Vec<Change>,
    /// The number to go on from.
    pub seq: u64,
    /// Whether there is more to read now or, after a row that is not visible yet, in a moment.
    pub more: bool,
}

/// The log no longer reaches back to the number asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOld;

/// How far before its number a first reading of the log begins: cards whose rows a page missed,
/// because their transaction was not visible to it yet, are among these. More than the numbers that
/// two transactions take.
const REWIND: u64 = 100;

pub(crate) fn row(
    book: BookId,
    change: Change,
    write: WriteId,
    now: Timestamp,
    life: SignedDuration,
) -> Item {
    let item = Item::new(&keys::log_row(book, change.seq))
        .s("card", change.id.to_string())
        .s("write", write.to_string())
        .n("expires_at", (now + life).as_second());
    match change.revision {
        Some(revision) => item.n("rev", revision),
        None => item,
    }
}

pub(crate) fn read(item: &Item) -> Result<Change, StoreError> {
    Ok(Change {
        seq: item
            .text("sk")?
            .parse()
            .map_err(|_| StoreError::Damaged("sk"))?,
        id: item
            .text("card")?
            .parse()
            .map_err(|_| StoreError::Damaged("card"))?,
        revision: if item.has("rev") {
            Some(item.number("rev")?)
        } else {
            None
        },
    })
}

/// The unbroken stretch of `rows` after `since`.
fn contiguous(rows: &[Item], since: u64, limit: usize, now: Timestamp) -> Result<Run, StoreError> {
    let mut run = Run {
        changes: Vec::new(),
        seq: since,
        more: false,
    };
    for row in rows.iter().filter(|row| !row.expired(now)) {
        let change = read(row)?;
        if change.seq == run.seq + 1 && run.changes.len() < limit {
            run.seq = change.seq;
            run.changes.push(change);
        } else {
            run.more = true;
            break;
        }
    }
    let last: HashMap<_, _> = run
        .changes
        .iter()
        .map(|change| (change.id, change.seq))
        .collect();
    run.changes.retain(|change| last[&change.id] == change.seq);
    Ok(run)
}

impl Store {
    /// The changes after number `since`, at most `limit` rows.
    pub async fn changes(
        &self,
        book: BookId,
        since: u64,
        limit: usize,
    ) -> Result<Result<Run, TooOld>, StoreError> {
        let last = keys::log_row(book, since).sk;
        let range = Range::new(keys::log(book), limit + 1).after(Some(&last));
        let rows = self.table.query(range).await?;
        let mut run = contiguous(&rows, since, limit, self.now())?;
        if run.changes.is_empty() {
            // Either nothing has happened, or the next row is hidden, or it is gone.
            let Some(now) = self.book(book).await? else {
                return Err(StoreError::BookGone);
            };
            run.more = now.seq > since;
            if now.seq < since || run.more && !self.is_logged(book, since + 1).await? {
                return Ok(Err(TooOld));
            }
        }
        Ok(Ok(run))
    }

    /// The number from which a reader that pages through the cards now must follow the log afterwards.
    pub async fn changes_start(&self, book: BookId) -> Result<u64, StoreError> {
        let Some(now) = self.book(book).await? else {
            return Err(StoreError::BookGone);
        };
        let mut range = Range::new(keys::log(book), REWIND as usize);
        range.backwards = true;
        let mut first = now.seq + 1;
        for row in self.table.query(range).await? {
            let seq = read(&row)?.seq;
            if row.expired(self.now()) || seq <= now.base {
                break;
            }
            first = first.min(seq);
        }
        // Rows before those may be hidden as well, or the log begins here.
        let hidden = |first| first > now.base + 1 && now.seq + 1 - first < REWIND;
        while hidden(first) && self.is_logged(book, first - 1).await? {
            first -= 1;
        }
        Ok(first - 1)
    }

    /// Whether the row of a number that was given out is still kept.
    async fn is_logged(&self, book: BookId, seq: u64) -> Result<bool, StoreError> {
        let row = self.table.get(&keys::log_row(book, seq)).await?;
        Ok(row.is_some_and(|row| !row.expired(self.now())))
    }
}
