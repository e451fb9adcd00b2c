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

    /// Reads it, which is what takes time: once, however often the write is tried.
    pub(crate) fn read(self) -> Result<Reading> {
        let uid = Card::new_uid();
        match self {
            Self::Json(text) => {
                let mut is_named = true;
                let card = Card::from_json_with_uid(&text, || {
                    is_named = false;
                    uid
                })?;
                Ok(Reading::card(card, is_named, None))
            }
            Self::VCard(bytes) => {
                let imported = import(&bytes, &uid)?;
                let version = imported.version.to_string();
                let is_named = imported.card.uid() != uid;
                let original = Original { bytes, version };
                Ok(Reading::card(imported.card, is_named, Some(original)))
            }
            Self::Patch(patch) => Ok(Reading::Patch(patch)),
        }
    }
}

/// A draft that was read.
pub(crate) enum Reading {
    /// A whole card.
    Card {
        /// The contact that it makes of nothing.
        entry: Entry,
        /// The card, if it did not bring its `uid`: it then takes that of the contact it replaces.
        unnamed: Option<Card>,
    },
    /// A patch, which makes nothing of nothing.
    Patch(Value),
}

impl Reading {
    fn card(card: Card, is_named: bool, original: Option<Original>) -> Self {
        Self::Card {
            entry: entry(&card, original),
            unnamed: (!is_named).then_some(card),
        }
    }

    /// The contact that it makes of nothing.
    pub(crate) fn of_nothing(&self) -> Result<Entry> {
        match self {
            Self::Card { entry, .. } => Ok(entry.clone()),
            Self::Patch(_) => Err(Error::ContactNotFound),
        }
    }

    /// The contact that it makes of what is stored.
    pub(crate) fn of(&self, stored: &Stored) -> Result<Entry> {
        let head = &stored.head;
        let mut new = match self {
            Self::Card {
                entry,
                unnamed: None,
            } => entry.clone(),
            Self::Card {
                entry,
                unnamed: Some(card),
            } => {
                let mut members = card.as_map().clone();
                members.insert("uid".to_owned(), Value::String(head.uid.clone()));
                // Read again, because another `uid` may be longer.
                let card = Card::parse(Value::Object(members))?;
                Entry {
                    uid: head.uid.clone(),
                    json: card.to_json(),
                    ..entry.clone()
                }
            }
            Self::Patch(patch) => entry(&card_of(&stored.json)?.merge_patch(patch)?, None),
        };
        if new.uid != head.uid {
            return Err(Error::UidChanged);
        }
        if new.vcard_version.is_none() {
            new.vcard_version.clone_from(&head.vcard_version);
        }
        Ok(new)
    }
}

/// The card that is stored; stored cards are valid, or the table is damaged.
pub(crate) fn card_of(json: &str) -> std::result::Result<Card, CardError> {
    Card::from_json(json.as_bytes())
}

pub(crate) fn entry(card: &Card, original: Option<Original>) -> Entry {
    let words = card.terms().into_iter().map(|term| Term::Word {
        word: term.word,
        field: term.field.code(),
    });
    let terms: BTreeSet<Term> = words
        .chain(card.groups().into_iter().map(Term::Group))
        .chain(card.days().into_iter().map(|day| Term::Day {
            day: day.day,
            kind: day.kind,
        }))
        .collect();
    let version = original.as_ref().map(|original| original.version.clone());
    Entry {
        uid: card.uid().to_owned(),
        json: card.to_json(),
        original,
        vcard_version: version,
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
