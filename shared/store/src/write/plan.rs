//! One contact's share of a transaction.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Decision, Done};
use crate::{
    book::Numbers,
    contact::{Entry, Head, Stored, Term, Version, original_digest, rows},
    ids::{BookId, ContactId},
    item::{Item, n},
    keys,
    table::{Condition, Write},
};

/// One operation with all that it takes to carry it out.
pub(super) struct Plan<E> {
    pub(super) writes: Vec<Write>,
    pub(super) id: ContactId,
    pub(super) uid: Option<String>,
    pub(super) base: Option<Head>,
    pub(super) terms: BTreeSet<Term>,
    pub(super) revision: u64,
    pub(super) done: Done<E>,
}

impl<E> Plan<E> {
    pub(super) fn nothing(id: ContactId, stored: Option<&Stored>, done: Done<E>) -> Self {
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

    pub(super) fn log_rows(&self) -> usize {
        usize::from(self.done.is_written())
    }
}

pub(super) fn plan_one<E>(
    book: BookId,
    numbers: Numbers,
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
        (Ok(Decision::Put(entry)), stored) => plan_put(book, numbers, id, stored, &entry, now),
        (Ok(Decision::Reindex(_)), None) => Plan::nothing(id, None, Done::Missing),
        (Ok(Decision::Reindex(entry)), Some(stored)) => plan_reindex(book, stored, &entry),
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
    numbers: Numbers,
    id: ContactId,
    stored: Option<&Stored>,
    entry: &Entry,
    now: Timestamp,
) -> Plan<E> {
    let base = stored.map(|stored| &stored.head);
    let version = Version {
        revision: base.map_or(0, |head| head.revision).max(numbers.base) + 1,
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

/// Brings the rows that lead to a contact in line with `entry`; where they are, changes nothing.
fn plan_reindex<E>(book: BookId, stored: &Stored, entry: &Entry) -> Plan<E> {
    let old = &stored.head;
    let same = old.terms == entry.terms
        && old.sort_name == entry.sort_name
        && old.summary == entry.summary;
    if same {
        return Plan::nothing(old.id, Some(stored), Done::Kept(stored.clone()));
    }
    let version = Version {
        revision: old.revision,
        created: old.created,
        updated: old.updated,
    };
    let entry = Entry {
        json: stored.json.clone(),
        uid: old.uid.clone(),
        original: None,
        vcard_version: old.vcard_version.clone(),
        ..entry.clone()
    };
    let rows = rows(book, old.id, &entry, version);
    let head = Head {
        original: old.original.clone(),
        ..Head::of(old.id, &entry, version, &rows)
    };
    let item = rows.head.opt_s("original", old.original.as_deref());
    let mut writes = vec![Write::Put(item, unchanged(old))];
    if old.sort_name != entry.sort_name {
        let key = keys::name_row(book, &old.sort_name, old.id);
        writes.push(Write::Delete(key, Condition::none()));
    }
    writes.push(Write::Put(rows.name, Condition::none()));
    Plan {
        writes,
        id: old.id,
        uid: None,
        base: Some(old.clone()),
        terms: entry.terms,
        revision: old.revision,
        done: Done::Reindexed(Stored {
            head,
            json: stored.json.clone(),
        }),
    }
}
