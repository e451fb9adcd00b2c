//! Many writes in one request, each with an outcome of its own.

use contacts_store::{Answer, Claim, ContactId, Done, Op, Record};
use serde::{Deserialize, Serialize};

use crate::{
    BookRef, Contacts, Draft, Guard,
    contacts::{create, delete, replace},
    error::{Error, Result},
};

/// One write of a batch.
#[derive(Debug)]
pub enum BatchOp {
    /// A new contact.
    Create(Draft),
    /// A contact becomes this.
    Update(ContactId, Draft, Guard),
    /// A contact goes.
    Delete(ContactId, Guard),
    /// The item was not readable, for the reason given.
    Refused(Error),
}

/// What became of one write of a batch.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The contact is new, at revision 1.
    Created(ContactId),
    /// The contact is at this revision now.
    Updated(ContactId, u64),
    /// The contact is gone.
    Deleted(ContactId),
    /// Nothing happened.
    Refused(Error),
}

/// How far a batch has come: what its outcomes look like to the caller, in order. Opaque here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Position {
    /// The outcomes so far, as the caller renders them.
    pub items: Vec<serde_json::Value>,
}

impl Contacts {
    /// Carries out `ops` in order. With a claim, what an earlier holder had done already is taken over:
    /// `render` turns an outcome into what the answer says of it, and `answer` makes the answer of all.
    pub async fn batch(
        &self,
        who: &str,
        book: BookRef,
        ops: Vec<BatchOp>,
        claim: Option<&Claim>,
        render: &(dyn Fn(&Outcome) -> serde_json::Value + Sync),
        answer: &(dyn Fn(Position) -> Answer + Sync),
    ) -> Result<Answer> {
        let book = match self.enter(who, book).await {
            Ok(book) => book,
            Err(error) => {
                if let Some(claim) = claim {
                    // The error at hand says more than one of tidying up.
                    self.store.release(claim).await.ok();
                }
                return Err(error);
            }
        };
        let before = claim.and_then(|claim| claim.progress.as_deref());
        let before: Position = before
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        let mut prepared: Vec<Op<Error>> = Vec::new();
        for next in ops.into_iter().skip(before.items.len()) {
            prepared.push(op(next));
            // A card takes milliseconds to read. In between, other requests and this one's time-out
            // have their turn; the write that follows finds all cards read.
            tokio::task::yield_now().await;
        }
        let position = |done: &[Done<Error>]| {
            let mut position = before.clone();
            position
                .items
                .extend(done.iter().map(|done| render(&outcome(done))));
            position
        };
        let finish = |done: &[Done<Error>]| answer(position(done));
        let progress = |done: &[Done<Error>]| {
            serde_json::to_vec(&position(done)).expect("outcomes are plain JSON")
        };
        let record = claim.map(|claim| Record {
            claim,
            answer: &finish,
            progress: &progress,
        });
        let done = self.store.write(book, &prepared, record).await?;
        Ok(finish(&done))
    }
}

fn op(op: BatchOp) -> Op<Error> {
    match op {
        BatchOp::Create(draft) => create(draft).unwrap_or_else(refused),
        BatchOp::Update(id, draft, guard) => replace(id, draft, guard),
        BatchOp::Delete(id, guard) => delete(id, guard),
        BatchOp::Refused(error) => refused(error),
    }
}

fn refused(error: Error) -> Op<Error> {
    Op {
        id: None,
        decide: Box::new(move |_| Err(error.clone())),
    }
}

fn outcome(done: &Done<Error>) -> Outcome {
    match done {
        Done::Created(stored) => Outcome::Created(stored.head.id),
        Done::Updated(stored) | Done::Kept(stored) | Done::Reindexed(stored) => {
            Outcome::Updated(stored.head.id, stored.head.revision)
        }
        Done::Deleted(id) => Outcome::Deleted(*id),
        Done::Missing => Outcome::Refused(Error::ContactNotFound),
        Done::Refused(error) => Outcome::Refused(error.clone()),
        Done::UidTaken(other) => Outcome::Refused(Error::UidTaken(*other)),
    }
}
