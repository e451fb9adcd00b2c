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
    keys,
    table::{Cancelled, Condition, Outcome, Range, Write},
};

/// How long a membership or a book's number, once read, may be used without reading it again.
pub(crate) const MEMBERSHIP: Duration = Duration::from_secs(5);
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

    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            seq: self.seq,
            base: self.base,
        }
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
    members: Mutex<HashMap<(String, BookId), Instant>>,
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

    fn is_member(&self, who: &str, book: BookId) -> bool {
        let members = self.members.lock().expect("no holder panics");
        members
            .get(&(who.to_owned(), book))
            .is_some_and(|at| at.elapsed() < MEMBERSHIP)
    }

    fn remember(&self, who: &str, book: BookId) {
        let mut members = self.members.lock().expect("no holder panics");
        if members.len() > REMEMBERED {
            members.retain(|_, at| at.elapsed() < MEMBERSHIP);
        }
        members.insert((who.to_owned(), book), Instant::now());
    }

    fn forget(&self, book: BookId) {
        self.members
            .lock()
            .expect("no holder panics")
            .retain(|(_, member), _| *member != book);
    }
}

/// What a writer must know of a book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// The last number taken.
    pub(crate) seq: u64,
    /// See [`Book::base`].
    pub(crate) base: u64,
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
            .map(|item| Book::read(id, &item))
            .transpose()
    }

    /// Whether `who` may use the book. A yes is remembered for five seconds in this process.
    pub async fn is_member(&self, who: &str, book: BookId) -> Result<bool, StoreError> {
        if self.desks.is_member(who, book) {
            return Ok(true);
        }
        let member = self.table.get(&keys::member(who, book)).await?.is_some();
        if member {
            self.desks.remember(who, book);
        }
        Ok(member)
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
            books.push(Book::read(book_id(&item)?, &item)?);
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
            .value(":old", n(book.revision))
            .value(":title", s(name))
            .value(":rev", n(renamed.revision))
            .value(":now", n(now.as_millisecond()));
        let update = "SET title = :title, rev = :rev, updated = :now".to_owned();
        match self
            .table
            .write(Write::Update(keys::book(book.id), update, condition))
            .await?
        {
            Outcome::Done => Ok(Some(renamed)),
            // Our own write after a lost answer, if it is what we meant to write, to the millisecond.
            Outcome::Refused(Some(item)) => {
                let now = Book::read(book.id, &item)?;
                let ours = now.revision == renamed.revision
                    && now.name == renamed.name
                    && now.updated == renamed.updated;
                Ok(ours.then_some(now))
            }
            Outcome::Refused(None) => Ok(None),
        }
    }

    /// Deletes the book if it is empty and still at `revision`.
    pub async fn delete_book(&self, owner: &str, book: &Book) -> Result<Deletion, StoreError> {
        let condition = Condition::of("rev = :rev AND cards = :none")
            .value(":rev", n(book.revision))
            .value(":none", n(0));
        let writes = [
            Write::Delete(keys::book(book.id), condition),
            Write::Delete(keys::member(owner, book.id), Condition::none()),
        ];
        let mut backoff = Backoff::start();
        let deletion = loop {
            match self.table.transact(&writes).await {
                Ok(()) => break Deletion::Done,
                Err(Cancelled::Refused(refused)) => {
                    let Some((_, Some(item))) = refused.first() else {
                        break Deletion::Done;
                    };
                    let now = Book::read(book.id, item)?;
                    break if now.revision == book.revision {
                        Deletion::NotEmpty
                    } else {
                        Deletion::Changed
                    };
                }
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        };
        self.desks.forget(book.id);
        Ok(deletion)
    }

    /// Begins a new epoch in every book: to be called once after the table was brought back to an
    /// earlier state. Readers of the change feed begin anew, and no revision comes a second time.
    pub async fn begin_epoch(&self) -> Result<(), StoreError> {
        let mut books = Vec::new();
        self.table
            .scan(|item| {
                if book_id(&item).is_ok() {
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

fn book_id(item: &Item) -> Result<BookId, StoreError> {
    let id = item.text("pk")?.strip_prefix("B#");
    id.and_then(|id| id.parse().ok())
        .ok_or(StoreError::Damaged("pk"))
}
