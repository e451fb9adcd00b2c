//! Writing contacts: the order of writes that keeps every reader right at every moment.
//!
//! 1. Rows for the terms that are new, carrying the revision they belong to. Nobody believes them
//!    before the head names them.
//! 2. One transaction, conditional on the book's sequence number: the heads, bodies, UIDs, name rows and
//!    log rows of all cards in it, and the answer to repeat. Who holds the number holds the book: no
//!    other write to it can have happened since the heads were read.
//! 3. Rows of terms that are no longer named are deleted, each only if it is not newer than this write.
//!
//! A crash in between leaves rows of step 1 or 3 that readers filter out. Whether an attempt without a
//! clear answer happened, the log says: the row of the number that was tried names its writer. As long
//! as that number is free, the attempt may still happen; so it is asked whenever the number is found
//! taken.

mod actions;
mod plan;
mod terms;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Instant,
};

use contacts_telemetry as telemetry;
use jiff::Timestamp;

use crate::{
    Store,
    backoff::{Backoff, PATIENCE},
    book::{Numbers, known},
    contact::{Entry, Stored, Term},
    error::StoreError,
    idempotency::{Answer, Claim},
    ids::{BookId, ContactId, WriteId},
    keys,
    table::{Cancelled, Write},
};

use actions::{BOOK_ACTION, changes, uid_taken};
use plan::{Plan, plan_one};

/// A transaction holds at most 100 actions; one is the book's, one may be the record's, and one the
/// outbox's.
const ACTIONS: usize = 97;
/// It holds at most 4 MB; kept below, because sizes here are estimates.
const BYTES: usize = 3 * 1024 * 1024;
/// How many operations are looked at for one transaction: a card takes at least three actions and a
/// log row.
const LOOK_AHEAD: usize = ACTIONS / 4;

/// What is to become of a contact.
#[derive(Debug)]
pub enum Decision {
    /// It becomes this.
    Put(Box<Entry>),
    /// It stays what it is; what it is found by, and shown by in lists, becomes this. Keeps its revision.
    Reindex(Box<Entry>),
    /// It goes.
    Delete,
}

/// Decides from the contact as it stands; asked again whenever another write came first.
pub type Decide<E> = Box<dyn Fn(Option<&Stored>) -> Result<Decision, E> + Send + Sync>;

/// A write to one contact.
pub struct Op<E> {
    /// The contact, or none for a new one.
    pub id: Option<ContactId>,
    /// What is to become of it.
    pub decide: Decide<E>,
}

impl<E> std::fmt::Debug for Op<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Op({:?})", self.id)
    }
}

/// What became of an operation.
#[derive(Debug, Clone)]
pub enum Done<E> {
    /// The contact is new.
    Created(Stored),
    /// The contact changed.
    Updated(Stored),
    /// The contact already was as wanted, and keeps its revision.
    Kept(Stored),
    /// The contact is found by something else now, and keeps its revision.
    Reindexed(Stored),
    /// The contact is gone.
    Deleted(ContactId),
    /// There was no such contact to delete.
    Missing,
    /// The decision was no.
    Refused(E),
    /// Another contact of the book has the UID.
    UidTaken(ContactId),
}

impl<E> Done<E> {
    fn is_written(&self) -> bool {
        matches!(
            self,
            Self::Created(_) | Self::Updated(_) | Self::Reindexed(_) | Self::Deleted(_)
        )
    }
}

/// The record of a request with an `Idempotency-Key`, written along with its changes.
pub struct Record<'a, E> {
    /// The right to carry the request out.
    pub claim: &'a Claim,
    /// The answer, once every operation has an outcome.
    pub answer: &'a (dyn Fn(&[Done<E>]) -> Answer + Sync),
    /// What another process needs to go on after these outcomes.
    pub progress: &'a (dyn Fn(&[Done<E>]) -> Vec<u8> + Sync),
}

impl<E> std::fmt::Debug for Record<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({:?})", self.claim)
    }
}

/// What one call of [`Store::write`] remembers over its transactions.
struct Attempt {
    ids: Vec<ContactId>,
    /// The term rows put so far, and the revision that they carry.
    put: BTreeMap<(ContactId, Term), u64>,
    /// Whether a transaction left something in the book's outbox.
    told: bool,
}

