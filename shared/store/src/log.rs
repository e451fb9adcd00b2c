//! The change log of a book: one row per sequence number, contiguous, never rewritten.
//!
//! DynamoDB's `Query` is read-committed against transactions: of two committed numbers the later may be
//! visible first. So a reader takes only the contiguous run after its number, and a gap means "not yet",
//! unless the row before the gap has expired too, which means "no longer"
//! (DynamoDB Developer Guide, "Transaction isolation levels").

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
const REWIND: usize = 100;

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

/// The unbroken stretch of `rows` after `since`, and whether the row of `since` itself is still kept.
fn contiguous(
    rows: &[Item],
    since: u64,
    limit: usize,
    now: Timestamp,
) -> Result<(Run, bool), StoreError> {
    let mut run = Run {
        changes: Vec::new(),
        seq: since,
        more: false,
    };
    let mut anchored = false;
    for row in rows.iter().filter(|row| !row.expired(now)) {
        let change = read(row)?;
        if change.seq == since {
            anchored = true;
        } else if change.seq == run.seq + 1 && run.changes.len() < limit {
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
    Ok((run, anchored))
}

impl Store {
    /// The changes after number `since`, at most `limit` rows.
    pub async fn changes(
        &self,
        book: BookId,
        since: u64,
        limit: usize,
    ) -> Result<Result<Run, TooOld>, StoreError> {
        let now = self.now();
        // The row of `since` itself tells whether a gap behind it is young or old.
        let before = since.checked_sub(1).map(|seq| keys::log_row(book, seq).sk);
        let range = Range::new(keys::log(book), limit + 2).after(before.as_deref());
        let rows = self.table.query(range).await?;
        let (mut run, anchored) = contiguous(&rows, since, limit, now)?;
        if run.changes.is_empty() {
            // Either nothing has happened, or the next row is hidden, or it is gone.
            let Some(book) = self.book(book).await? else {
                return Err(StoreError::BookGone);
            };
            if book.seq < since {
                return Ok(Err(TooOld));
            }
            run.more = book.seq > since;
            let gone = if since == 0 {
                book.created + self.log_life() <= now
            } else {
                !anchored
            };
            if run.more && gone {
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
        let mut range = Range::new(keys::log(book), REWIND);
        range.backwards = true;
        let mut start = now.seq;
        for row in self.table.query(range).await? {
            let seq = read(&row)?.seq;
            if row.expired(self.now()) || seq + 1 < start {
                break;
            }
            if seq <= start {
                start = seq;
            }
        }
        Ok(start)
    }
}
