//! The card itself.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::error::Report;
use crate::limits::{CARD_JSON_BYTES, NESTING, TERMS};
use crate::{CardError, Day, Summary, Term, check, group_key, json, name, patch, terms};

/// A valid JSContact Card (RFC 9553).
///
/// Its JSON is what was parsed, member for member, apart from a `uid` added where there was none.
#[derive(Clone, PartialEq)]
pub struct Card(Map<String, Value>);

/// Prints no value: they are personal data.
impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card").finish_non_exhaustive()
    }
}

impl Card {
    /// Parses a JSON text. It must be I-JSON (RFC 7493): a member name twice in one object is a
    /// violation, lone surrogates are refused.
    ///
    /// # Errors
    /// [`CardError::NotJson`], [`CardError::TooLarge`], or [`CardError::Invalid`] with all violations.
    pub fn from_json(text: &[u8]) -> Result<Self, CardError> {
        Self::parse(json::read(text)?)
    }

    /// Parses a JSON text like [`Card::from_json`], with a missing `uid` taken from `uid`.
    ///
    /// # Errors
    /// As [`Card::from_json`].
    pub fn from_json_with_uid(
        text: &[u8],
        uid: impl FnOnce() -> String,
    ) -> Result<Self, CardError> {
        Self::with_uid(json::read(text)?, uid)
    }

    /// A new random UID: `urn:uuid:` and a version 4 UUID.
    #[must_use]
    pub fn new_uid() -> String {
        format!("urn:uuid:{}", uuid::Uuid::new_v4())
    }

    /// Parses a JSON value. A missing `uid` becomes a random `urn:uuid:`, the last member.
    ///
    /// # Errors
    /// [`CardError::Invalid`] with all violations, or [`CardError::TooLarge`].
    pub fn parse(value: Value) -> Result<Self, CardError> {
        Self::with_uid(value, Self::new_uid)
    }

    /// Parses a JSON value like [`Card::parse`], with a missing `uid` taken from `uid`: a request that
    /// may be repeated derives it, so that the repetition gives the same card.
    ///
    /// # Errors
    /// As [`Card::parse`].
    pub fn with_uid(value: Value, uid: impl FnOnce() -> String) -> Result<Self, CardError> {
        let Value::Object(mut map) = value else {
            return Err(CardError::expected("a JSON object: Card"));
        };
        if !map.contains_key("uid") {
            map.insert("uid".to_owned(), Value::String(uid()));
        }
        let mut report = Report::default();
        check::card(&map, &mut report);
        report.finish()?;
        let card = Self(map);
        let within = |limit, max, actual| {
            if actual > max {
                Err(CardError::TooLarge { limit, max, actual })
            } else {
                Ok(())
            }
        };
        within("bytes of JSON", CARD_JSON_BYTES, card.to_json().len())?;
        within("words to be found by", TERMS, card.terms().len())?;
        Ok(card)
    }

    /// The card's `uid`.
    pub fn uid(&self) -> &str {
        self.0
            .get("uid")
            .and_then(Value::as_str)
            .expect("a parsed card has a uid")
    }

    /// The members, in the order they were sent.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Compact JSON, members in the order they were sent.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("JSON values always serialise")
    }

    /// Applies a JSON Merge Patch (RFC 7396) and parses the result.
    ///
    /// # Errors
    /// [`CardError::UidChanged`] if the patch removes or changes `uid`; [`CardError::Invalid`] if it is
    /// no object or the result no valid card, with pointers into the result; [`CardError::TooLarge`].
    pub fn merge_patch(&self, patch: &Value) -> Result<Self, CardError> {
        let Value::Object(changes) = patch else {
            return Err(CardError::expected("a JSON object: a merge patch"));
        };
        if !patch::is_within(NESTING, patch) {
            return Err(CardError::expected(json::too_deep()));
        }
        if changes.get("uid").is_some_and(|uid| uid != self.uid()) {
            return Err(CardError::UidChanged);
        }
        let mut map = self.0.clone();
        patch::merge(&mut map, changes);
        Self::parse(Value::Object(map))
    }

    /// What lists show of the card.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.0)
    }

    /// The folded name the card is ordered by: `name.sortAs` (surname before given name), else the name
    /// of [`Card::summary`]; at most [`crate::limits::SORT_NAME_BYTES`], without control characters.
    pub fn sort_name(&self) -> String {
        name::sort(&self.0)
    }

    /// The words the card is found by, in all its languages, one term per word.
    pub fn terms(&self) -> BTreeSet<Term> {
        terms::of(&self.0)
    }

    /// The groups the card belongs to: its folded keywords (vCard's `CATEGORIES`), as
    /// [`group_key`] spells them.
    pub fn groups(&self) -> BTreeSet<String> {
        let keywords = self.0.get("keywords").and_then(Value::as_object);
        let keys = keywords
            .into_iter()
            .flat_map(Map::keys)
            .map(|keyword| group_key(keyword));
        keys.filter(|key| !key.is_empty()).collect()
    }

    /// The days of the year that the card gives: its anniversaries that have a month and a day, at most
    /// 32 of them.
    pub fn days(&self) -> BTreeSet<Day> {
        crate::days::of(&self.0)
    }
}
