//! Creating, changing and deleting single contacts.

use std::sync::Arc;

use contacts_store::{Answer, Claim, ContactId, Decision, Done, Op, Record, Stored};

use crate::{
    BookId, BookRef, Contacts, Draft,
    error::{Error, Result},
};

/// A contact as callers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The book that it is in.
    pub book: BookId,
    /// Its head and its card as JSON.
    pub stored: Stored,
}

/// Whether a revision (or the absence of one) is what the caller wants to change.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn(Option<u64>) -> bool + Send + Sync>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// Lets through what `allows` says.
    pub fn new(allows: impl Fn(Option<u64>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Lets everything through.
    pub fn open() -> Self {
        Self::new(|_| true)
    }

    pub(crate) fn allow(&self, revision: Option<u64>) -> Result<()> {
        if (self.0)(revision) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed(revision))
        }
    }
}

/// A claimed `Idempotency-Key` and the answer that its repeat is to get.
pub struct Recorded<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// Makes the answer from the new contact.
    pub answer: &'a (dyn Fn(&Contact) -> Answer + Sync),
}

impl std::fmt::Debug for Recorded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorded")
    }
}

/// Puts `draft` where `id` is, if `guard` lets it. It is read here, once, and what is wrong with it said
/// after what is wrong with the contact.
pub(crate) fn replace(id: ContactId, draft: Draft, guard: Guard) -> Op<Error> {
    let reading = draft.read();
    Op {
        id: Some(id),
        decide: Box::new(move |stored| {
            let stored = stored.ok_or(Error::ContactNotFound)?;
            guard.allow(Some(stored.head.revision))?;
            let reading = reading.as_ref().map_err(Clone::clone)?;
            reading.of(stored).map(Box::new).map(Decision::Put)
        }),
    }
}

/// Makes a new contact of `draft`. A draft that is no card is refused here, once.
pub(crate) fn create(draft: Draft) -> Result<Op<Error>> {
    let entry = draft.read()?.of_nothing()?;
    Ok(Op {
        id: None,
        decide: Box::new(move |_| Ok(Decision::Put(Box::new(entry.clone())))),
    })
}

/// Deletes `id`, if `guard` lets it.
pub(crate) fn delete(id: ContactId, guard: Guard) -> Op<Error> {
    Op {
        id: Some(id),
        decide: Box::new(move |stored| {
            let stored = stored.ok_or(Error::ContactNotFound)?;
            guard.allow(Some(stored.head.revision))?;
            Ok(Decision::Delete)
        }),
    }
}

impl Contacts {
    /// Creates a contact.
    pub async fn create(
        &self,
        who: &str,
        book: BookRef,
        draft: Draft,
        recorded: Option<Recorded<'_>>,
    ) -> Result<Contact> {
        let prepared = async {
            let book = self.enter(who, book).await?;
            Ok((book, create(draft)?))
        };
        let (book, op) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                if let Some(recorded) = recorded {
                    // The error at hand says more than one of tidying up.
                    self.store.release(recorded.claim).await.ok();
                }
                return Err(error);
            }
        };
        let done = match recorded {
            None => self.store.write(book, &[op], None).await?,
            Some(Recorded { claim, answer }) => {
                let answer = |done: &[Done<Error>]| match done {
                    [Done::Created(stored)] => answer(&Contact {
                        book,
                        stored: stored.clone(),
                    }),
                    _ => unreachable!("a single creation that was written has created one contact"),
                };
                let progress = |_: &[Done<Error>]| Vec::new();
                let record = Record {
                    claim,
                    answer: &answer,
                    progress: &progress,
                };
                self.store.write(book, &[op], Some(record)).await?
            }
        };
        one(book, done)
    }

    /// Changes a contact to `draft`: a whole card, a vCard or a patch.
    pub async fn change(
        &self,
        who: &str,
        book: BookRef,
        id: ContactId,
        draft: Draft,
        guard: Guard,
    ) -> Result<Contact> {
        let book = self.enter(who, book).await?;
        one(
            book,
            self.store
                .write(book, &[replace(id, draft, guard)], None)
                .await?,
        )
    }

    /// Deletes a contact.
    pub async fn delete(
        &self,
        who: &str,
        book: BookRef,
        id: ContactId,
        guard: Guard,
    ) -> Result<()> {
        let book = self.enter(who, book).await?;
        let done = self.store.write(book, &[delete(id, guard)], None).await?;
        match done.into_iter().next() {
            Some(Done::Refused(error)) => Err(error),
            Some(Done::Deleted(_)) => Ok(()),
            _ => Err(Error::ContactNotFound),
        }
    }
}

fn one(book: BookId, done: Vec<Done<Error>>) -> Result<Contact> {
    match done.into_iter().next() {
        Some(
            Done::Created(stored)
            | Done::Updated(stored)
            | Done::Kept(stored)
            | Done::Reindexed(stored),
        ) => Ok(Contact { book, stored }),
        Some(Done::UidTaken(other)) => Err(Error::UidTaken(other)),
        Some(Done::Refused(error)) => Err(error),
        Some(Done::Deleted(_) | Done::Missing) | None => Err(Error::ContactNotFound),
    }
}
