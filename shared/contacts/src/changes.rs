//! The change feed: first the contacts as they are, then what happens to them.

use contacts_store::{BookId, Change};

use crate::{
    BookRef, Contacts, cursor,
    error::{Error, Result},
};

/// A page of the feed.
#[derive(Debug, Clone)]
pub struct Feed {
    /// What changed, oldest first; each contact at most once.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub token: String,
    /// Whether there is more to fetch at once.
    pub more: bool,
}

/// How far a reader has come.
enum Place {
    /// In the log, after this number.
    Log(u64),
    /// In the contacts by name, after this position; the log follows from the number.
    Cards(u64, Option<String>),
}

const PARTS: char = '\u{1e}';

impl Place {
    fn encode(&self, book: BookId) -> String {
        let text = match self {
            Self::Log(seq) => format!("L{seq}"),
            Self::Cards(seq, after) => {
                format!("C{seq}{PARTS}{}", after.as_deref().unwrap_or_default())
            }
        };
        cursor::encode(&["changes", &book.to_string()], &text)
    }

    fn decode(book: BookId, token: &str) -> Result<Self> {
        let text = cursor::decode(&["changes", &book.to_string()], token)?;
        let place = if let Some(seq) = text.strip_prefix('L') {
            seq.parse().ok().map(Self::Log)
        } else {
            let parts = text
                .strip_prefix('C')
                .and_then(|text| text.split_once(PARTS));
            parts.and_then(|(seq, after)| {
                let after = (!after.is_empty()).then(|| after.to_owned());
                Some(Self::Cards(seq.parse().ok()?, after))
            })
        };
        place.ok_or(Error::InvalidCursor)
    }
}

impl Contacts {
    /// What happened after `since`, at most `limit` entries. Without a token the feed begins with every
    /// contact that there is.
    pub async fn changes(
        &self,
        who: &str,
        book: BookRef,
        since: Option<&str>,
        limit: usize,
    ) -> Result<Feed> {
        let book = self.enter(who, book).await?;
        let place = match since {
            Some(token) => Place::decode(book, token)?,
            None => Place::Cards(self.store.changes_start(book).await?, None),
        };
        match place {
            Place::Log(seq) => {
                let run = self
                    .store
                    .changes(book, seq, limit)
                    .await?
                    .map_err(|_| Error::TokenTooOld)?;
                Ok(Feed {
                    changes: run.changes,
                    token: Place::Log(run.seq).encode(book),
                    more: run.more,
                })
            }
            Place::Cards(seq, after) => {
                let page = self.store.list(book, after.as_deref(), limit).await?;
                let changes = page.items.iter().map(|item| Change {
                    seq,
                    id: item.id,
                    revision: Some(item.revision),
                });
                let changes = changes.collect();
                // The log has more even if only what happened while the contacts were read.
                let (next, more) = match page.next {
                    Some(after) => (Place::Cards(seq, Some(after)), true),
                    None => (
                        Place::Log(seq),
                        self.store
                            .book(book)
                            .await?
                            .is_some_and(|book| book.seq > seq),
                    ),
                };
                Ok(Feed {
                    changes,
                    token: next.encode(book),
                    more,
                })
            }
        }
    }
}
