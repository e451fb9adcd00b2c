//! What a client wants a contact to be, before it is known to be a card.

use std::collections::BTreeSet;

use contacts_card::{Card, CardError};
use contacts_interchange::{Version, import};
use contacts_store::{Entry, Head, Original, Stored, Term};
use serde_json::Value;

use crate::error::{Error, Result};

/// A contact as a client sent it.
#[derive(Clone)]
pub enum Draft {
    /// A JSContact card (RFC 9553) as JSON text.
    Json(Vec<u8>),
    /// One vCard (2.1, 3.0 or 4.0).
    VCard(Vec<u8>),
    /// A JSON Merge Patch (RFC 7396) to the card as it stands.
    Patch(Value),
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Draft::Json",
            Self::VCard(_) => "Draft::VCard",
            Self::Patch(_) => "Draft::Patch",
        })
    }
}

impl Draft {
    /// A JSON Merge Patch from its text.
    pub fn patch(text: &[u8]) -> Result<Self> {
        Ok(Self::Patch(contacts_card::read_json(text)?))
    }

    /// The contact that it makes of nothing, or of what is `stored`.
    pub(crate) fn entry(&self, stored: Option<&Stored>) -> Result<Entry> {
        let head = stored.map(|stored| &stored.head);
        let uid = || head.map_or_else(Card::new_uid, |head| head.uid.clone());
        let (card, original) = match self {
            Self::Json(text) => (Card::from_json_with_uid(text, uid)?, None),
            Self::VCard(bytes) => {
                let imported = import(bytes, &uid())?;
                let version = imported.version.to_string();
                (
                    imported.card,
                    Some(Original {
                        bytes: bytes.clone(),
                        version,
                    }),
                )
            }
            Self::Patch(patch) => {
                let stored = stored.ok_or(Error::ContactNotFound)?;
                (card_of(&stored.json)?.merge_patch(patch)?, None)
            }
        };
        if head.is_some_and(|head| head.uid != card.uid()) {
            return Err(Error::UidChanged);
        }
        Ok(entry(&card, original, head))
    }
}

/// The card that is stored; stored cards are valid, or the table is damaged.
pub(crate) fn card_of(json: &str) -> std::result::Result<Card, CardError> {
    Card::from_json(json.as_bytes())
}

fn entry(card: &Card, original: Option<Original>, head: Option<&Head>) -> Entry {
    let words = card.terms().into_iter().map(|term| Term::Word {
        word: term.word,
        field: term.field.code(),
    });
    let terms: BTreeSet<Term> = words
        .chain(card.groups().into_iter().map(Term::Group))
        .collect();
    let version = original.as_ref().map(|original| original.version.clone());
    Entry {
        uid: card.uid().to_owned(),
        json: card.to_json(),
        original,
        vcard_version: version.or_else(|| head.and_then(|head| head.vcard_version.clone())),
        sort_name: card.sort_name(),
        summary: serde_json::to_string(&card.summary()).expect("a summary is plain text members"),
        terms,
    }
}

/// The version to render a contact's vCard in: that of the vCard it came from, else 4.0.
pub(crate) fn vcard_version(head: &Head) -> Version {
    head.vcard_version
        .as_deref()
        .and_then(|version| version.parse().ok())
        .unwrap_or(Version::V4_0)
}
