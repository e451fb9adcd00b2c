//! Looking through one book, stretch by stretch, and mending what follows from the cards.
//!
//! The way: the contacts by name; then the rows of terms, which also lead to contacts that have lost
//! their name row; then the log; then the counter. Nothing here costs more in a large table than in a
//! small one, and so a row that no partition of the book leads to is out of sight: a UID row or a body
//! whose contact is gone, a contact that has lost its name row and all its terms. [`Store::check`] sees
//! those.

mod log;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Store,
    backoff::Backoff,
    check::{Flaw, Shelf, check_contact, sort_in},
    contact::{Head, Listed},
    error::StoreError,
    ids::{BookId, ContactId},
    item::{Item, n, s},
    keys::{self, Key},
    table::{Cancelled, Condition, Outcome, Range, Write},
};

/// Contacts of one stretch.
const CONTACTS: usize = 50;
/// Rows of terms, or of the log, of one stretch.
const ROWS: usize = 500;
/// Rows of terms that one transaction puts.
const TERMS: usize = 90;
/// How often a thing that changes under the reader's hands is looked at again.
const LOOKS: usize = 5;

/// Parts a place: no key has it.
const PART: char = '\u{1e}';

/// A disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flawed {
    /// The contact, where it is about one.
    pub contact: Option<ContactId>,
    /// What is wrong; without personal data.
    pub what: &'static str,
    /// Whether it is mended.
    pub mended: bool,
}

/// What one stretch came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many contacts were looked at.
    pub contacts: usize,
    /// What was wrong.
    pub flaws: Vec<Flawed>,
    /// Rows of terms that no contact has, deleted. They are no disagreement: searches skip them.
    pub leftovers: usize,
    /// Where to go on; none at the end. Opaque, and personal.
    pub next: Option<String>,
}

impl Verified {
    fn note(&mut self, contact: Option<ContactId>, what: &'static str, mended: bool) {
        self.flaws.push(Flawed {
            contact,
            what,
            mended,
        });
    }
}

impl Store {
    /// Looks through a stretch of the book and mends what follows from the cards. The book may be in use.
    /// A row of a term that no contact has is left alone for `settle`, longer than a write takes: the
    /// contact may be on its way.
    pub async fn verify(
        &self,
        book: BookId,
        place: Option<&str>,
        settle: Duration,
    ) -> Result<Verified, StoreError> {
        let (part, after) = match place.and_then(|place| place.split_once(PART)) {
            Some((part, after)) => (part, Some(after).filter(|after| !after.is_empty())),
            None => ("names", None),
        };
        if self.book(book).await?.is_none() {
            return Err(StoreError::BookGone);
        }
        match part {
            "names" => self.verify_names(book, after).await,
            "terms" => self.verify_terms(book, after, settle).await,
            "log" => {
                let slice = after.and_then(|slice| slice.parse().ok());
                self.verify_log(book, slice.unwrap_or_default(), settle)
                    .await
            }
            _ => self.verify_count(book).await,
        }
    }

    async fn verify_names(
        &self,
        book: BookId,
        after: Option<&str>,
    ) -> Result<Verified, StoreError> {
        let range = Range::new(keys::names(book), CONTACTS).after(after);
        let rows = self.table.query(range).await?;
        let mut verified = Verified {
            contacts: rows.len(),
            ..Verified::default()
        };
        verified.next = Some(match rows.last().filter(|_| rows.len() == CONTACTS) {
            Some(last) => format!("names{PART}{}", last.text("sk")?),
            None => format!("terms{PART}"),
        });
        let mut rows_of = BTreeMap::<ContactId, Vec<Key>>::new();
        for row in rows {
            let key = row.key()?;
            let id = keys::contact_of(&key.sk).ok_or(StoreError::Damaged("sk"))?;
            rows_of.entry(id).or_default().push(key);
        }
        let heads = self.heads(book, rows_of.keys().copied()).await?;
        for (id, rows) in &rows_of {
            for row in rows {
                let head = heads.get(id);
                if head.is_none_or(|head| keys::name_row(book, &head.sort_name, *id) != *row) {
                    self.drop_name(book, *id, row, &mut verified).await?;
                }
            }
        }
        self.mend(book, heads.into_values().collect(), &mut verified)
            .await?;
        Ok(verified)
    }

