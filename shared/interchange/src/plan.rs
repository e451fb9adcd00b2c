//! How the properties of a vCard get into a card: which of them can be shown, and at which members.

use std::collections::{HashMap, HashSet};

use contacts_card::limits::ENTRIES;

use crate::beyond::KEY;
use crate::members::Item;
use crate::property::Property;
use crate::table::{Place, place};
use crate::value::{Decoded, decode};

/// How a property gets into the card, from best to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// As a member, from which it comes back as it was.
    Shown,
    /// As a member for reading, and in `vCardProps`, linked to the member.
    Linked,
    /// In `vCardProps` alone.
    Kept,
}

/// The best way that each property may take, and the keys of the objects it becomes.
pub(crate) fn plan(properties: Vec<Property>) -> Vec<(Item, Way)> {
    let long = too_long(&properties);
    let mut firsts = HashSet::new();
    let mut keys = Keys::default();
    let mut items: Vec<_> = properties
        .into_iter()
        .map(|property| {
            let (keys, way) = match place(&property.name) {
                _ if property.is_jsprop() => (Vec::new(), Way::Shown),
                // A name made up from others is made up again.
                _ if property.name == "FN" && !property.param("DERIVED").is_empty() => {
                    (Vec::new(), Way::Kept)
                }
                // What could not be decoded cannot be shown.
                _ if !property.param("ENCODING").is_empty() => (Vec::new(), Way::Kept),
                _ if long.contains(&property.name) => (Vec::new(), Way::Kept),
                Place::Nowhere => (Vec::new(), Way::Kept),
                Place::First(_) if !firsts.insert(property.name.clone()) => (Vec::new(), Way::Kept),
                Place::First(_) | Place::Member(_) => (Vec::new(), Way::Shown),
                Place::Map(path) => (keys.of(&property, path), Way::Shown),
            };
            (Item { property, keys }, way)
        })
        .collect();
    for (place, date) in [("BIRTHPLACE", "BDAY"), ("DEATHPLACE", "DEATHDATE")] {
        let first = |name: &str| {
            items
                .iter()
                .position(|(item, _)| item.property.name == name)
        };
        let (Some(place), Some(date)) = (first(place), first(date)) else {
            continue;
        };
        let (date, way) = items[date].clone();
        let (item, _) = &items[place];
        let is_known = item.property.text().starts_with("geo:") || !item.property.is_of_type("uri");
        if is_known && way == Way::Shown && item.property.param("ENCODING").is_empty() {
            items[place].0.keys = date.keys;
            items[place].1 = way;
        }
    }
    items
}

/// The names of properties that have, together, more values than a card may have of a kind. Of `ADR`
/// one may have them alone.
fn too_long(properties: &[Property]) -> HashSet<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for property in properties.iter().filter(|property| !property.is_jsprop()) {
        let separators = property.text().matches([',', ';']).count();
        let count = counts.entry(&property.name).or_default();
        *count += match property.name.as_str() {
            "N" | "ORG" | "NICKNAME" | "CATEGORIES" => 1 + separators,
            "ADR" if separators >= ENTRIES => 1 + separators,
            _ => 1,
        };
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > ENTRIES)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Gives keys to the objects that properties become.
#[derive(Default)]
struct Keys {
    taken: HashSet<(&'static [&'static str], String)>,
    /// How many keys have been made up from the name of a property.
    made: HashMap<String, usize>,
}

impl Keys {
    /// The keys of the objects a property becomes: its own `PROP-ID` if it has a usable one.
    fn of(&mut self, property: &Property, path: &'static [&'static str]) -> Vec<String> {
        let count = match (property.name.as_str(), decode(property)) {
            ("NICKNAME", Decoded::Parts(parts)) => parts[0].len(),
            _ => 1,
        };
        let own = [KEY, "PROP-ID", "X-PROP-ID"]
            .iter()
            .find_map(|name| property.param(name).first())
            .filter(|id| count == 1 && is_id(id))
            .cloned();
        if let Some(own) = own
            && self.taken.insert((path, own.clone()))
        {
            return vec![own];
        }
        (0..count)
            .map(|_| self.make(&property.name, path))
            .collect()
    }

    fn make(&mut self, name: &str, path: &'static [&'static str]) -> String {
        let made = self.made.entry(name.to_owned()).or_default();
        loop {
            *made += 1;
            let key = format!("{}{made}", name.to_ascii_lowercase());
            if self.taken.insert((path, key.clone())) {
                return key;
            }
        }
    }
}

fn is_id(id: &str) -> bool {
    (1..=255).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