/// An attempt at a transaction that may have happened, or may yet.
struct Tried<E> {
    write: WriteId,
    /// The number that it was conditional on.
    seq: u64,
    plans: Vec<Plan<E>>,
    /// Whether it finishes the record.
    recorded: bool,
    /// Whether it leaves something in the outbox.
    told: bool,
}

impl Store {
    /// Carries out `ops` in order, as many in one transaction as fit it. Each is done or not, and its
    /// outcome says which; after an error those not yet done are not done.
    pub async fn write<E: Clone + Send + Sync>(
        &self,
        book: BookId,
        ops: &[Op<E>],
        record: Option<Record<'_, E>>,
    ) -> Result<Vec<Done<E>>, StoreError> {
        let mut done = Vec::with_capacity(ops.len());
        let mut recorded = false;
        // New contacts keep their identifiers over all attempts.
        let ids = ops
            .iter()
            .map(|op| op.id.unwrap_or_else(ContactId::random))
            .collect();
        let mut attempt = Attempt {
            ids,
            put: BTreeMap::new(),
            told: false,
        };
        while done.len() < ops.len() {
            match self
                .write_some(book, ops, &done, &mut attempt, record.as_ref())
                .await
            {
                Ok((more, finished)) => {
                    done.extend(more);
                    recorded = finished;
                }
                Err(error) => {
                    if let Some(record) = &record {
                        // Another may take over at once, but from what is noted: after an error it is
                        // open what has happened. The error at hand says more than one of tidying up.
                        self.lapse(record.claim).await.ok();
                    }
                    if attempt.told {
                        self.ring(book).await;
                    }
                    return Err(error);
                }
            }
        }
        if attempt.told {
            self.ring(book).await;
        }
        if let Some(record) = record.filter(|_| !recorded) {
            if done.iter().any(Done::is_written) || record.claim.progress.is_some() {
                self.finish(record.claim, &(record.answer)(&done)).await?;
            } else {
                self.release(record.claim).await?;
            }
        }
        Ok(done)
    }

