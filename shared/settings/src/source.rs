//! Where variables come from.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::Error;

/// The prefix that marks a variable as this product's.
const PREFIX: &str = "CONTACTS_";

/// Variables by name. Empty ones are left out: compose files and task definitions cannot unset.
#[derive(Clone, Default)]
pub struct Strings(BTreeMap<OsString, OsString>);

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Strings {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }
}

impl Strings {
    /// The process environment as it is now.
    #[must_use]
    pub fn env() -> Self {
        std::env::vars_os().collect()
    }

    pub(crate) fn os(&self, variable: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(variable)).map(OsString::as_os_str)
    }

    /// The variable as `read` understands it, None if it is unset.
    pub(crate) fn parse<T>(
        &self,
        variable: &'static str,
        should: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.parse_or(variable, should, read, |value| format!("{value:?}"))
    }

    /// As [`Strings::parse`], and the error does not repeat the value.
    pub(crate) fn parse_secret<T>(
        &self,
        variable: &'static str,
        should: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.parse_or(variable, should, read, |_| "not usable".to_owned())
    }

    fn parse_or<T>(
        &self,
        variable: &'static str,
        should: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        found: impl FnOnce(&OsStr) -> String,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.os(variable) else {
            return Ok(None);
        };
        match value.to_str().and_then(read) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(Error::Wrong {
                variable,
                found: found(value),
                should,
            }),
        }
    }

    /// Refuses a variable of our prefix that is not in `known`.
    pub(crate) fn refuse_unknown(&self, known: &[&'static str]) -> Result<(), Error> {
        for name in self.0.keys().map(|name| name.to_string_lossy()) {
            if !name.starts_with(PREFIX) || known.contains(&name.as_ref()) {
                continue;
            }
            let nearest = known.iter().min_by_key(|one| distance(&name, one));
            let variable = name.to_string();
            return Err(match nearest.filter(|one| is_near(&name, one)) {
                Some(nearest) => Error::Misspelt { variable, nearest },
                None => Error::Unknown {
                    variable,
                    known: known.to_vec(),
                },
            });
        }
        Ok(())
    }
}

/// Whether `name` may be a misspelling of `known`: most of what follows the prefix is the same.
fn is_near(name: &str, known: &str) -> bool {
    2 * distance(name, known) <= known.len() - PREFIX.len()
}

/// Levenshtein's edit distance, in bytes: variable names are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn the_distance_counts_insertions_deletions_and_substitutions() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
