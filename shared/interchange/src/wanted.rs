//! What an import has to give back, compared with what an export would.

use std::collections::{HashMap, HashSet};

use crate::members::Item;
use crate::plan::Way;
use crate::property::Property;
use crate::value::{Decoded, decode};

/// What has to come out.
pub(crate) struct Wanted {
    /// Properties that are equal are of one class.
    classes: HashMap<Comparable, usize>,
    of: Vec<usize>,
    pub(crate) has_uid: bool,
}

impl Wanted {
    pub(crate) fn of(items: &[(Item, Way)]) -> Self {
        let mut classes = HashMap::new();
        let mut of = Vec::with_capacity(items.len());
        for (item, _) in items {
            let next = classes.len();
            of.push(
                *classes
                    .entry(Comparable::of(&item.property))
                    .or_insert(next),
            );
        }
        let has_uid = items.iter().any(|(item, _)| item.property.name == "UID");
        Self {
            classes,
            of,
            has_uid,
        }
    }

    /// All items that are equal to one of these.
    pub(crate) fn alike(&self, items: &[usize]) -> Vec<usize> {
        let classes: HashSet<usize> = items.iter().map(|at| self.of[*at]).collect();
        let all = self.of.iter().enumerate();
        all.filter(|(_, class)| classes.contains(class))
            .map(|(at, _)| at)
            .collect()
    }

    /// The items that are not among `made`, and what is too much there.
    pub(crate) fn compare<'p>(&self, made: &'p [Property]) -> (Vec<usize>, Vec<&'p Property>) {
        let mut found: Vec<Vec<&Property>> = vec![Vec::new(); self.classes.len()];
        let mut added = Vec::new();
        for property in made {
            match self.classes.get(&Comparable::of(property)) {
                Some(class) => found[*class].push(property),
                None => added.push(property),
            }
        }
        let lost = self.of.iter().enumerate();
        let lost = lost
            .filter(|(_, class)| found[**class].pop().is_none())
            .map(|(at, _)| at)
            .collect();
        added.extend(found.into_iter().flatten());
        (lost, added)
    }
}

/// A property as it is compared: parameters in any order, needless escapes aside.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Comparable {
    group: Option<String>,
    name: String,
    params: Vec<(String, Vec<String>)>,
    value: Decoded,
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
        }
    }
}
