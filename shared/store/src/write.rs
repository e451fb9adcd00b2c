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

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

use contacts_telemetry as telemetry;
use jiff::Timestamp;

use crate::{
    Store,
    backoff::{Backoff, PATIENCE},
    book::known_seq,
    contact::{Entry, Head, Stored, Term, Version, inflate_text, original_digest, rows},
    error::StoreError,
    idempotency::{Answer, Claim},
    ids::{BookId, ContactId, WriteId},
    item::{Item, n},
    keys::{self, Key},
    log::{self, Change},
    table::{Cancelled, Condition, Write},
};

/// A transaction holds at most 100 actions; one is the book's and one may be the record's.
const ACTIONS: usize = 98;
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
        matches!(self, Self::Created(_) | Self::Updated(_) | Self::Deleted(_))
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

/// One operation with all that it takes to carry it out.
struct Plan<E> {
    writes: Vec<Write>,
    id: ContactId,
    uid: Option<String>,
    base: Option<Head>,
    terms: BTreeSet<Term>,
    revision: u64,
    done: Done<E>,
}

/// What one call of [`Store::write`] remembers over its transactions.
struct Attempt {
    ids: Vec<ContactId>,
    /// The term rows put so far, and the revision that they carry.
    put: BTreeMap<(ContactId, Term), u64>,
}

/// An attempt at a transaction that may have happened, or may yet.
struct Tried<E> {
    write: WriteId,
    /// The number that it was conditional on.
    seq: u64,
    plans: Vec<Plan<E>>,
    /// Whether it finishes the record.
    recorded: bool,
}

