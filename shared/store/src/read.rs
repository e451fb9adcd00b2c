//! Reading contacts: one, a page by name, a group, or the hits of a search.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    Store,
    contact::{Head, Listed, Stored, Term, inflate, inflate_text},
    error::StoreError,
    ids::{BookId, ContactId},
    item::Item,
    keys::{self, Key},
    table::Range,
};

/// The most term rows that one search reads.
pub const SEARCH_ROWS: usize = 1_000;
/// The fewest term rows that a search reads at a time.
const SEARCH_STEP: usize = 50;
/// How often a contact is read anew that changes while it is being read.
const READS: usize = 5;

/// A page, and where the next one goes on, if there may be more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What was found, in order.
    pub items: Vec<Listed>,
    /// Where to go on; opaque outside the store, and personal.
    pub next: Option<String>,
}

/// What to look for.
#[derive(Clone, Default)]
pub struct Search {
    /// Folded words; each must begin some word of the contact.
    pub words: Vec<String>,
    /// The folded name of a group that the contact must belong to.
    pub group: Option<String>,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Search({} words, group {})",
            self.words.len(),
            self.group.is_some()
        )
    }
}

impl Store {
    /// The contact, or none.
    pub async fn contact(&self, book: BookId, id: ContactId) -> Result<Option<Stored>, StoreError> {
        for _ in 0..READS {
            let Some(head) = self.head(book, id).await? else {
                return Ok(None);
            };
            if let Some(inline) = &head.inline {
                let json = inflate_text(inline)?;
                return Ok(Some(Stored { head, json }));
            }
            if let Some(body) = self.table.get(&keys::body(book, id)).await?
                && body.number::<u64>("rev")? == head.revision
            {
                let json = inflate_text(body.bytes("json")?)?;
                return Ok(Some(Stored { head, json }));
            }
        }
        Err(StoreError::Busy(std::time::Duration::ZERO))
    }

    /// The contact's head, or none.
    pub async fn head(&self, book: BookId, id: ContactId) -> Result<Option<Head>, StoreError> {
        let item = self.table.get(&keys::head(book, id)).await?;
        item.map(|item| Head::read(id, &item)).transpose()
    }

    /// The vCard as it was sent, at the revision of `head`; none where it has changed since or none is
    /// kept.
    pub async fn original(&self, book: BookId, head: &Head) -> Result<Option<Vec<u8>>, StoreError> {
        if head.original.is_none() {
            return Ok(None);
        }
        let item = self.table.get(&keys::original(book, head.id)).await?;
        let Some(item) = item else { return Ok(None) };
        if item.number::<u64>("rev")? != head.revision {
            return Ok(None);
        }
        inflate(item.bytes("vcard")?).map(Some)
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
    pub async fn heads(
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

    /// Contacts in the order of their folded names.
    pub async fn list(
        &self,
        book: BookId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let range = Range::new(keys::names(book), limit + 1).after(after);
        let rows = self.table.query(range).await?;
        let mut items = rows
            .iter()
            .map(Listed::read)
            .collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more {
            items.last().map(|item| item.position.clone())
        } else {
            None
        };
        Ok(Page { items, next })
    }

    /// Contacts that match all of `search`, in the order of the rows of its longest word (or of its
    /// group): exact words before longer ones, then by field. Reads at most [`SEARCH_ROWS`] rows, so a
    /// page may be short or even empty and still have a next one.
    pub async fn search(
        &self,
        book: BookId,
        search: &Search,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let longest = search.words.iter().max_by_key(|word| word.chars().count());
        let (partition, prefix) = match (longest, &search.group) {
            (Some(word), _) => (keys::words(book, word), word.clone()),
            (None, Some(group)) => (keys::groups(book), keys::group_prefix(group)),
            (None, None) => return self.list(book, after, limit).await,
        };
        let mut page = Page {
            items: Vec::new(),
            next: after.map(str::to_owned),
        };
        let mut left = SEARCH_ROWS;
        loop {
            let step = left.min((limit - page.items.len() + 1).max(SEARCH_STEP));
            let range = Range::new(partition.clone(), step)
                .prefix(&prefix)
                .after(page.next.as_deref());
            let rows = self.table.query(range).await?;
            left -= rows.len();
            let end = rows.len() < step;
            let ids = rows
                .iter()
                .map(row_contact)
                .collect::<Result<Vec<_>, _>>()?;
            let heads = self
                .heads(book, ids.iter().copied().collect::<HashSet<_>>())
                .await?;
            for (row, id) in rows.iter().zip(ids) {
                if page.items.len() == limit {
                    return Ok(page);
                }
                let position = row.text("sk")?;
                page.next = Some(position.to_owned());
                let Some(head) = heads.get(&id) else { continue };
                if first_row(book, head, longest, search).as_deref() == Some(position)
                    && matches(&head.terms, search)
                {
                    page.items.push(head.listed(position.to_owned()));
                }
            }
            if end {
                page.next = None;
                return Ok(page);
            }
            if left == 0 {
                return Ok(page);
            }
        }
    }
}

/// The contact that a key `C#book#contact` is about.
pub(crate) fn contact_id(key: &Key) -> Result<ContactId, StoreError> {
    let id = key.pk.rsplit('#').next().and_then(|id| id.parse().ok());
    id.ok_or(StoreError::Damaged("pk"))
}

fn row_contact(row: &Item) -> Result<ContactId, StoreError> {
    keys::contact_of(row.text("sk")?).ok_or(StoreError::Damaged("sk"))
}

/// The sort key of the first row under which the contact is found. Only there is it reported: a contact
/// with several matching words comes once, without remembering anything from page to page.
fn first_row(
    book: BookId,
    head: &Head,
    longest: Option<&String>,
    search: &Search,
) -> Option<String> {
    let term = match longest {
        Some(longest) => head
            .terms
            .iter()
            .find(|term| begins(term, longest))?
            .clone(),
        None => Term::Group(search.group.clone()?),
    };
    Some(keys::term_row(book, &term, head.id).sk)
}

fn matches(terms: &BTreeSet<Term>, search: &Search) -> bool {
    search
        .words
        .iter()
        .all(|word| terms.iter().any(|term| begins(term, word)))
        && search
            .group
            .as_ref()
            .is_none_or(|group| terms.contains(&Term::Group(group.clone())))
}

fn begins(term: &Term, prefix: &str) -> bool {
    matches!(term, Term::Word { word, .. } if word.starts_with(prefix))
}
