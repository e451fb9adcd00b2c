//! How the values of properties are built: escapes, lists and components (RFC 6350 section 3.4,
//! RFC 2426 section 4, vCard 2.1 section 2).

use crate::property::{Property, Value};

/// How the value of a property is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One text.
    Text,
    /// Texts between commas.
    List,
    /// Components between semicolons, each a list of texts between commas.
    Lists,
    /// A URI, date, number or the like, without escapes.
    Plain,
    /// Of a property this crate does not know: never taken apart.
    Opaque,
}

const TEXT: &[&str] = &[
    "FN",
    "JSPROP",
    "X-JSPROP",
    "EMAIL",
    "TEL",
    "TITLE",
    "ROLE",
    "NOTE",
    "PRODID",
    "LANGUAGE",
    "EXPERTISE",
    "HOBBY",
    "INTEREST",
    "PRONOUNS",
    "GRAMGENDER",
    "BIRTHPLACE",
    "DEATHPLACE",
];
const PLAIN: &[&str] = &[
    "SOURCE",
    "PHOTO",
    "LOGO",
    "SOUND",
    "KEY",
    "URL",
    "FBURL",
    "CALADRURI",
    "CALURI",
    "IMPP",
    "MEMBER",
    "RELATED",
    "UID",
    "GEO",
    "TZ",
    "BDAY",
    "ANNIVERSARY",
    "DEATHDATE",
    "REV",
    "CREATED",
    "LANG",
    "KIND",
    "ORG-DIRECTORY",
    "CONTACT-URI",
    "SOCIALPROFILE",
];

/// How the value of `property` is built.
pub(crate) fn kind(property: &Property) -> Kind {
    let name = property.name.as_str();
    let value_type = property.param("VALUE").first();
    match name {
        "N" | "ADR" | "ORG" => Kind::Lists,
        "NICKNAME" | "CATEGORIES" => Kind::List,
        _ => match (TEXT.contains(&name), PLAIN.contains(&name), value_type) {
            (false, false, _) => Kind::Opaque,
            (_, _, Some(value_type)) if value_type.eq_ignore_ascii_case("text") => Kind::Text,
            (true, _, None) => Kind::Text,
            _ => Kind::Plain,
        },
    }
}

/// A value taken apart: components, each a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Decoded {
    Parts(Vec<Vec<String>>),
    Binary(Vec<u8>),
}

/// The meaning of a property's value: two values that differ only in needless escapes are equal.
pub(crate) fn decode(property: &Property) -> Decoded {
    let text = match &property.value {
        Value::Binary(bytes) => return Decoded::Binary(bytes.clone()),
        Value::Text(text) => text.as_str(),
    };
    Decoded::Parts(match kind(property) {
        Kind::Opaque => vec![vec![text.to_owned()]],
        Kind::Plain => vec![vec![unescape_plain(text)]],
        Kind::Text => vec![vec![unescape(text)]],
        Kind::List => vec![cut(text, ',').into_iter().map(unescape).collect()],
        Kind::Lists => cut(text, ';')
            .into_iter()
            .map(|part| cut(part, ',').into_iter().map(unescape).collect())
            .collect(),
    })
}

/// Writes components as a value of this kind.
pub(crate) fn encode(parts: &[Vec<String>], kind: Kind) -> String {
    let encode = match kind {
        Kind::Plain | Kind::Opaque => str::to_owned,
        _ => escape,
    };
    parts
        .iter()
        .map(|list| {
            list.iter()
                .map(|text| encode(text))
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect::<Vec<_>>()
        .join(";")
}

/// Escapes a text (RFC 6350 section 3.4).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ',' | ';' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out
}

/// Undoes the escapes of a text, those that only sloppy writers use (`\:`, `\"`) included.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(c @ ('\\' | ',' | ';' | ':' | '"')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// URIs and dates have no escapes, but some writers use them nevertheless.
fn unescape_plain(text: &str) -> String {
    text.replace("\\,", ",")
        .replace("\\;", ";")
        .replace("\\:", ":")
}

/// Cuts at every separator that no backslash precedes.
pub(crate) fn cut(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

/// Brings a value of 2.1, which escapes nothing but the semicolon and has no lists but those of
/// later versions' properties, to the form of 3.0 and 4.0. [`to_v2`] undoes it exactly.
pub(crate) fn from_v2(name: &str, raw: &str) -> String {
    let lists = matches!(name, "NICKNAME" | "CATEGORIES");
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next_if_eq(&';').is_some() => out.push_str("\\;"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            ',' if !lists => out.push_str("\\,"),
            _ => out.push(c),
        }
    }
    out
}

/// The value as 2.1 has it, before its transfer encoding.
pub(crate) fn to_v2(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(';') => out.push_str("\\;"),
            Some(c @ ('\\' | ',')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}
