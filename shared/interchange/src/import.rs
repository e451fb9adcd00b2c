//! One vCard as a card.

use contacts_card::{Card, CardError};
use serde_json::{Map, Value as Json};

use crate::export::properties;
use crate::limits::{PROPERTIES, VCARD_BYTES};
use crate::members::{self, Item};
use crate::property::Property;
use crate::table::{Place, place};
use crate::value::{Decoded, decode};
use crate::{VCardError, Version, jcard, read::read};

/// A vCard as a card.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Imported {
    /// The card.
    pub card: Card,
    /// The vCard's version; 3.0 if it names none.
    pub version: Version,
}

/// Converts one vCard. Its bytes must be UTF-8, or in the charset that a property names (2.1).
///
/// The vCard's own `UID` is the card's `uid`; `default_uid` is for a vCard without one.
///
/// # Errors
/// [`VCardError`], whose texts are meant for the sender.
pub fn import(vcard: &[u8], default_uid: &str) -> Result<Imported, VCardError> {
    if vcard.len() > VCARD_BYTES {
        return Err(VCardError::TooLarge {
            limit: VCARD_BYTES,
            actual: vcard.len(),
        });
    }
    let (version, properties) = read(vcard)?;
    if properties.len() > PROPERTIES {
        return Err(VCardError::TooManyProperties {
            limit: PROPERTIES,
            actual: properties.len(),
        });
    }
    let card = Draft::new(properties, version, default_uid).finish()?;
    Ok(Imported { card, version })
}

/// Rounds of taking back. Three suffice unless properties depend on each other in a row.
const ROUNDS: usize = 16;

/// How a property gets into the card, from best to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// As a member, from which it comes back as it was.
    Shown,
    /// As a member for reading, and in `vCardProps`, linked to the member.
    Linked,
    /// In `vCardProps` alone.
    Kept,
}

/// A card in the making.
struct Draft<'a> {
    items: Vec<(Item, Way)>,
    version: Version,
    default_uid: &'a str,
}

impl<'a> Draft<'a> {
    fn new(properties: Vec<Property>, version: Version, default_uid: &'a str) -> Self {
        let long = too_long(&properties);
        let mut firsts = Vec::new();
        let mut keys = Vec::new();
        let items = properties
            .into_iter()
            .map(|property| {
                let (keys, way) = match place(&property.name) {
                    _ if property.name == "JSPROP" => (Vec::new(), Way::Shown),
                    // A name made up from others is made up again.
                    _ if property.name == "FN" && !property.param("DERIVED").is_empty() => {
                        (Vec::new(), Way::Kept)
                    }
                    // What could not be decoded cannot be shown.
                    _ if !property.param("ENCODING").is_empty() => (Vec::new(), Way::Kept),
                    _ if long.contains(&property.name) => (Vec::new(), Way::Kept),
                    Place::Nowhere => (Vec::new(), Way::Kept),
                    Place::First(_) if firsts.contains(&property.name) => (Vec::new(), Way::Kept),
                    Place::First(_) => {
                        firsts.push(property.name.clone());
                        (Vec::new(), Way::Shown)
                    }
                    Place::Member(_) => (Vec::new(), Way::Shown),
                    Place::Map(path) => (make_keys(&property, path, &mut keys), Way::Shown),
                };
                (Item { property, keys }, way)
            })
            .collect();
        Self {
            items,
            version,
            default_uid,
        }
    }

    /// Takes back what does not come out as it went in, until all does, and the card is valid.
    fn finish(mut self) -> Result<Card, VCardError> {
        for _ in 0..ROUNDS {
            let members = self.assemble();
            if self.degrade_altered(&members) {
                continue;
            }
            match Card::parse(Json::Object(members)) {
                Ok(card) => return Ok(card),
                Err(error) => {
                    if !self.degrade_invalid(&error) {
                        return Err(error.into());
                    }
                }
            }
        }
        self.degrade(|_| true, Way::Kept);
        Ok(Card::parse(Json::Object(self.assemble()))?)
    }

    fn assemble(&self) -> Map<String, Json> {
        let mut card = Map::new();
        card.insert("@type".into(), "Card".into());
        card.insert("version".into(), "1.0".into());
        card.insert("uid".into(), self.default_uid.into());
        let shown: Vec<_> = self
            .items
            .iter()
            .filter(|(_, way)| *way != Way::Kept)
            .map(|(item, _)| item.clone())
            .collect();
        card.extend(members::show(&shown, self.version));
        // Says that this card was a vCard, and of which version.
        let mut kept = vec![jcard::entry(
            &Property::new("VERSION", self.version.as_str()),
            &[],
        )];
        for (item, way) in &self.items {
            match way {
                Way::Shown => {}
                Way::Linked => kept.push(jcard::entry(&item.property, &item.pointers())),
                Way::Kept => kept.push(jcard::entry(&item.property, &[])),
            }
        }
        card.insert("vCardProps".into(), Json::Array(kept));
        card
    }

