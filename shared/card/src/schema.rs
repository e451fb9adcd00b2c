//! What the tables of [`crate::rfc9553`] are made of.

use serde_json::{Map, Value};

use crate::error::Report;
use crate::rfc9553::EVERYWHERE;
use crate::syntax::Syntax;

/// What a value must be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Anything: unknown and vendor properties.
    Any,
    /// A string of this syntax.
    Text(&'static Syntax),
    /// Exactly this string.
    Exactly(&'static str),
    Bool,
    /// `true`: the value of every set member.
    True,
    /// An integer in this range.
    Int(u64, u64),
    Object(&'static Type),
    /// `PartialDate` or `Timestamp`.
    Date,
    /// An object used as a map, with keys of this syntax.
    Map(&'static Syntax, &'static Kind),
    /// An array with at least this many entries.
    List(usize, &'static Kind),
    /// The patches of one language.
    Patch,
    /// A property in jCard form (RFC 7095, section 3.3).
    JCardProperty,
    /// A vCard parameter's value or values.
    ParameterValue,
}

/// Reports what a table cannot see: how the members of one object depend on each other.
pub(crate) type Rule = fn(&Map<String, Value>, &mut Report);

/// An object type.
pub(crate) struct Type {
    /// The value of `@type`.
    pub(crate) name: &'static str,
    pub(crate) properties: &'static [(&'static str, Kind)],
    pub(crate) mandatory: &'static [&'static str],
    /// At least one of these must be there, if there are any.
    pub(crate) one_of: &'static [&'static str],
    pub(crate) rule: Option<Rule>,
}

/// An object type whose members are all optional.
pub(crate) const fn object(
    name: &'static str,
    properties: &'static [(&'static str, Kind)],
) -> Type {
    Type {
        name,
        properties,
        mandatory: &[],
        one_of: &[],
        rule: None,
    }
}

impl Type {
    pub(crate) const fn mandatory(self, mandatory: &'static [&'static str]) -> Self {
        Self { mandatory, ..self }
    }

    pub(crate) const fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Self { one_of, ..self }
    }

    pub(crate) const fn rule(self, rule: Rule) -> Self {
        Self {
            rule: Some(rule),
            ..self
        }
    }

    /// What the property `name` must hold.
    pub(crate) fn property(&self, name: &str) -> Kind {
        if name == "@type" {
            return Kind::Exactly(self.name);
        }
        let listed = |table: &[(&str, Kind)]| {
            table
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, kind)| *kind)
        };
        listed(self.properties)
            .or_else(|| listed(EVERYWHERE))
            .unwrap_or(Kind::Any)
    }
}
