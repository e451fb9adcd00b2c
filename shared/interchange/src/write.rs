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
        if nested.starts_with("BEGIN:VCARD") {
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
    let charset = if raw.is_ascii() { "" } else { ";CHARSET=UTF-8" };
    let plain = raw.is_ascii()
        && !raw.contains(|c: char| c.is_ascii_control() && c != '\t')
        && head.len() + 1 + raw.len() <= LINE_OCTETS;
    // Text that claims to be base64 has an encoding already.
    if plain || !property.param("ENCODING").is_empty() {
        fold(out, &format!("{head}{charset}:{raw}"));
        return;
    }
    out.push_str(head);
    out.push_str(charset);
    let mut line = head.len() + charset.len();
    let encoding = ";ENCODING=QUOTED-PRINTABLE:";
    out.push_str(encoding);
    line += encoding.len();
    let bytes = raw.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let last = at + 1 == bytes.len();
        let literal =
            matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
        let width = if literal { 1 } else { 3 };
        // One octet stays free for the "=" that breaks the line softly.
        if line + width + 1 > LINE_OCTETS && line > 0 {
            out.push_str("=\r\n");
            line = 0;
        }
        if literal {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("={byte:02X}"));
        }
        line += width;
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
