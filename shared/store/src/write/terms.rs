//! The rows by which terms lead to contacts: put before the transaction, deleted after it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Done, plan::Plan};
use crate::{
    Store,
    contact::Term,
    error::StoreError,
    ids::{BookId, ContactId},
    item::{Item, n},
    keys,
    table::{Condition, Write},
};

impl Store {
    /// Puts the rows of terms that the heads do not name yet.
    pub(super) async fn put_terms<E>(
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
    pub(super) async fn delete_leftovers<E>(
        &self,
        book: BookId,
        plans: &[Plan<E>],
        put: &BTreeMap<(ContactId, Term), u64>,
    ) {
        let (mut dead, mut older) = (Vec::new(), Vec::new());
        for plan in plans {
            let named = match plan.done {
                Done::Created(_) | Done::Updated(_) | Done::Reindexed(_) => Some(&plan.terms),
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
