//! Books and who may use them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    Store,
    backoff::Backoff,
    error::StoreError,
    idempotency::Recording,
    ids::BookId,
    item::{Item, n, s, time},
    job::{self, Job, NewJob},
    keys,
    outbox::{self, Told},
    table::{Cancelled, Condition, Outcome, Range, Write},
};

/// How long a book's numbers, once read, may be used without reading them again.
const NUMBERS: Duration = Duration::from_secs(1);

/// An address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The book.
    pub id: BookId,
    /// Its name, as its owner gave it.
    pub name: String,
    /// Grows by one when the book itself changes; contacts leave it alone.
    pub revision: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it itself last changed.
    pub updated: Timestamp,
    /// How many contacts it holds.
    pub contacts: u64,
    /// The number of the last change to its contacts.
    pub seq: u64,
    /// Numbers and revisions given out from now on are above this one, and its log begins after it:
    /// what was given out before a restore, and lost in it, never comes again with another meaning.
    pub(crate) base: u64,
    /// How many subscriptions there are to it.
    pub subscriptions: u64,
}

impl Book {
    fn item(&self, owner: &str) -> Item {
        Item::new(&keys::book(self.id))
            .s("title", &self.name)
            .s("owned_by", owner)
            .n("rev", self.revision)
            .n("created", self.created.as_millisecond())
            .n("updated", self.updated.as_millisecond())
            .n("cards", self.contacts)
            .n("seq", self.seq)
            .n("base_seq", self.base)
    }

    /// Whether it never held a contact, since it was made or last brought back.
    pub fn is_untouched(&self) -> bool {
        self.seq == self.base && self.contacts == 0
    }

    pub(crate) fn read(id: BookId, item: &Item) -> Result<Self, StoreError> {
        Ok(Self {
            id,
            name: item.text("title")?.to_owned(),
            revision: item.number("rev")?,
            created: time(item, "created")?,
            updated: time(item, "updated")?,
            contacts: item.number("cards")?,
            seq: item.number("seq")?,
            // Books of the first version have none.
            base: if item.has("base_seq") {
                item.number("base_seq")?
            } else {
                0
            },
            subscriptions: if is_subscribed(item) {
                item.number("subscribed")?
            } else {
                0
            },
        })
    }
}

/// What became of a request to delete a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Done,
    /// It still holds contacts and stays.
    NotEmpty,
    /// It changed since the revision that was asked for.
    Changed,
}

/// Writes to one book queue here within a process: the losers of a conflict in the table are
/// cancelled, not queued, and cost units.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The book's numbers, and when they were known.
    pub(crate) numbers: tokio::sync::Mutex<Option<(Numbers, Instant)>>,
}

/// What a process remembers of books, for seconds.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    desks: Mutex<HashMap<BookId, Arc<Desk>>>,
}

/// Above this many, what is not in use is dropped.
const REMEMBERED: usize = 10_000;

impl Desks {
    pub(crate) fn desk(&self, book: BookId) -> Arc<Desk> {
        let mut desks = self.desks.lock().expect("no holder panics");
        if desks.len() > REMEMBERED {
            desks.retain(|_, desk| Arc::strong_count(desk) > 1);
        }
        desks.entry(book).or_default().clone()
    }
}

/// What a writer must know of a book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// The last number taken.
    pub(crate) seq: u64,
    /// See [`Book::base`].
    pub(crate) base: u64,
    /// Whether somebody wants to know of changes.
    pub(crate) subscribed: bool,
}

pub(crate) fn known(numbers: Option<(Numbers, Instant)>) -> Option<Numbers> {
    numbers
        .filter(|(_, at)| at.elapsed() < NUMBERS)
        .map(|(numbers, _)| numbers)
}

impl Store {
    /// The book, or none. Says nothing about who may see it.
    pub async fn book(&self, id: BookId) -> Result<Option<Book>, StoreError> {
        self.table
            .get(&keys::book(id))
            .await?
            .filter(|item| !is_deleted(item))
            .map(|item| Book::read(id, &item))
            .transpose()
    }

    /// Whether `who` may use the book.
    pub async fn is_member(&self, who: &str, book: BookId) -> Result<bool, StoreError> {
        let member = self.table.get(&keys::member(who, book)).await?;
        Ok(member.is_some())
    }

