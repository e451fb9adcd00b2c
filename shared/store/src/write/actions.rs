//! The actions of one transaction.

use jiff::Timestamp;

use super::{Done, plan::Plan};
use crate::{
    Store,
    book::Numbers,
    error::StoreError,
    ids::{BookId, ContactId, WriteId},
    item::{Item, n},
    keys,
    log::{self, Change},
    outbox::{self, Happened, Told, Touched},
    table::{Condition, Write},
};

/// Where the book's action stands: its refusal says that another write came first, or that somebody
/// began or ceased to listen.
pub(super) const BOOK_ACTION: usize = 0;

impl Store {
    /// The actions of `changes`, the book's first, and whether they leave something in the outbox.
    pub(super) fn transaction<E>(
        &self,
        book: BookId,
        numbers: Numbers,
        changes: &[(Touched, &Plan<E>)],
        write: WriteId,
        now: Timestamp,
    ) -> (Vec<Write>, bool) {
        let seq = numbers.seq;
        let mut delta = 0_i64;
        let mut writes = Vec::new();
        for (touched, plan) in changes {
            delta += match plan.done {
                Done::Created(_) => 1,
                Done::Deleted(_) => -1,
                _ => 0,
            };
            let change = Change {
                seq: touched.seq,
                id: touched.id,
                revision: (touched.happened != Happened::Deleted).then_some(touched.revision),
            };
            let row = log::row(book, change, write, now, self.log_life());
            writes.extend(plan.writes.iter().cloned());
            writes.push(Write::Put(row, Condition::absent()));
        }
        // What a contact is found by is nobody's news.
        let news = changes
            .iter()
            .filter(|(_, plan)| !matches!(plan.done, Done::Reindexed(_)))
            .map(|(touched, _)| *touched);
        let news: Vec<_> = news.filter(|_| numbers.subscribed).collect();
        let told = !news.is_empty();
        if told {
            writes.push(outbox::row(book, seq + 1, &Told::Contacts(news), now));
        }
        // A writer whose view of the flag is old is refused and looks again.
        let mine = Condition::of("seq = :seq")
            .and(outbox::flag(numbers.subscribed))
            .value(":seq", n(seq))
            .value(":next", n(seq + changes.len() as u64))
            .value(":delta", n(delta));
        let update = "SET seq = :next, cards = cards + :delta".to_owned();
        writes.insert(BOOK_ACTION, Write::Update(keys::book(book), update, mine));
        (writes, told)
    }
}

/// The numbers after `seq` that `plans` take, each with what happens at it.
pub(super) fn changes<E>(seq: u64, plans: &[Plan<E>]) -> Vec<(Touched, &Plan<E>)> {
    let written = plans.iter().filter(|plan| plan.done.is_written());
    let numbered = written.zip(seq + 1..).map(|(plan, seq)| {
        let touched = Touched {
            seq,
            id: plan.id,
            happened: match plan.done {
                Done::Created(_) => Happened::Created,
                Done::Deleted(_) => Happened::Deleted,
                _ => Happened::Changed,
            },
            revision: plan.revision,
        };
        (touched, plan)
    });
    numbered.collect()
}

/// Whose UID row the refused action at `index` is, and who has that UID.
pub(super) fn uid_taken(
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
