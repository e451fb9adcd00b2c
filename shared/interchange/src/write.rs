//! Writes properties as one vCard of a version.

use crate::Version;
use crate::limits::LINE_OCTETS;
use crate::params;
use crate::property::{Property, Value};
use crate::value::{to_v2, unescape};

/// Writes one vCard: CRLF line ends, lines of at most 75 octets, no character split.
pub(crate) fn write(properties: &[Property], version: Version) -> String {
    let mut out = format!("BEGIN:VCARD\r\nVERSION:{version}\r\n");
    for property in properties {
        write_property(&mut out, property, version);
    }
    out.push_str("END:VCARD\r\n");
    out
}

fn write_property(out: &mut String, property: &Property, version: Version) {
    let head = params::write(property, version);
    match &property.value {
        Value::Binary(bytes) => {
            let encoding = if version == Version::V2_1 {
                "BASE64"
            } else {
                "B"
            };
            let data = data_encoding::BASE64.encode(bytes);
            fold(out, &format!("{head};ENCODING={encoding}:{data}"));
            if version == Version::V2_1 {
                // 2.1 ends base64 with a blank line.
                out.push_str("\r\n");
            }
        }
        Value::Text(text) if version == Version::V2_1 => write_v2(out, property, &head, text),
        Value::Text(text) => fold(out, &format!("{head}:{}", text.replace('\n', "\\n"))),
    }
}

/// In 2.1 line breaks, long lines and all that is not ASCII need quoted-printable.
fn write_v2(out: &mut String, property: &Property, head: &str, text: &str) {
    if property.name == "AGENT" {
        let nested = unescape(text);
        if is_one_vcard(&nested) {
            out.push_str(head);
            out.push_str(":\r\n");
            for line in nested.split('\n') {
                out.push_str(line);
                out.push_str("\r\n");
            }
            return;
        }
    }
    let raw = to_v2(text);
    let one_line = !raw.contains(|c: char| c.is_ascii_control() && c != '\t');
    // What could not be decoded when it was read is still encoded.
    match property.param("ENCODING") {
        [encoding] if one_line && encoding.eq_ignore_ascii_case("QUOTED-PRINTABLE") => {
            return soft_break(out, &format!("{head}:"), escapes(&raw));
        }
        [encoding] if one_line && params::is_base64(encoding) => {
            return fold(out, &format!("{head}:{raw}"));
        }
        _ => {}
    }
    if one_line && raw.is_ascii() && head.len() + 1 + raw.len() <= LINE_OCTETS {
        return fold(out, &format!("{head}:{raw}"));
    }
    let mut property = property.clone();
    let encodings = property.take_param("ENCODING");
    property.set_param(
        "ENCODING",
        encodings
            .into_iter()
            .filter(|e| !params::is_encoding(e))
            .collect(),
    );
    let head = params::write(&property, Version::V2_1);
    let charset = if raw.is_ascii() { "" } else { ";CHARSET=UTF-8" };
    let units = raw.bytes().enumerate().map(|(at, byte)| {
        let last = at + 1 == raw.len();
        let literal =
            matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
        match literal {
            true => char::from(byte).to_string(),
            false => format!("={byte:02X}"),
        }
    });
    soft_break(
        out,
        &format!("{head}{charset};ENCODING=QUOTED-PRINTABLE:"),
        units,
    );
}

/// Whether this is a whole vCard and nothing else, so that what follows it stays outside.
fn is_one_vcard(text: &str) -> bool {
    let mut lines = text.split('\n').map(str::trim);
    if lines
        .next()
        .is_none_or(|line| !line.eq_ignore_ascii_case("BEGIN:VCARD"))
    {
        return false;
    }
    let mut depth = 1;
    for line in lines {
        if depth == 0 {
            return false;
        }
        if line.eq_ignore_ascii_case("BEGIN:VCARD") {
            depth += 1;
        } else if line.eq_ignore_ascii_case("END:VCARD") {
            depth -= 1;
        }
    }
    depth == 0
}

/// Cuts quoted-printable text into what must not be broken.
fn escapes(text: &str) -> impl Iterator<Item = String> {
    let mut chars = text.chars();
    std::iter::from_fn(move || {
        let mut unit = chars.next()?.to_string();
        if unit == "=" {
            unit.extend(chars.by_ref().take(2));
        }
        Some(unit)
    })
}

/// RFC 2045 section 6.7, rule 5.
fn soft_break(out: &mut String, start: &str, units: impl Iterator<Item = String>) {
    out.push_str(start);
    let mut width = start.len();
    for unit in units {
        // One octet stays free for the "=" that breaks the line.
        if width + unit.len() + 1 > LINE_OCTETS {
            out.push_str("=\r\n");
            width = 0;
        }
        out.push_str(&unit);
        width += unit.len();
    }
    out.push_str("\r\n");
}

fn fold(out: &mut String, line: &str) {
    let mut width = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        // A CR that is content must not come to stand before a line end, which would swallow it.
        let next = if c == '\r' {
            chars.peek().copied().map_or(0, char::len_utf8)
        } else {
            0
        };
        if width + c.len_utf8() + next > LINE_OCTETS {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}
