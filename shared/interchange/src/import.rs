//! One vCard as a card.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use contacts_card::limits::NESTING;
use contacts_card::{Card, CardError};
use serde_json::{Map, Value as Json};

use crate::export::properties;
use crate::limits::{PROPERTIES, VCARD_BYTES};
use crate::members::{self, Item};
use crate::plan::{Way, plan};
use crate::property::Property;
use crate::wanted::Wanted;
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
    let (card, _) = Draft::new(properties, version, default_uid).finish()?;
    Ok(Imported { card, version })
}

/// Rounds of taking back. After [`SELECTIVE`] of them what still comes out otherwise is kept at once.
const ROUNDS: usize = 8;
const SELECTIVE: usize = 2;

/// A card in the making.
struct Draft<'a> {
    items: Vec<(Item, Way)>,
    groups: Groups,
    wanted: Wanted,
    version: Version,
    default_uid: &'a str,
}

impl<'a> Draft<'a> {
    fn new(properties: Vec<Property>, version: Version, default_uid: &'a str) -> Self {
        let items = plan(properties);
        Self {
            groups: Groups::of(&items),
            wanted: Wanted::of(&items),
            items,
            version,
            default_uid,
        }
    }

    /// Takes back what does not come out as it went in, until all does, and the card is valid. Gives
    /// the rounds that this took, too.
    fn finish(mut self) -> Result<(Card, usize), VCardError> {
        for round in 0..ROUNDS {
            let least = if round < SELECTIVE {
                Way::Linked
            } else {
                Way::Kept
            };
            self.check()?;
            let members = self.assemble();
            let altered = self.altered(&members);
            if !altered.is_empty() {
                self.degrade(&altered, least);
                continue;
            }
            match Card::parse(Json::Object(members)) {
                Ok(card) => return Ok((card, round + 1)),
                Err(error) => {
                    let invalid = self.invalid(&error);
                    if !self.degrade(&invalid, Way::Kept) {
                        return Err(error.into());
                    }
                }
            }
        }
        let all = self.groups.all();
        self.degrade(&all, Way::Kept);
        self.check()?;
        Ok((Card::parse(Json::Object(self.assemble()))?, ROUNDS + 1))
    }

    /// What is kept once is never shown alone again.
    fn check(&self) -> Result<(), VCardError> {
        let kept = self.items.iter().filter(|(_, way)| *way != Way::Shown);
        match kept.count() {
            actual if actual > PROPERTIES => Err(VCardError::TooManyProperties {
                limit: PROPERTIES,
                actual,
            }),
            _ => Ok(()),
        }
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

    /// Compares what would be exported with what was imported: the groups that have to go.
    fn altered(&self, members: &Map<String, Json>) -> HashSet<usize> {
        let made = properties(members, self.version);
        let (lost, added) = self.wanted.compare(&made);
        // Of those that are alike, one that is kept anyway may be called lost in place of one that is shown.
        for lost in [lost.clone(), self.wanted.alike(&lost)] {
            let lost = self.groups.of_items(lost);
            if lost.iter().any(|group| self.is_active(*group)) {
                return lost;
            }
        }
        let added: Vec<_> = added
            .into_iter()
            .filter(|made| self.wanted.has_uid || made.name != "UID")
            .collect();
        if added.is_empty() {
            return HashSet::new();
        }
        // Nothing is lost, but something was added: all of its kind is suspect.
        let suspects: HashSet<usize> = added
            .iter()
            .flat_map(|made| self.groups.within(&members::top(made)).collect::<Vec<_>>())
            .filter(|group| self.is_active(*group))
            .collect();
        if !suspects.is_empty() {
            return suspects;
        }
        // The name at least should be seen.
        let name: HashSet<_> = self.groups.within("name").collect();
        let all = self.groups.all();
        let others: HashSet<_> = all
            .difference(&name)
            .copied()
            .filter(|group| self.is_active(*group))
            .collect();
        if others.is_empty() { all } else { others }
    }

    fn is_active(&self, group: usize) -> bool {
        self.groups.items[group]
            .iter()
            .any(|at| self.items[*at].1 != Way::Kept)
    }

    /// The groups that the error is about.
    fn invalid(&self, error: &CardError) -> HashSet<usize> {
        match error {
            CardError::Invalid(violations) => {
                let all_told = violations.len() < contacts_card::limits::VIOLATIONS;
                violations
                    .iter()
                    .map(|violation| violation.pointer.trim_start_matches('/'))
                    .flat_map(|path| {
                        let path = match path.split_once('/') {
                            // There are more than the error names: all of this kind are suspect.
                            Some((member, _)) if !all_told => member,
                            _ => path,
                        };
                        self.groups.around(path)
                    })
                    .collect()
            }
            // Kept alone, properties take less room than shown and kept.
            CardError::TooLarge { .. } => {
                let linked = self.items.iter().enumerate();
                self.groups.of_items(
                    linked
                        .filter(|(_, (_, way))| *way == Way::Linked)
                        .map(|(at, _)| at),
                )
            }
            _ => HashSet::new(),
        }
    }

    /// Moves the properties of these groups to a later way: at least this one, and always a later one
    /// than before. Says whether there were any.
    fn degrade(&mut self, groups: &HashSet<usize>, least: Way) -> bool {
        let mut any = false;
        for at in groups.iter().flat_map(|group| &self.groups.items[*group]) {
            let (_, way) = &mut self.items[*at];
            if *way != Way::Kept {
                *way = if *way == Way::Shown { least } else { Way::Kept };
                any = true;
            }
        }
        any
    }
}

/// The properties that share members with each other, or are inside one another's, directly or
/// through others: they are shown together or not at all.
struct Groups {
    /// By the pointers of their members.
    pointers: BTreeMap<String, usize>,
    /// The items of each.
    items: Vec<Vec<usize>>,
    of: Vec<Option<usize>>,
}

impl Groups {
    fn of(items: &[(Item, Way)]) -> Self {
        let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
        let mut parents: Vec<usize> = (0..items.len()).collect();
        for (at, (item, way)) in items.iter().enumerate() {
            if *way == Way::Kept {
                continue;
            }
            for pointer in item.pointers() {
                match firsts.entry(pointer) {
                    Entry::Vacant(entry) => {
                        entry.insert(at);
                    }
                    Entry::Occupied(entry) => {
                        let (a, b) = (root(&mut parents, at), root(&mut parents, *entry.get()));
                        parents[a.max(b)] = a.min(b);
                    }
                }
            }
        }
        for (pointer, at) in &firsts {
            for outer in around(pointer).filter_map(|outer| firsts.get(outer)) {
                let (a, b) = (root(&mut parents, *at), root(&mut parents, *outer));
                parents[a.max(b)] = a.min(b);
            }
        }
        let mut groups = Self {
            pointers: BTreeMap::new(),
            items: vec![Vec::new(); items.len()],
            of: vec![None; items.len()],
        };
        for (pointer, at) in firsts {
            let group = root(&mut parents, at);
            groups.pointers.insert(pointer, group);
        }
        for (at, (item, way)) in items.iter().enumerate() {
            if *way != Way::Kept && !item.pointers().is_empty() {
                let group = root(&mut parents, at);
                groups.items[group].push(at);
                groups.of[at] = Some(group);
            }
        }
        groups
    }