    /// Compares what would be exported with what was imported. Says whether anything had to go.
    fn degrade_altered(&mut self, members: &Map<String, Json>) -> bool {
        let mut made: Vec<_> = properties(members, self.version)
            .iter()
            .map(Comparable::of)
            .collect();
        let mut lost = Vec::new();
        for (at, (item, _)) in self.items.iter().enumerate() {
            let wanted = Comparable::of(&item.property);
            match made.iter().position(|made| *made == wanted) {
                Some(found) => {
                    made.swap_remove(found);
                }
                None => lost.push(at),
            }
        }
        let mut pointers: Vec<String> = Vec::new();
        for at in lost {
            pointers.extend(self.items[at].0.pointers());
        }
        let has_uid = self
            .items
            .iter()
            .any(|(item, _)| item.property.name == "UID");
        made.retain(|made| has_uid || made.name != "UID");
        if pointers.is_empty() {
            // Nothing is lost, but something was added: all of its kind is suspect.
            for made in &made {
                let member = match place(&made.name) {
                    Place::Map(path) => path[0],
                    Place::Member(member) | Place::First(member) => member,
                    Place::Nowhere => made.pointer.split('/').next().unwrap_or_default(),
                };
                for (item, _) in &self.items {
                    pointers.extend(
                        item.pointers()
                            .into_iter()
                            .filter(|pointer| pointer.split('/').next() == Some(member)),
                    );
                }
            }
            if pointers.is_empty() && !made.is_empty() {
                // The name at least should be seen.
                return self.degrade(|pointer| !pointer.starts_with("name/"), Way::Kept)
                    || self.degrade(|_| true, Way::Kept);
            }
        }
        self.degrade(|pointer| pointers.iter().any(|p| p == pointer), Way::Linked)
    }

    fn degrade_invalid(&mut self, error: &CardError) -> bool {
        match error {
            CardError::Invalid(violations) => {
                let bad = |pointer: &str| {
                    violations.iter().any(|violation| {
                        let path = violation.pointer.trim_start_matches('/');
                        path == pointer
                            || path
                                .strip_prefix(pointer)
                                .is_some_and(|rest| rest.starts_with('/'))
                            || pointer
                                .strip_prefix(path)
                                .is_some_and(|rest| rest.starts_with('/'))
                    })
                };
                self.degrade(bad, Way::Kept)
            }
            // Kept alone, properties take less room than shown and kept.
            CardError::TooLarge { .. } => {
                let linked: Vec<_> = self
                    .items
                    .iter()
                    .filter(|(_, way)| *way == Way::Linked)
                    .flat_map(|(item, _)| item.pointers())
                    .collect();
                self.degrade(|pointer| linked.iter().any(|p| p == pointer), Way::Kept)
            }
            _ => false,
        }
    }

    /// Moves the properties shown at these pointers, and all that share a member with them, to a
    /// later way: at least this one, and always a later one than before. Says whether there were any.
    fn degrade(&mut self, affected: impl Fn(&str) -> bool, least: Way) -> bool {
        let mut pointers: Vec<String> = Vec::new();
        loop {
            let before = pointers.len();
            for (item, way) in &self.items {
                let own = item.pointers();
                if *way != Way::Kept && own.iter().any(|p| affected(p) || pointers.contains(p)) {
                    for pointer in own {
                        if !pointers.contains(&pointer) {
                            pointers.push(pointer);
                        }
                    }
                }
            }
            if pointers.len() == before {
                break;
            }
        }
        let mut any = false;
        for (item, way) in &mut self.items {
            if *way != Way::Kept && item.pointers().iter().any(|p| pointers.contains(p)) {
                *way = match item.property.name.as_str() {
                    "JSPROP" => Way::Kept,
                    _ if *way == Way::Shown => least,
                    _ => Way::Kept,
                };
                any = true;
            }
        }
        any
    }
}

/// The names of properties that have, together, more values than a card may have of a kind.
fn too_long(properties: &[Property]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for property in properties {
        let values = property.text().matches([',', ';']).count();
        match counts.iter_mut().find(|(name, _)| *name == property.name) {
            Some((_, count)) => *count += values,
            None => counts.push((&property.name, values)),
        }
    }
    counts.retain(|(name, count)| {
        *count > PROPERTIES && matches!(*name, "N" | "ADR" | "ORG" | "NICKNAME" | "CATEGORIES")
    });
    counts
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The keys of the objects a property becomes: its own `PROP-ID` if it has a usable one.
fn make_keys(
    property: &Property,
    path: &'static [&'static str],
    taken: &mut Vec<(&'static [&'static str], String)>,
) -> Vec<String> {
    let count = match (property.name.as_str(), decode(property)) {
        ("NICKNAME", Decoded::Parts(parts)) => parts[0].len(),
        _ => 1,
    };
    let is_id = |id: &&String| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let own = match property.param("PROP-ID") {
        [id] if count == 1 => Some(id).filter(is_id),
        _ => None,
    };
    let mut keys = Vec::new();
    for _ in 0..count {
        let stem = property.name.to_ascii_lowercase();
        let candidates = own
            .cloned()
            .into_iter()
            .chain((1..).map(|n| format!("{stem}{n}")));
        for key in candidates {
            if !taken.iter().any(|(p, k)| *p == path && *k == key) {
                taken.push((path, key.clone()));
                keys.push(key);
                break;
            }
        }
    }
    keys
}

/// A property as it is compared: parameters in any order, needless escapes aside.
#[derive(Debug, PartialEq, Eq)]
struct Comparable {
    group: Option<String>,
    name: String,
    params: Vec<(String, Vec<String>)>,
    value: Decoded,
    pointer: String,
}

impl Comparable {
    fn of(property: &Property) -> Self {
        let mut params: Vec<_> = property
            .params
            .iter()
            .map(|param| (param.name.clone(), param.values.clone()))
            .collect();
        params.sort();
        Self {
            group: property.group.clone(),
            name: property.name.clone(),
            params,
            value: decode(property),
            pointer: property.param("JSPTR").first().cloned().unwrap_or_default(),
        }
    }
}