    /// One transaction with as many of the operations after `before` as fit; their outcomes, and
    /// whether it finished the record.
    async fn write_some<E: Clone + Send + Sync>(
        &self,
        book: BookId,
        ops: &[Op<E>],
        before: &[Done<E>],
        attempt: &mut Attempt,
        record: Option<&Record<'_, E>>,
    ) -> Result<(Vec<Done<E>>, bool), StoreError> {
        let desk = self.desks.desk(book);
        let Ok(mut remembered) = tokio::time::timeout(PATIENCE, desk.numbers.lock()).await else {
            return Err(StoreError::Busy(PATIENCE));
        };
        let now = self.now();
        let mut tried: Vec<Tried<E>> = Vec::new();
        let mut taken: HashMap<ContactId, ContactId> = HashMap::new();
        let mut backoff = Backoff::start();
        let (plans, numbers, recorded) = loop {
            let numbers = match known(remembered.take()) {
                Some(numbers) => numbers,
                None => self.numbers(book, &attempt.put).await?,
            };
            let seq = numbers.seq;
            if tried.first().is_some_and(|tried| tried.seq < seq)
                && let Some(won) = self.winner(book, std::mem::take(&mut tried)).await?
            {
                attempt.told |= won.told;
                break (won.plans, numbers, won.recorded);
            }
            let rest = ops.iter().zip(&attempt.ids).skip(before.len());
            let plans = self.plan(book, numbers, rest, &taken, now).await?;
            let write = WriteId::random();
            let changes = changes(seq, &plans);
            if changes.is_empty() {
                break (plans, numbers, false);
            }
            let count = changes.len() as u64;
            let (mut writes, told) = self.transaction(book, numbers, &changes, write, now);
            let last = before.len() + plans.len() == ops.len();
            if let Some(record) = record {
                let outcomes = plans.iter().map(|plan| &plan.done);
                let so_far: Vec<_> = before.iter().chain(outcomes).cloned().collect();
                writes.push(if last {
                    record.claim.finish(&(record.answer)(&so_far), now)
                } else {
                    record.claim.advance(&(record.progress)(&so_far), now)
                });
            }
            self.put_terms(book, &plans, &mut attempt.put).await?;
            let recorded = last && record.is_some();
            match self.table.transact(&writes).await {
                Ok(()) => {
                    attempt.told |= told;
                    let numbers = Numbers {
                        seq: seq + count,
                        ..numbers
                    };
                    break (plans, numbers, recorded);
                }
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Refused(refused)) if refused[0].0 != BOOK_ACTION => {
                    if record.is_some() && refused.iter().any(|(at, _)| *at == writes.len() - 1) {
                        return Err(StoreError::LeaseLost);
                    }
                    let before = taken.len();
                    for (index, item) in refused {
                        taken.extend(uid_taken(&writes, index, item)?);
                    }
                    if taken.len() > before {
                        // Nobody was in the way, and the number is still good.
                        *remembered = Some((numbers, Instant::now()));
                        continue;
                    }
                }
                // Even then it may be this attempt that took the number: the SDK sends it more than
                // once, and what it reports is the fate of the last time.
                Err(Cancelled::Refused(_) | Cancelled::Contended | Cancelled::Unknown(_)) => {
                    tried.push(Tried {
                        write,
                        seq,
                        plans,
                        recorded,
                        told,
                    });
                }
            }
            telemetry::dynamodb_conflict();
            backoff.wait().await?;
        };
        *remembered = Some((numbers, Instant::now()));
        drop(remembered);
        self.delete_leftovers(book, &plans, &attempt.put).await;
        let outcomes = plans.into_iter().map(|plan| plan.done).collect();
        Ok((outcomes, recorded))
    }

    /// The book's numbers. Where it is gone, so are the rows that were put for it.
    async fn numbers(
        &self,
        book: BookId,
        put: &BTreeMap<(ContactId, Term), u64>,
    ) -> Result<Numbers, StoreError> {
        if let Some(book) = self.book(book).await? {
            return Ok(Numbers {
                seq: book.seq,
                base: book.base,
                subscribed: book.subscriptions > 0,
            });
        }
        let rows = put.keys();
        let rows = rows.map(|(contact, term)| keys::term_row(book, term, *contact));
        self.table.delete_all(rows).await?;
        Err(StoreError::BookGone)
    }

    /// The one of the attempts, all at one number, that took it. Called once the number is taken.
    async fn winner<E>(
        &self,
        book: BookId,
        tried: Vec<Tried<E>>,
    ) -> Result<Option<Tried<E>>, StoreError> {
        let Some(seq) = tried.first().map(|tried| tried.seq) else {
            return Ok(None);
        };
        let row = self.table.get(&keys::log_row(book, seq + 1)).await?;
        let Some(row) = row else { return Ok(None) };
        let write = row.text("write")?;
        Ok(tried
            .into_iter()
            .find(|tried| tried.write.to_string() == write))
    }

    /// Decides the first of `ops`, as many as fit one transaction.
    async fn plan<'a, E: Clone + 'a>(
        &self,
        book: BookId,
        numbers: Numbers,
        ops: impl Iterator<Item = (&'a Op<E>, &'a ContactId)>,
        taken: &HashMap<ContactId, ContactId>,
        now: Timestamp,
    ) -> Result<Vec<Plan<E>>, StoreError> {
        let ops: Vec<_> = ops.take(LOOK_AHEAD).collect();
        let current = self
            .current(
                book,
                ops.iter()
                    .filter_map(|(op, _)| op.id)
                    .collect::<HashSet<_>>(),
            )
            .await?;
        let (mut plans, mut actions, mut bytes) = (Vec::<Plan<E>>::new(), 0, 0);
        let mut touched = HashSet::new();
        for (op, id) in ops {
            let stored = current.get(id);
            let plan = match taken.get(id) {
                Some(other) => Plan::nothing(*id, stored, Done::UidTaken(*other)),
                None => plan_one(book, numbers, *id, stored, (op.decide)(stored), now),
            };
            let size: usize = plan.writes.iter().map(Write::size).sum();
            // Two writes to one item cannot share a transaction, and the second must see the first.
            let again = !touched.insert(id.to_string())
                || plan
                    .uid
                    .as_ref()
                    .is_some_and(|uid| !touched.insert(format!("uid {uid}")));
            let full =
                actions + plan.writes.len() + plan.log_rows() > ACTIONS || bytes + size > BYTES;
            if !plans.is_empty() && (again || full) {
                break;
            }
            actions += plan.writes.len() + plan.log_rows();
            bytes += size;
            plans.push(plan);
        }
        Ok(plans)
    }
}
