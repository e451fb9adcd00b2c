//! What a card is found by.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::fold::cut;
use crate::limits::WORD_BYTES;
use crate::localize::fragments;
use crate::phone::phone_words;
use crate::words::text_words;

/// Where a word of a card comes from; the order is the order of search results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Full names, name components and their pronunciation, nicknames.
    Name,
    /// Organisations, their units, titles.
    Organization,
    /// E-mail addresses, their domains and pieces.
    Email,
    /// Phone numbers, as digits.
    Phone,
}

impl Field {
    const ALL: [Self; 4] = [Self::Name, Self::Organization, Self::Email, Self::Phone];

    /// The character that stands for the field in keys: `'1'` to `'4'`, in the order of the fields.
    pub fn code(self) -> char {
        match self {
            Self::Name => '1',
            Self::Organization => '2',
            Self::Email => '3',
            Self::Phone => '4',
        }
    }

    /// The field whose [`Field::code`] this is.
    pub fn from_code(code: char) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.code() == code)
    }
}

/// A word by which a card is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Folded, 1 to [`WORD_BYTES`] bytes, without white space and control characters.
    pub word: String,
    /// Where it comes from; the first of several.
    pub field: Field,
}

/// All terms of a card, one per word.
pub(crate) fn of(card: &Map<String, Value>) -> BTreeSet<Term> {
    let mut terms = Terms::default();
    terms.add_card(card);
    for fragment in fragments(card) {
        terms.add_card(&fragment);
    }
    terms
        .0
        .into_iter()
        .map(|(word, field)| Term { word, field })
        .collect()
}

#[derive(Default)]
struct Terms(BTreeMap<String, Field>);

impl Terms {
    /// Adds the words of a card, or of a part of one.
    fn add_card(&mut self, card: &Map<String, Value>) {
        if let Some(name) = card.get("name") {
            self.add(Field::Name, name.get("full"));
            for component in name
                .get("components")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.add(Field::Name, component.get("value"));
                self.add(Field::Name, component.get("phonetic"));
            }
        }
        for nickname in entries(card, "nicknames") {
            self.add(Field::Name, nickname.get("name"));
        }
        for organization in entries(card, "organizations") {
            self.add(Field::Organization, organization.get("name"));
            for unit in organization
                .get("units")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.add(Field::Organization, unit.get("name"));
            }
        }
        for title in entries(card, "titles") {
            self.add(Field::Organization, title.get("name"));
        }
        for email in entries(card, "emails") {
            self.add(Field::Email, email.get("address"));
        }
        for phone in entries(card, "phones") {
            for word in phone
                .get("number")
                .and_then(Value::as_str)
                .map(phone_words)
                .unwrap_or_default()
            {
                self.add_word(Field::Phone, cut(&word, WORD_BYTES).to_owned());
            }
        }
    }

    fn add(&mut self, field: Field, text: Option<&Value>) {
        for word in text
            .and_then(Value::as_str)
            .map(text_words)
            .unwrap_or_default()
        {
            self.add_word(field, word);
        }
    }

    fn add_word(&mut self, field: Field, word: String) {
        match self.0.entry(word) {
            Entry::Vacant(entry) => {
                entry.insert(field);
            }
            Entry::Occupied(mut entry) => {
                let first = field.min(*entry.get());
                entry.insert(first);
            }
        }
    }
}

fn entries<'a>(card: &'a Map<String, Value>, property: &str) -> impl Iterator<Item = &'a Value> {
    card.get(property)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
}
