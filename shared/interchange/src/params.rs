//! Names, groups and parameters of a line, read and written (RFC 6350 section 3.3, RFC 6868).

use crate::Version;
use crate::jcard::is_token;
use crate::limits::PARAMETERS;
use crate::property::{Property, Value};

/// What stands before the colon, the transfer encoding apart.
pub(crate) struct Header {
    /// The property, its value still empty.
    pub(crate) property: Property,
    pub(crate) charset: Option<String>,
    pub(crate) encoding: Option<String>,
}

const ENCODINGS: &[&str] = &["QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"];

/// Reads `group.NAME;PARAM=VALUE,…`. A parameter without a name, as 2.1 has them, is a `TYPE`, or an
/// encoding if it is one.
pub(crate) fn parse(head: &str, version: Version) -> Option<Header> {
    let mut segments = cut_outside_quotes(head, ';').into_iter();
    let full_name = segments.next()?.trim();
    let (group, name) = match full_name.split_once('.') {
        Some((group, name)) if !group.is_empty() => (Some(group.to_owned()), name),
        _ => (None, full_name),
    };
    if !is_token(name) || !group.as_deref().is_none_or(is_token) {
        return None;
    }
    let mut header = Header {
        property: Property {
            group,
            name: name.to_ascii_uppercase(),
            params: Vec::new(),
            value: Value::Text(String::new()),
        },
        charset: None,
        encoding: None,
    };
    for segment in segments.take(PARAMETERS + 1) {
        let (name, values) = match segment.split_once('=') {
            Some((name, values)) => (name.trim().to_ascii_uppercase(), values),
            None if segment.is_empty() => continue,
            None if is_encoding(segment) => ("ENCODING".to_owned(), segment),
            None => ("TYPE".to_owned(), segment),
        };
        match name.as_str() {
            "CHARSET" => header.charset = Some(unquote(values, version)),
            "ENCODING" if is_encoding(values) => header.encoding = Some(values.to_owned()),
            _ => {
                // One more than allowed is enough to refuse the property.
                for value in cut_outside_quotes(values, ',')
                    .into_iter()
                    .take(PARAMETERS + 1)
                {
                    header.property.push_param(&name, unquote(value, version));
                }
            }
        }
    }
    Some(header)
}

/// Whether this names a transfer encoding.
pub(crate) fn is_encoding(text: &str) -> bool {
    ENCODINGS
        .iter()
        .any(|encoding| text.eq_ignore_ascii_case(encoding))
}

/// Whether this names base64.
pub(crate) fn is_base64(text: &str) -> bool {
    ["BASE64", "B"]
        .iter()
        .any(|encoding| text.eq_ignore_ascii_case(encoding))
}

fn cut_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let quoting = text.matches('"').count().is_multiple_of(2);
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        if c == '"' && quoting {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquote(value: &str, version: Version) -> String {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    if version != Version::V4_0 || !inner.contains('^') {
        return inner.to_owned();
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        let decoded = (c == '^')
            .then(|| match chars.peek() {
                Some('^') => Some('^'),
                Some('n') => Some('\n'),
                Some('\'') => Some('"'),
                _ => None,
            })
            .flatten();
        if decoded.is_some() {
            chars.next();
        }
        out.push(decoded.unwrap_or(c));
    }
    out
}

/// Writes `group.NAME;PARAM=VALUE,…`.
pub(crate) fn write(property: &Property, version: Version) -> String {
    let mut out = String::new();
    if let Some(group) = &property.group {
        out.push_str(group);
        out.push('.');
    }
    out.push_str(&property.name);
    for param in &property.params {
        let values = param.values.iter().map(|value| quote(value, version));
        if version == Version::V2_1 {
            for (value, quoted) in param.values.iter().zip(values) {
                out.push(';');
                // 2.1 leaves the name of TYPE out wherever that cannot be misread.
                if param.name != "TYPE" || !is_bare(value) {
                    out.push_str(&param.name);
                    out.push('=');
                }
                out.push_str(&quoted);
            }
        } else {
            out.push(';');
            out.push_str(&param.name);
            out.push('=');
            out.push_str(&values.collect::<Vec<_>>().join(","));
        }
    }
    out
}

fn is_bare(value: &str) -> bool {
    !value.is_empty()
        && !is_encoding(value)
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn quote(value: &str, version: Version) -> String {
    // Only 4.0 can write quotes and line breaks in a parameter (RFC 6868).
    let value = if version == Version::V4_0 {
        let mut out = String::with_capacity(value.len());
        for c in value.chars() {
            match c {
                '^' => out.push_str("^^"),
                '\n' => out.push_str("^n"),
                '"' => out.push_str("^'"),
                '\r' => {}
                _ => out.push(c),
            }
        }
        out
    } else {
        value.replace('\n', " ").replace('\r', "").replace('"', "'")
    };
    if value.contains([',', ';', ':']) {
        format!("\"{value}\"")
    } else {
        value
    }
}
