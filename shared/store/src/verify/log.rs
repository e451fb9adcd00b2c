//! Whether the log of a book says of each contact what is so.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{LOOKS, PART, ROWS, Verified};
use crate::{
    Store,
    book::Book,
    error::StoreError,
    ids::{BookId, ContactId},
    item::n,
    keys, log,
    table::{Condition, Outcome, Range, Write},
};

/// Contacts whose last change is remembered at once while the log is read.
const REMEMBERED: usize = 50_000;

impl Store {
    /// Looks through the whole log for the contacts of one slice, as many slices as it takes to remember
    /// few. A log that disagrees begins anew: its readers are told to start over.
    pub(super) async fn verify_log(
        &self,
        book: BookId,
        slice: u64,
        settle: Duration,
    ) -> Result<Verified, StoreError> {
        let mut verified = Verified {
            next: Some(format!("count{PART}")),
            ..Verified::default()
        };
        let seen = self.book(book).await?.ok_or(StoreError::BookGone)?;
        let slices = (seen.seq - seen.base) / REMEMBERED as u64 + 1;
        let mut flaw = self.log_flaw(&seen, slice, slices).await?;
        if flaw.is_some() {
            // A row of a transaction that has just happened may not have been visible.
            tokio::time::sleep(settle).await;
            let seen = self.book(book).await?.ok_or(StoreError::BookGone)?;
            flaw = self.log_flaw(&seen, slice, slices).await?;
        }
        if let Some((about, what)) = flaw {
            let mended = self.begin_log_anew(book).await?;
            verified.note(about, what, mended);
        } else if slice + 1 < slices {
            verified.next = Some(format!("log{PART}{}", slice + 1));
        }
        Ok(verified)
    }

    /// What is wrong with the log up to the number at which `seen` stood.
    async fn log_flaw(
        &self,
        seen: &Book,
        slice: u64,
        slices: u64,
    ) -> Result<Option<(Option<ContactId>, &'static str)>, StoreError> {
        let mut last = HashMap::new();
        let mut expected = None;
        let mut after = keys::log_row(seen.id, seen.base).sk;
        loop {
            let range = Range::new(keys::log(seen.id), ROWS).after(Some(&after));
            let rows = self.table.query(range).await?;
            for row in rows.iter().filter(|row| !row.expired(self.now())) {
                let change = log::read(row)?;
                if change.seq > seen.seq {
                    continue;
                }
                match expected {
                    // Where it begins late, the rest may have expired; whoever asks for it is told to
                    // start over.
                    Some(expected) if change.seq != expected => {
                        return Ok(Some((None, "the change log has a gap")));
                    }
                    _ => expected = Some(change.seq + 1),
                }
                if slice_of(change.id, slices) == slice {
                    last.insert(change.id, change.revision);
                }
            }
            match rows.last().filter(|_| rows.len() == ROWS) {
                Some(row) => after = row.text("sk")?.to_owned(),
                None => break,
            }
        }
        if expected.is_some_and(|end| end != seen.seq + 1) {
            let what = "the change log does not end at the book's number";
            return Ok(Some((None, what)));
        }
        let about = self.disagrees(seen.id, seen, last).await?;
        let what = "the change log says something else of a contact";
        Ok(about.map(|id| (Some(id), what)))
    }

    /// A contact that is not as the last change in the log says, nor changed since.
    async fn disagrees(
        &self,
        book: BookId,
        seen: &Book,
        last: HashMap<ContactId, Option<u64>>,
    ) -> Result<Option<ContactId>, StoreError> {
        let mut heads = HashMap::with_capacity(last.len());
        let ids: Vec<_> = last.keys().copied().collect();
        for some in ids.chunks(ROWS) {
            let found = self.heads(book, some.iter().copied()).await?;
            heads.extend(found.into_iter().map(|(id, head)| (id, head.revision)));
        }
        let mut odd: BTreeSet<_> = last
            .iter()
            .filter(|(id, revision)| heads.get(id) != revision.as_ref())
            .map(|(id, _)| *id)
            .collect();
        let mut since = seen.seq;
        // Those that have changed since have newer rows.
        while !odd.is_empty() {
            let Ok(run) = self.changes(book, since, ROWS).await? else {
                return Ok(None);
            };
            for change in &run.changes {
                odd.remove(&change.id);
            }
            if run.seq == since {
                break;
            }
            since = run.seq;
        }
        Ok(odd.into_iter().next())
    }

    /// Gives the book a number that its log cannot have reached. Writers learn it, as they learn of each
    /// other.
    async fn begin_log_anew(&self, book: BookId) -> Result<bool, StoreError> {
        let now = self.now().as_millisecond().unsigned_abs();
        for _ in 0..LOOKS {
            let Some(seen) = self.book(book).await? else {
                return Ok(false);
            };
            let base = now.max(seen.seq + 1);
            let higher = Condition::of("seq < :base").value(":base", n(base));
            let update = "SET seq = :base, base_seq = :base".to_owned();
            let write = Write::Update(keys::book(book), update, higher);
            if let Outcome::Done = self.table.write(write).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn slice_of(id: ContactId, slices: u64) -> u64 {
    let text = id.to_string();
    let hash = text.bytes().fold(0_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    hash % slices
}