    /// Creates a book for `owner`; where it exists already, gives it as it stands. `answer` is what a
    /// repeat of the request is to get.
    pub async fn create_book(
        &self,
        owner: &str,
        id: BookId,
        name: &str,
        record: Option<Recording<'_, Book>>,
    ) -> Result<Book, StoreError> {
        let now = self.now();
        let book = Book {
            id,
            name: name.to_owned(),
            revision: 1,
            created: now,
            updated: now,
            contacts: 0,
            seq: 0,
            base: 0,
            subscriptions: 0,
        };
        let member = Item::new(&keys::member(owner, id)).s("role", "owner");
        let mut writes = vec![
            Write::Put(book.item(owner), Condition::absent()),
            Write::Put(member, Condition::none()),
        ];
        if let Some((claim, answer)) = record {
            writes.push(claim.finish(&answer(&book), now));
        }
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => return Ok(book),
                Err(Cancelled::Refused(refused)) => match refused.first() {
                    // Another's, or our own after a lost answer: the name tells no difference.
                    Some((0, Some(item))) => return Book::read(id, item),
                    Some((2, _)) => return Err(StoreError::LeaseLost),
                    _ => backoff.wait().await?,
                },
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// The books of `who` in the order of their identifiers, after `position`, at most `limit`.
    pub async fn books(
        &self,
        who: &str,
        after: Option<BookId>,
        limit: usize,
    ) -> Result<Vec<Book>, StoreError> {
        let after = after.map(|book| keys::member(who, book).sk);
        let range = Range::new(keys::principal(who), limit)
            .prefix(keys::MEMBER)
            .after(after.as_deref());
        let ids = self.table.query(range).await?;
        let ids = ids.iter().map(|item| {
            let id = item
                .text("sk")?
                .strip_prefix(keys::MEMBER)
                .and_then(|id| id.parse().ok());
            id.ok_or(StoreError::Damaged("sk"))
        });
        let ids = ids.collect::<Result<Vec<BookId>, _>>()?;
        let mut books = Vec::with_capacity(ids.len());
        for item in self
            .table
            .batch_get(ids.iter().map(|id| keys::book(*id)))
            .await?
        {
            if !is_deleted(&item) {
                books.push(Book::read(book_id(&item)?, &item)?);
            }
        }
        books.sort_by_key(|book| book.id);
        Ok(books)
    }

    /// Gives the book a new name if it still is at `revision`; none where it no longer is.
    pub async fn rename_book(&self, book: &Book, name: &str) -> Result<Option<Book>, StoreError> {
        let now = self.now();
        let renamed = Book {
            name: name.to_owned(),
            revision: book.revision + 1,
            updated: now,
            ..book.clone()
        };
        let condition = Condition::of("rev = :old")
            .and(outbox::flag(book.subscriptions > 0))
            .value(":old", n(book.revision))
            .value(":title", s(name))
            .value(":rev", n(renamed.revision))
            .value(":now", n(now.as_millisecond()));
        let update = "SET title = :title, rev = :rev, updated = :now".to_owned();
        let rename = Write::Update(keys::book(book.id), update, condition);
        let outcome = if book.subscriptions > 0 {
            let told = Told::Renamed(renamed.revision, name.to_owned());
            self.all_or_none(&[rename, outbox::row(book.id, book.seq, &told, now)])
                .await?
        } else {
            self.table.write(rename).await?
        };
        let renamed = match outcome {
            Outcome::Done => Some(renamed),
            // Our own write after a lost answer, if it is what we meant to write, to the millisecond.
            Outcome::Refused(Some(item)) if !is_deleted(&item) => {
                let now = Book::read(book.id, &item)?;
                let ours = now.revision == renamed.revision
                    && now.name == renamed.name
                    && now.updated == renamed.updated;
                ours.then_some(now)
            }
            Outcome::Refused(_) => None,
        };
        if renamed.is_some() && book.subscriptions > 0 {
            self.ring(book.id).await;
        }
        Ok(renamed)
    }

    /// A transaction, tried again until it happens or the condition of its first action does not hold.
    pub(crate) async fn all_or_none(&self, writes: &[Write]) -> Result<Outcome, StoreError> {
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(writes).await {
                Ok(()) => return Ok(Outcome::Done),
                Err(Cancelled::Refused(refused)) => {
                    let first = refused.into_iter().next();
                    return Ok(Outcome::Refused(first.and_then(|(_, item)| item)));
                }
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// Deletes the book if it is empty and still at `revision`.
    pub async fn delete_book(&self, owner: &str, book: &Book) -> Result<Deletion, StoreError> {
        let condition = Condition::of("rev = :rev AND cards = :none")
            .and(outbox::flag(book.subscriptions > 0))
            .value(":rev", n(book.revision))
            .value(":none", n(0));
        let mut writes = vec![
            Write::Delete(keys::book(book.id), condition),
            Write::Delete(keys::member(owner, book.id), Condition::none()),
        ];
        writes.extend(self.news_of_deletion(book));
        let deletion = match self.all_or_none(&writes).await? {
            Outcome::Refused(Some(item)) if !is_deleted(&item) => {
                let now = Book::read(book.id, &item)?;
                if now.revision == book.revision && now.contacts > 0 {
                    Deletion::NotEmpty
                } else {
                    Deletion::Changed
                }
            }
            Outcome::Done | Outcome::Refused(_) => Deletion::Done,
        };
        if deletion == Deletion::Done && book.subscriptions > 0 {
            self.ring(book.id).await;
        }
        Ok(deletion)
    }

    fn news_of_deletion(&self, book: &Book) -> Option<Write> {
        let row = outbox::row(book.id, book.seq, &Told::BookDeleted, self.now());
        (book.subscriptions > 0).then_some(row)
    }

    /// Marks a book with contacts as deleted, which it is from then on for everybody, and creates the
    /// job that deletes what it holds; if it still is at its revision, else none.
    pub async fn delete_book_by(
        &self,
        owner: &str,
        book: &Book,
        job: &NewJob,
    ) -> Result<Option<Job>, StoreError> {
        let (created, writes) = job::creation(job, self.now());
        // Without its numbers no write to the book can happen any more.
        let mark = "SET deleted_by = :job REMOVE seq, rev".to_owned();
        let condition = Condition::of("rev = :rev")
            .and(outbox::flag(book.subscriptions > 0))
            .value(":rev", n(book.revision))
            .value(":job", s(job.id.to_string()));
        let mut actions = vec![
            Write::Update(keys::book(book.id), mark, condition),
            Write::Delete(keys::member(owner, book.id), Condition::none()),
        ];
        actions.extend(writes);
        actions.extend(self.news_of_deletion(book));
        let deleted = match self.all_or_none(&actions).await? {
            Outcome::Done => Some(created),
            Outcome::Refused(item) => {
                // Ours after a lost answer, if it names our job.
                let by = item.as_ref().map(|item| item.opt_text("deleted_by"));
                let ours = by.transpose()?.flatten() == Some(&job.id.to_string());
                ours.then_some(created)
            }
        };
        if deleted.is_some() && book.subscriptions > 0 {
            self.ring(book.id).await;
        }
        Ok(deleted)
    }

    /// Begins a new epoch in every book: to be called once after the table was brought back to an
    /// earlier state. Readers of the change feed begin anew, and no revision comes a second time.
    pub async fn begin_epoch(&self) -> Result<(), StoreError> {
        let mut books = Vec::new();
        self.table
            .scan(|item| {
                if book_id(&item).is_ok() && !is_deleted(&item) {
                    books.push(item);
                }
            })
            .await?;
        let now = self.now().as_millisecond().unsigned_abs();
        for item in books {
            let book = Book::read(book_id(&item)?, &item)?;
            // Numbers and revisions count single changes, so none can have come near the time.
            let base = now.max(book.seq + 1).max(book.revision + 1);
            let update = "SET seq = :base, base_seq = :base, rev = :base".to_owned();
            let value = Condition::none().value(":base", n(base));
            self.table
                .write(Write::Update(keys::book(book.id), update, value))
                .await?;
        }
        Ok(())
    }
}

/// Whether a book is marked as deleted: then it exists for nobody but the job that empties it.
pub(crate) fn is_deleted(item: &Item) -> bool {
    item.has("deleted_by")
}

/// Whether somebody wants to know what happens to the book.
pub(crate) fn is_subscribed(item: &Item) -> bool {
    item.has("subscribed")
}

fn book_id(item: &Item) -> Result<BookId, StoreError> {
    let id = item.text("pk")?.strip_prefix("B#");
    id.and_then(|id| id.parse().ok())
        .ok_or(StoreError::Damaged("pk"))
}