/// Where the book's action stands: its refusal says that another write came first.
const BOOK_ACTION: usize = 0;

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
                    return Err(error);
                }
            }
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
        let Ok(mut known) = tokio::time::timeout(PATIENCE, desk.seq.lock()).await else {
            return Err(StoreError::Busy(PATIENCE));
        };
        let now = self.now();
        let mut tried: Vec<Tried<E>> = Vec::new();
        let mut taken: HashMap<ContactId, ContactId> = HashMap::new();
        let mut backoff = Backoff::start();
        let (plans, seq, recorded) = loop {
            let seq = match known_seq(known.take()) {
                Some(seq) => seq,
                None => self.book(book).await?.ok_or(StoreError::BookGone)?.seq,
            };
            if tried.first().is_some_and(|tried| tried.seq < seq)
                && let Some(won) = self.winner(book, std::mem::take(&mut tried)).await?
            {
                break (won.plans, seq, won.recorded);
            }
            let rest = ops.iter().zip(&attempt.ids).skip(before.len());
            let plans = self.plan(book, rest, &taken, now).await?;
            let write = WriteId::random();
            let (mut writes, count) = self.transaction(book, seq, &plans, write, now);
            if count == 0 {
                break (plans, seq, false);
            }
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
                Ok(()) => break (plans, seq + count, recorded),
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
                        *known = Some((seq, Instant::now()));
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
                    });
                }
            }
            telemetry::dynamodb_conflict();
            backoff.wait().await?;
        };
        *known = Some((seq, Instant::now()));
        drop(known);
        self.delete_leftovers(book, &plans, &attempt.put).await;
        let outcomes = plans.into_iter().map(|plan| plan.done).collect();
        Ok((outcomes, recorded))
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
                None => plan_one(book, *id, stored, (op.decide)(stored), now),
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

    /// The contacts among `ids` that exist, with their cards.
    pub(crate) async fn current(
        &self,
        book: BookId,
        ids: impl IntoIterator<Item = ContactId>,
    ) -> Result<HashMap<ContactId, Stored>, StoreError> {
        let mut heads = self.heads(book, ids).await?;
        let apart = heads.values().filter(|head| head.inline.is_none());
        let keys: Vec<_> = apart.map(|head| keys::body(book, head.id)).collect();
        let mut bodies = HashMap::new();
        for item in self.table.batch_get(keys).await? {
            let id = contact_id(&item.key()?)?;
            bodies.insert(id, (item.number::<u64>("rev")?, item));
        }
        let mut stored = HashMap::with_capacity(heads.len());
        for (id, head) in heads.drain() {
            let json = match (&head.inline, bodies.get(&id)) {
                (Some(inline), _) => inflate_text(inline)?,
                (None, Some((revision, item))) if *revision == head.revision => {
                    inflate_text(item.bytes("json")?)?
                }
                // Changed between the two reads: read it again, head first.
                _ => match self.contact(book, id).await? {
                    Some(contact) => {
                        stored.insert(id, contact);
                        continue;
                    }
                    None => continue,
                },
            };
            stored.insert(id, Stored { head, json });
        }
        Ok(stored)
    }

    /// The heads among `ids` that exist.
    pub(crate) async fn heads(
        &self,
        book: BookId,
        ids: impl IntoIterator<Item = ContactId>,
    ) -> Result<HashMap<ContactId, Head>, StoreError> {
        let items = self
            .table
            .batch_get(ids.into_iter().map(|id| keys::head(book, id)))
            .await?;
        items
            .iter()
            .map(|item| {
                let id = contact_id(&item.key()?)?;
                Ok((id, Head::read(id, item)?))
            })
            .collect()
    }

    /// The actions of `plans`, the book's first, and how many numbers they take.
    fn transaction<E>(
        &self,
        book: BookId,
        seq: u64,
        plans: &[Plan<E>],
        write: WriteId,
        now: Timestamp,
    ) -> (Vec<Write>, u64) {
        let (mut next, mut delta) = (seq, 0_i64);
        let mut writes = Vec::new();
        for plan in plans.iter().filter(|plan| plan.done.is_written()) {
            next += 1;
            let revision = match plan.done {
                Done::Deleted(_) => None,
                _ => Some(plan.revision),
            };
            delta += match plan.done {
                Done::Created(_) => 1,
                Done::Deleted(_) => -1,
                _ => 0,
            };
            let change = Change {
                seq: next,
                id: plan.id,
                revision,
            };
            let row = log::row(book, change, write, now, self.log_life());
            writes.extend(plan.writes.iter().cloned());
            writes.push(Write::Put(row, Condition::absent()));
        }
        let mine = Condition::of("seq = :seq")
            .value(":seq", n(seq))
            .value(":next", n(next))
            .value(":delta", n(delta));
        let update = "SET seq = :next, cards = cards + :delta".to_owned();
        writes.insert(BOOK_ACTION, Write::Update(keys::book(book), update, mine));
        (writes, next - seq)
    }

    /// Puts the rows of terms that the heads do not name yet.
    async fn put_terms<E>(
        &self,
        book: BookId,
        plans: &[Plan<E>],
        put: &mut BTreeMap<(ContactId, Term), u64>,
    ) -> Result<(), StoreError> {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for plan in plans {
            let old = plan.base.as_ref().map(|head| &head.terms);
            for term in plan
                .terms
                .iter()
                .filter(|term| old.is_none_or(|old| !old.contains(term)))
            {
                if put.insert((plan.id, term.clone()), plan.revision) == Some(plan.revision) {
                    continue;
                }
                let row = Item::new(&keys::term_row(book, term, plan.id)).n("rev", plan.revision);
                if old.is_none() {
                    new.push(row);
                } else {
                    // Never over a newer row: its writer may already rely on it.
                    let older = Condition::of("attribute_not_exists(pk) OR rev < :rev")
                        .value(":rev", n(plan.revision));
                    changed.push(Write::Put(row, older));
                }
            }
        }
        self.table.put_all(new).await?;
        self.table.write_each(changed).await
    }

    /// Deletes the rows of terms that the plans' contacts no longer have: those of the replaced heads,
    /// and those put on the way that the outcome does not need. The write has happened by now, so a
    /// failure here is only noted; readers filter such rows out.
    async fn delete_leftovers<E>(
        &self,
        book: BookId,
        plans: &[Plan<E>],
        put: &BTreeMap<(ContactId, Term), u64>,
    ) {
        let (mut dead, mut older) = (Vec::new(), Vec::new());
        for plan in plans {
            let named = match plan.done {
                Done::Created(_) | Done::Updated(_) => Some(&plan.terms),
                Done::Deleted(_) => None,
                _ => plan.base.as_ref().map(|head| &head.terms),
            };
            let replaced = plan.base.iter().flat_map(|head| &head.terms);
            let on_the_way = put
                .keys()
                .filter(|(id, _)| *id == plan.id)
                .map(|(_, term)| term);
            let gone: BTreeSet<_> = replaced
                .chain(on_the_way)
                .filter(|term| named.is_none_or(|named| !named.contains(term)))
                .collect();
            for term in gone {
                let key = keys::term_row(book, term, plan.id);
                if plan.base.is_none() {
                    // There is no head, nor will there be one again under this identifier.
                    dead.push(key);
                } else {
                    let old = Condition::of("rev <= :rev").value(":rev", n(plan.revision));
                    older.push(Write::Delete(key, old));
                }
            }
        }
        let deleted = async {
            self.table.delete_all(dead).await?;
            self.table.write_each(older).await
        };
        if let Err(error) = deleted.await {
            tracing::warn!(%error, "rows of removed search terms stay behind; searches skip them");
        }
    }
}

impl<E> Plan<E> {
    fn nothing(id: ContactId, stored: Option<&Stored>, done: Done<E>) -> Self {
        let base = stored.map(|stored| stored.head.clone());
        let revision = base.as_ref().map_or(0, |head| head.revision);
        Self {
            writes: Vec::new(),
            id,
            uid: None,
            base,
            terms: BTreeSet::new(),
            revision,
            done,
        }
    }

    fn log_rows(&self) -> usize {
        usize::from(self.done.is_written())
    }
}