    /// Deletes a row that shows a contact in a place where it is not; if that is still so.
    async fn drop_name(
        &self,
        book: BookId,
        id: ContactId,
        row: &Key,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            let head = self.head(book, id).await?;
            let is_its_place = |head: &Head| keys::name_row(book, &head.sort_name, id) == *row;
            if head.as_ref().is_some_and(is_its_place) || self.table.get(row).await?.is_none() {
                return Ok(());
            }
            let still = match &head {
                Some(head) => hold(book, head),
                None => Write::Check(keys::head(book, id), Condition::absent()),
            };
            let writes = [still, Write::Delete(row.clone(), Condition::none())];
            if self.together(&writes).await? {
                verified.note(Some(id), "a name row without a contact", true);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks at contacts, and mends what is wrong with them.
    async fn mend(
        &self,
        book: BookId,
        heads: Vec<Head>,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        let shelf = self.shelf(book, &heads).await?;
        for head in heads {
            if !check_contact(book, &head, &shelf)?.is_empty() {
                self.mend_one(book, head.id, verified).await?;
            }
        }
        Ok(())
    }

    /// The items of some contacts.
    async fn shelf(&self, book: BookId, heads: &[Head]) -> Result<Shelf, StoreError> {
        let keys: BTreeSet<Key> = heads
            .iter()
            .flat_map(|head| {
                let rows = [
                    keys::body(book, head.id),
                    keys::original(book, head.id),
                    keys::uid(book, &head.uid),
                    keys::name_row(book, &head.sort_name, head.id),
                ];
                let terms = head.terms.iter();
                rows.into_iter()
                    .chain(terms.map(|term| keys::term_row(book, term, head.id)))
            })
            .collect();
        let mut shelves = BTreeMap::new();
        for item in self.table.batch_get(keys).await? {
            sort_in(&mut shelves, item)?;
        }
        Ok(shelves.remove(&book).unwrap_or_default())
    }

    /// Looks at one contact again, by itself, and mends it. What disagrees only because a write came in
    /// between does not on the next look.
    async fn mend_one(
        &self,
        book: BookId,
        id: ContactId,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            let Some(head) = self.head(book, id).await? else {
                return Ok(());
            };
            let shelf = self.shelf(book, std::slice::from_ref(&head)).await?;
            let flaws = check_contact(book, &head, &shelf)?;
            if flaws.is_empty() {
                return Ok(());
            }
            let others: Vec<_> = flaws.iter().filter(|flaw| **flaw != Flaw::Term).collect();
            if !others.is_empty() {
                let mut writes = vec![hold(book, &head)];
                let mut mended = Vec::new();
                for flaw in &others {
                    let write = match flaw {
                        Flaw::Name => Some(Write::Put(head.name_row(book), Condition::none())),
                        Flaw::Uid => self.uid_row(book, &head, &shelf).await?,
                        Flaw::Original if head.original.is_none() => {
                            Some(Write::Delete(keys::original(book, id), Condition::none()))
                        }
                        Flaw::Body | Flaw::OtherOriginal | Flaw::Original | Flaw::Term => None,
                    };
                    mended.push(write.is_some());
                    writes.extend(write);
                }
                if !self.together(&writes).await? {
                    continue;
                }
                for (flaw, mended) in others.iter().zip(mended) {
                    verified.note(Some(id), flaw.text(), mended);
                }
            }
            if self.mend_terms(book, &head, &shelf, verified).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts the rows of the contact's terms that are not there; false where the contact has changed.
    async fn mend_terms(
        &self,
        book: BookId,
        head: &Head,
        shelf: &Shelf,
        verified: &mut Verified,
    ) -> Result<bool, StoreError> {
        let keys = head.terms.iter();
        let keys = keys.map(|term| keys::term_row(book, term, head.id));
        let lacking: Vec<_> = keys.filter(|key| !shelf.terms.contains(key)).collect();
        for some in lacking.chunks(TERMS) {
            let puts = some.iter().map(|key| {
                let older = Condition::of("attribute_not_exists(pk) OR rev < :rev")
                    .value(":rev", n(head.revision));
                Write::Put(Item::new(key).n("rev", head.revision), older)
            });
            let writes: Vec<_> = [hold(book, head)].into_iter().chain(puts).collect();
            if !self.together(&writes).await? {
                return Ok(false);
            }
            for _ in some {
                verified.note(Some(head.id), Flaw::Term.text(), true);
            }
        }
        Ok(true)
    }

    /// Gives the contact its UID back, unless another contact rightly has it.
    async fn uid_row(
        &self,
        book: BookId,
        head: &Head,
        shelf: &Shelf,
    ) -> Result<Option<Write>, StoreError> {
        let key = keys::uid(book, &head.uid);
        let row = Item::new(&key).s("card", head.id.to_string());
        let Some(there) = shelf.uids.get(&key) else {
            return Ok(Some(Write::Put(row, Condition::absent())));
        };
        let card = there.text("card")?;
        let other = match card.parse() {
            Ok(other) => self.head(book, other).await?,
            Err(_) => None,
        };
        if other.is_some_and(|other| other.uid == head.uid) {
            return Ok(None);
        }
        let still = Condition::of("card = :card").value(":card", s(card));
        Ok(Some(Write::Put(row, still)))
    }

    async fn verify_terms(
        &self,
        book: BookId,
        after: Option<&str>,
        settle: Duration,
    ) -> Result<Verified, StoreError> {
        let (at, sk) = match after.and_then(|after| after.split_once(PART)) {
            Some((at, sk)) => (at.parse().unwrap_or(0), Some(sk)),
            None => (0, None),
        };
        let mut verified = Verified {
            next: Some(format!("log{PART}")),
            ..Verified::default()
        };
        let (mut rows, mut after) = (Vec::new(), sk);
        for (at, partition) in keys::term_partitions(book).enumerate().skip(at) {
            let range = Range::new(partition, ROWS - rows.len()).after(after.take());
            rows.extend(self.table.query(range).await?);
            if let Some(last) = rows.last().filter(|_| rows.len() == ROWS) {
                verified.next = Some(format!("terms{PART}{at}{PART}{}", last.text("sk")?));
                break;
            }
        }
        let unneeded = self.unneeded(book, &rows, Some(&mut verified)).await?;
        if unneeded.is_empty() {
            return Ok(verified);
        }
        tokio::time::sleep(settle).await;
        let again = self.table.batch_get(unneeded).await?;
        for key in self.unneeded(book, &again, None).await? {
            let row = again
                .iter()
                .find(|row| row.key().is_ok_and(|found| found == key));
            let Some(row) = row else { continue };
            let same = Condition::of("rev = :rev").value(":rev", n(row.number::<u64>("rev")?));
            if let Outcome::Done = self.table.write(Write::Delete(key, same)).await? {
                verified.leftovers += 1;
            }
        }
        Ok(verified)
    }

    /// The rows of terms that their contacts do not have. Contacts without a name row are mended, where
    /// that is asked for.
    async fn unneeded(
        &self,
        book: BookId,
        rows: &[Item],
        verified: Option<&mut Verified>,
    ) -> Result<Vec<Key>, StoreError> {
        let mut wanted = Vec::with_capacity(rows.len());
        for row in rows {
            let key = row.key()?;
            let id = keys::contact_of(&key.sk).ok_or(StoreError::Damaged("sk"))?;
            wanted.push((id, key));
        }
        let ids: BTreeSet<_> = wanted.iter().map(|(id, _)| *id).collect();
        let heads = self.heads(book, ids).await?;
        if let Some(verified) = verified {
            let names = heads.values();
            let names = names.map(|head| keys::name_row(book, &head.sort_name, head.id));
            let shown: BTreeSet<ContactId> = self
                .table
                .batch_get(names)
                .await?
                .iter()
                .map(|row| Ok(Listed::read(row)?.id))
                .collect::<Result<_, StoreError>>()?;
            for hidden in heads.keys().filter(|id| !shown.contains(id)) {
                verified.contacts += 1;
                self.mend_one(book, *hidden, verified).await?;
            }
        }
        let has = |id: &ContactId, key: &Key| {
            let head = heads.get(id);
            head.is_some_and(|head| {
                let mut terms = head.terms.iter();
                terms.any(|term| keys::term_row(book, term, *id) == *key)
            })
        };
        Ok(wanted
            .into_iter()
            .filter(|(id, key)| !has(id, key))
            .map(|(_, key)| key)
            .collect())
    }

    /// Counts the contacts while the book stands still.
    async fn verify_count(&self, book: BookId) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        for _ in 0..LOOKS {
            let Some(before) = self.book(book).await? else {
                return Err(StoreError::BookGone);
            };
            let count = self.table.count(&keys::names(book)).await?;
            let same = Condition::of("seq = :seq")
                .value(":seq", n(before.seq))
                .value(":count", n(count));
            if self
                .book(book)
                .await?
                .is_none_or(|after| after.seq != before.seq)
            {
                continue;
            }
            if count == before.contacts {
                return Ok(verified);
            }
            let update = "SET cards = :count".to_owned();
            let write = Write::Update(keys::book(book), update, same);
            if let Outcome::Done = self.table.write(write).await? {
                verified.note(None, "the counter is not the number of contacts", true);
                return Ok(verified);
            }
        }
        // Too busy to be counted; the next job may find a quieter moment.
        Ok(verified)
    }

    /// Whether all of the writes happened; none did where a condition did not hold.
    async fn together(&self, writes: &[Write]) -> Result<bool, StoreError> {
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(writes).await {
                Ok(()) => return Ok(true),
                Err(Cancelled::Refused(_)) => return Ok(false),
                Err(Cancelled::Contended) => backoff.wait().await?,
                Err(Cancelled::Failed(error) | Cancelled::Unknown(error)) => return Err(error),
            }
        }
    }
}

/// Part of a transaction that happens only if the contact, and what it is found by, is still the same.
fn hold(book: BookId, head: &Head) -> Write {
    // A contact that is reindexed keeps its revision.
    let found_by = AttributeValue::L(head.terms.iter().map(|term| s(term.encode())).collect());
    let same =
        Condition::of("rev = :rev AND sort = :sort AND summary = :summary AND terms = :terms")
            .value(":rev", n(head.revision))
            .value(":sort", s(&head.sort_name))
            .value(":summary", s(&head.summary))
            .value(":terms", found_by);
    Write::Check(keys::head(book, head.id), same)
}
