//! Reading contacts: one, a page, a search.

use contacts_card::{group_key, query_words};
use contacts_interchange::{Version, export};
use contacts_store::{ContactId, Head, Listed, Search, Stored};

use crate::{
    BookId, BookRef, Contact, Contacts, cursor,
    draft::{card_of, vcard_version},
    error::{Error, Result},
};

/// The most words that a search may have.
pub const MAX_WORDS: usize = 8;

/// How often a vCard is read anew that changes while it is being read.
const READS: usize = 5;

/// A contact as a vCard.
#[derive(Debug, Clone)]
pub struct VCard {
    /// The contact's head.
    pub head: Head,
    /// The vCard: as it was sent, or rendered from the card if that changed since.
    pub bytes: Vec<u8>,
    /// The version that it is rendered in, if that is not the contact's own.
    pub other: Option<Version>,
}

/// A page of contacts.
#[derive(Debug, Clone)]
pub struct Results {
    /// The book.
    pub book: BookId,
    /// The contacts, in order.
    pub items: Vec<Listed>,
    next: Option<String>,
    scope: [String; 4],
}

impl Results {
    /// The cursor of the next page, or none at the end.
    pub fn cursor(&self) -> Option<String> {
        self.next
            .as_deref()
            .map(|position| cursor::encode(&self.scope.each_ref().map(String::as_str), position))
    }

    /// Keeps the first `count` contacts; the next page begins with the one after.
    pub fn truncate(&mut self, count: usize) {
        if count < self.items.len() {
            self.items.truncate(count);
            self.next = self.items.last().map(|item| item.position.clone());
        }
    }
}

impl Contacts {
    /// A contact with its card.
    pub async fn contact(&self, who: &str, book: BookRef, id: ContactId) -> Result<Contact> {
        let book = self.enter(who, book).await?;
        let stored = self
            .store
            .contact(book, id)
            .await?
            .ok_or(Error::ContactNotFound)?;
        Ok(Contact { book, stored })
    }

    /// A contact as a vCard: its own, or in the version asked for.
    pub async fn vcard(
        &self,
        who: &str,
        book: BookRef,
        id: ContactId,
        version: Option<Version>,
    ) -> Result<VCard> {
        let book = self.enter(who, book).await?;
        let vcard = self.vcard_of(book, id, version).await?;
        vcard.ok_or(Error::ContactNotFound)
    }

    async fn vcard_of(
        &self,
        book: BookId,
        id: ContactId,
        version: Option<Version>,
    ) -> Result<Option<VCard>> {
        for _ in 0..READS {
            let Some(head) = self.store.head(book, id).await? else {
                return Ok(None);
            };
            if let Some(other) = version.filter(|version| *version != vcard_version(&head)) {
                let Some(Stored { head, json }) = self.store.contact(book, id).await? else {
                    return Ok(None);
                };
                let bytes = export(&card_of(&json)?, other).into_bytes();
                let other = Some(other);
                return Ok(Some(VCard { head, bytes, other }));
            }
            if let Some(bytes) = self.store.original(book, &head).await? {
                let other = None;
                return Ok(Some(VCard { head, bytes, other }));
            }
            if head.has_original() {
                continue;
            }
            let Some(stored) = self.store.contact(book, id).await? else {
                return Ok(None);
            };
            if !stored.head.has_original() {
                let bytes =
                    export(&card_of(&stored.json)?, vcard_version(&stored.head)).into_bytes();
                return Ok(Some(VCard {
                    head: stored.head,
                    bytes,
                    other: None,
                }));
            }
        }
        Err(contacts_store::StoreError::Busy(contacts_store::PATIENCE).into())
    }

    /// A page of the book: by name, or what matches every word of `query` and belongs to `group`. A page
    /// of a search may be short or even empty and still have a cursor.
    pub async fn list(
        &self,
        who: &str,
        book: BookRef,
        query: Option<&str>,
        group: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Results> {
        let book = self.enter(who, book).await?;
        let words = query.map(query_words).unwrap_or_default();
        if words.len() > MAX_WORDS {
            return Err(Error::TooManyWords);
        }
        let search = Search {
            words,
            group: group.map(group_key),
        };
        let folded = search.words.join(" ");
        let scope = [
            "contacts".to_owned(),
            book.to_string(),
            folded,
            search.group.clone().unwrap_or_default(),
        ];
        let bound = scope.each_ref().map(String::as_str);
        let after = after
            .map(|cursor| cursor::decode(&bound, cursor))
            .transpose()?;
        let nothing_to_find =
            query.is_some_and(|query| !query.trim().is_empty()) && search.words.is_empty();
        if nothing_to_find {
            return Ok(Results {
                book,
                items: Vec::new(),
                next: None,
                scope,
            });
        }
        let page = self
            .store
            .search(book, &search, after.as_deref(), limit)
            .await?;
        Ok(Results {
            book,
            items: page.items,
            next: page.next,
            scope,
        })
    }

    /// The vCards of a page, each its own or all in the version asked for, as many as fit `bytes` (at
    /// least one), and the page cut to those. A contact deleted meanwhile is left out.
    pub async fn vcards(
        &self,
        mut page: Results,
        version: Option<Version>,
        bytes: usize,
    ) -> Result<(Vec<Vec<u8>>, Results)> {
        let (mut vcards, mut size) = (Vec::new(), 0);
        for index in 0..page.items.len() {
            let id = page.items[index].id;
            let Some(vcard) = self.vcard_of(page.book, id, version).await? else {
                continue;
            };
            if !vcards.is_empty() && size + vcard.bytes.len() + 2 > bytes {
                page.truncate(index);
                break;
            }
            size += vcard.bytes.len() + 2;
            vcards.push(vcard.bytes);
        }
        Ok((vcards, page))
    }
}