fn plan_one<E>(
    book: BookId,
    id: ContactId,
    stored: Option<&Stored>,
    decision: Result<Decision, E>,
    now: Timestamp,
) -> Plan<E> {
    match (decision, stored) {
        (Err(error), _) => Plan::nothing(id, stored, Done::Refused(error)),
        (Ok(Decision::Delete), None) => Plan::nothing(id, None, Done::Missing),
        (Ok(Decision::Delete), Some(stored)) => plan_delete(book, stored),
        (Ok(Decision::Put(entry)), Some(stored)) if is_same(&entry, stored) => {
            Plan::nothing(id, Some(stored), Done::Kept(stored.clone()))
        }
        (Ok(Decision::Put(entry)), stored) => plan_put(book, id, stored, &entry, now),
    }
}

/// Whether `entry` would change nothing. A card sent as JSON leaves the vCard it came from in place.
fn is_same(entry: &Entry, stored: &Stored) -> bool {
    let digest = entry.original.as_ref().map(original_digest);
    entry.json == stored.json && (digest.is_none() || digest == stored.head.original)
}

fn unchanged(head: &Head) -> Condition {
    Condition::of("rev = :old").value(":old", n(head.revision))
}

fn plan_delete<E>(book: BookId, stored: &Stored) -> Plan<E> {
    let head = &stored.head;
    let mut writes = vec![
        Write::Delete(keys::head(book, head.id), unchanged(head)),
        Write::Delete(keys::uid(book, &head.uid), Condition::none()),
        Write::Delete(
            keys::name_row(book, &head.sort_name, head.id),
            Condition::none(),
        ),
    ];
    if head.inline.is_none() {
        writes.push(Write::Delete(keys::body(book, head.id), Condition::none()));
    }
    if head.original.is_some() {
        writes.push(Write::Delete(
            keys::original(book, head.id),
            Condition::none(),
        ));
    }
    Plan {
        writes,
        id: head.id,
        uid: Some(head.uid.clone()),
        base: Some(head.clone()),
        terms: BTreeSet::new(),
        revision: head.revision,
        done: Done::Deleted(head.id),
    }
}

fn plan_put<E>(
    book: BookId,
    id: ContactId,
    stored: Option<&Stored>,
    entry: &Entry,
    now: Timestamp,
) -> Plan<E> {
    let base = stored.map(|stored| &stored.head);
    let version = Version {
        revision: base.map_or(1, |head| head.revision + 1),
        created: base.map_or(now, |head| head.created),
        updated: now,
    };
    let rows = rows(book, id, entry, version);
    let head = Head::of(id, entry, version, &rows);
    let mut writes = Vec::with_capacity(6);
    match base {
        Some(old) => {
            writes.push(Write::Put(rows.head, unchanged(old)));
            if old.sort_name != entry.sort_name {
                let key = keys::name_row(book, &old.sort_name, id);
                writes.push(Write::Delete(key, Condition::none()));
            }
            if old.inline.is_none() && rows.body.is_none() {
                writes.push(Write::Delete(keys::body(book, id), Condition::none()));
            }
            if old.original.is_some() && rows.original.is_none() {
                writes.push(Write::Delete(keys::original(book, id), Condition::none()));
            }
        }
        None => {
            writes.push(Write::Put(rows.head, Condition::absent()));
            let uid = Item::new(&keys::uid(book, &entry.uid)).s("card", id.to_string());
            writes.push(Write::Put(uid, Condition::absent()));
        }
    }
    writes.push(Write::Put(rows.name, Condition::none()));
    writes.extend(
        rows.body
            .into_iter()
            .chain(rows.original)
            .map(|item| Write::Put(item, Condition::none())),
    );
    let stored = Stored {
        head,
        json: entry.json.clone(),
    };
    Plan {
        writes,
        id,
        uid: Some(entry.uid.clone()),
        base: base.cloned(),
        terms: entry.terms.clone(),
        revision: version.revision,
        done: if base.is_some() {
            Done::Updated(stored)
        } else {
            Done::Created(stored)
        },
    }
}

/// Whose UID row the refused action at `index` is, and who has that UID.
fn uid_taken(
    writes: &[Write],
    index: usize,
    item: Option<Item>,
) -> Result<Option<(ContactId, ContactId)>, StoreError> {
    let Some(Write::Put(row, _)) = writes.get(index) else {
        return Ok(None);
    };
    let (Some(item), true) = (item, row.text("sk")? == "U") else {
        return Ok(None);
    };
    let card = |item: &Item| {
        item.text("card")?
            .parse()
            .map_err(|_| StoreError::Damaged("card"))
    };
    Ok(Some((card(row)?, card(&item)?)))
}

/// The contact that a key `C#book#contact` is about.
pub(crate) fn contact_id(key: &Key) -> Result<ContactId, StoreError> {
    let id = key.pk.rsplit('#').next().and_then(|id| id.parse().ok());
    id.ok_or(StoreError::Damaged("pk"))
}
