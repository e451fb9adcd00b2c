//! Bringing what contacts are found by in line with today's rules.

use contacts_store::{BookId, Decision, Done, Op};

use crate::{
    Contacts,
    draft::{card_of, entry},
    error::{Error, Result},
};

/// What became of a stretch of a book's contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reindexed {
    /// How many were looked at.
    pub seen: usize,
    /// How many of them are found by something else now.
    pub changed: usize,
    /// Where to go on; none at the end. Opaque, and personal.
    pub next: Option<String>,
}

impl Contacts {
    /// Computes anew what contacts of the book are found by, sorted by and shown by in lists: at most
    /// `limit` of them, in the order of their names, after `after`. Cards, revisions and vCards stay.
    ///
    /// Who is renamed meanwhile is not missed: that write follows today's rules already.
    pub async fn reindex(
        &self,
        book: BookId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Reindexed> {
        let page = self.store.list(book, after, limit).await?;
        let ops: Vec<Op<Error>> = page
            .items
            .iter()
            .map(|listed| Op {
                id: Some(listed.id),
                decide: Box::new(|stored| {
                    let stored = stored.ok_or(Error::ContactNotFound)?;
                    let card = card_of(&stored.json)?;
                    Ok(Decision::Reindex(Box::new(entry(&card, None))))
                }),
            })
            .collect();
        let done = self.store.write(book, &ops, None).await?;
        let changed = done
            .iter()
            .filter(|done| matches!(done, Done::Reindexed(_)));
        Ok(Reindexed {
            seen: page.items.len(),
            changed: changed.count(),
            next: page.next,
        })
    }
}