    fn all(&self) -> HashSet<usize> {
        self.of.iter().flatten().copied().collect()
    }

    fn of_items(&self, items: impl IntoIterator<Item = usize>) -> HashSet<usize> {
        items.into_iter().filter_map(|at| self.of[at]).collect()
    }

    /// Those with the member at this pointer, or with members inside it.
    fn within(&self, pointer: &str) -> impl Iterator<Item = usize> {
        let inside = format!("{pointer}/");
        let own = self.pointers.get(pointer).copied();
        own.into_iter().chain(
            self.pointers
                .range(inside.clone()..)
                .take_while(move |(pointer, _)| pointer.starts_with(&inside))
                .map(|(_, group)| *group),
        )
    }

    /// Those with the member at this pointer, with members inside it, or with one around it.
    fn around(&self, pointer: &str) -> Vec<usize> {
        let outer = around(pointer).filter_map(|outer| self.pointers.get(outer).copied());
        outer.chain(self.within(pointer)).collect()
    }
}

/// The pointers to what is around the member at this one.
fn around(pointer: &str) -> impl Iterator<Item = &str> {
    let slashes = pointer.match_indices('/').take(NESTING);
    slashes.map(|(at, _)| &pointer[..at])
}

/// The root of a tree of parents, whose branches it shortens.
fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(version: &str, lines: impl Iterator<Item = String>) -> usize {
        let lines: Vec<_> = lines.collect();
        let text = format!(
            "BEGIN:VCARD\r\nVERSION:{version}\r\n{}\r\nEND:VCARD\r\n",
            lines.join("\r\n")
        );
        let (version, properties) = read(text.as_bytes()).unwrap();
        let (_, rounds) = Draft::new(properties, version, "urn:uuid:0")
            .finish()
            .unwrap();
        rounds
    }

    #[test]
    fn many_properties_take_as_few_rounds_as_few_do() {
        for (version, make) in [
            ("3.0", |n| format!("BDAY:1980{n:04}")),
            ("3.0", |n| format!("PHOTO;ENCODING=b:{n:04}")),
            ("3.0", |n| format!("GEO:{};{n}", n % 90)),
            ("3.0", |n| format!("NOTE;X-A={n}:{n}")),
            ("4.0", |n| format!("RELATED;TYPE=Friend;X-A=1:Bob{n}")),
            ("4.0", |n| format!("CATEGORIES;X-A={n}:a{n}")),
            ("4.0", |n| format!("ORG;TYPE=work:{n};b;c")),
            ("4.0", |n| format!("JSPROP;JSPTR=x:{n}")),
            ("4.0", |n| {
                format!("JSPROP;JSPTR=\"x{}\":{{}}", "/a".repeat(n / 8))
            }),
        ] as [(&str, fn(usize) -> String); 9]
        {
            let rounds = rounds(version, (0..990).map(make));
            assert!(rounds <= SELECTIVE + 2, "{rounds} rounds for {}", make(1));
        }
    }
}
