//! Books.

use contacts_store::{Book, BookId, Deletion, Job, NewJob, Recording};

use crate::{
    Contacts, Guard,
    error::{Error, Result},
};

/// The name of a default book until its owner gives another.
const DEFAULT_NAME: &str = "Contacts";

/// How a caller names a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookRef {
    /// The caller's default book, made on first use.
    Default,
    /// This one.
    Id(BookId),
}

impl Contacts {
    /// The default book of `who`: the same identifier each time, so that nobody need look it up.
    fn default_book(who: &str) -> BookId {
        BookId::derived(&["default book", who])
    }

    /// The book's identifier, if it is the caller's. Makes the default book on first use.
    pub(crate) async fn enter(&self, who: &str, book: BookRef) -> Result<BookId> {
        let (id, default) = match book {
            BookRef::Default => (Self::default_book(who), true),
            BookRef::Id(id) => (id, id == Self::default_book(who)),
        };
        let text = id.to_string();
        let miss = match self.members.recall(&[who, &text]).await {
            Ok(()) => return Ok(id),
            Err(miss) => miss,
        };
        if self.store.is_member(who, id).await? {
            self.members.keep(miss, &()).await;
            return Ok(id);
        }
        if !default {
            return Err(Error::BookNotFound);
        }
        self.store.create_book(who, id, DEFAULT_NAME, None).await?;
        Ok(id)
    }

    /// The caller's books in the order of their identifiers, after `after`, at most `limit`. The
    /// default book is among them from the first look.
    pub async fn books(
        &self,
        who: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Book>, Option<String>)> {
        let scope = ["books", who];
        let after = after
            .map(|cursor| crate::cursor::decode(&scope, cursor))
            .transpose()?;
        let after = after
            .map(|id| id.parse().map_err(|_| Error::InvalidCursor))
            .transpose()?;
        self.enter(who, BookRef::Default).await?;
        let mut books = self.store.books(who, after, limit + 1).await?;
        let more = books.len() > limit;
        books.truncate(limit);
        let last = books.last().filter(|_| more);
        let next = last.map(|book| crate::cursor::encode(&scope, &book.id.to_string()));
        Ok((books, next))
    }

    /// Creates a book. `answer` is what a repeat of the request is to get.
    pub async fn create_book(
        &self,
        who: &str,
        name: &str,
        record: Option<Recording<'_, Book>>,
    ) -> Result<Book> {
        let created = self
            .store
            .create_book(who, BookId::random(), name, record)
            .await;
        if created.is_err()
            && let Some((claim, _)) = record
        {
            // The error at hand says more than one of tidying up.
            self.store.release(claim).await.ok();
        }
        Ok(created?)
    }

    /// The book.
    pub async fn book(&self, who: &str, book: BookRef) -> Result<Book> {
        let id = self.enter(who, book).await?;
        self.store.book(id).await?.ok_or(Error::BookNotFound)
    }

    /// Gives the book a new name; the same one changes nothing.
    pub async fn rename_book(
        &self,
        who: &str,
        book: BookRef,
        name: &str,
        guard: &Guard,
    ) -> Result<Book> {
        loop {
            let book = self.book(who, book).await?;
            guard.allow(Some(book.revision))?;
            if book.name == name {
                return Ok(book);
            }
            if let Some(renamed) = self.store.rename_book(&book, name).await? {
                return Ok(renamed);
            }
        }
    }

    /// Deletes a book that is not the default one. One that holds or held contacts is deleted for
    /// everybody at once, and `job` makes the job that removes what it left.
    pub async fn delete_book(
        &self,
        who: &str,
        book: BookRef,
        guard: &Guard,
        job: impl Fn(&Book) -> NewJob,
    ) -> Result<Option<Job>> {
        loop {
            let book = self.book(who, book).await?;
            guard.allow(Some(book.revision))?;
            if book.id == Self::default_book(who) {
                return Err(Error::DefaultBook);
            }
            let job = if book.is_untouched() {
                match self.store.delete_book(who, &book).await? {
                    Deletion::Done => None,
                    Deletion::NotEmpty | Deletion::Changed => continue,
                }
            } else {
                let job = job(&book);
                let Some(job) = self.store.delete_book_by(who, &book, &job).await? else {
                    continue;
                };
                Some(job)
            };
            self.members.forget(&[who, &book.id.to_string()]).await;
            return Ok(job);
        }
    }
}
