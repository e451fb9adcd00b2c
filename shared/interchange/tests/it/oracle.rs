//! A second reader of vCards, simple and strict, that the crate's own is checked against.

/// A property as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Property {
    pub(crate) group: String,
    pub(crate) name: String,
    /// Sorted; each value on its own.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) value: Vec<Vec<String>>,
}

/// The properties of one vCard, `BEGIN` and `END` included, sorted.
pub(crate) fn properties(vcard: &[u8]) -> Vec<Property> {
    let vcard = vcard.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(vcard);
    let text: String = vcard.iter().map(|byte| char::from(*byte)).collect();
    let v2 = text.contains("VERSION:2.1");
    let v4 = text.contains("VERSION:4.0");
    let mut lines: Vec<String> = Vec::new();
    let mut depth = 0;
    for line in text.split('\n') {
        let line = line.trim_end_matches('\r');
        if line == "BEGIN:VCARD" {
            depth += 1;
        }
        let last = lines.last_mut();
        match last {
            Some(last) if depth > 1 => {
                last.push_str(&format!("\n{line}"));
            }
            Some(last) if last.ends_with('=') && last.contains("QUOTED-PRINTABLE") => {
                last.pop();
                last.push_str(line);
            }
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(&line[1..]),
            _ if line.is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
        if line == "END:VCARD" {
            depth -= 1;
        }
    }
    let mut out: Vec<_> = lines.iter().map(|line| property(line, v2, v4)).collect();
    out.sort();
    out
}

fn property(line: &str, v2: bool, v4: bool) -> Property {
    let mut quoted = false;
    let colon = line
        .char_indices()
        .find(|(_, c)| {
            quoted ^= *c == '"';
            *c == ':' && !quoted
        })
        .unwrap_or_else(|| panic!("no colon in {line}"))
        .0;
    let mut head = split_quoted(&line[..colon], ';').into_iter();
    let name = head.next().unwrap();
    let (group, name) = name.split_once('.').unwrap_or(("", &name));
    let mut out = Property {
        group: group.to_owned(),
        name: name.to_uppercase(),
        params: Vec::new(),
        value: Vec::new(),
    };
    let (mut charset, mut encoding) = (String::new(), String::new());
    for param in head {
        let (name, values) = match param.split_once('=') {
            Some((name, values)) => (name.to_uppercase(), values.to_owned()),
            None if ["QUOTED-PRINTABLE", "BASE64"].contains(&param.as_str()) => {
                ("ENCODING".to_owned(), param)
            }
            None => ("TYPE".to_owned(), param),
        };
        match name.as_str() {
            "CHARSET" => charset = values.to_uppercase(),
            "ENCODING" => encoding = values.to_uppercase(),
            _ => {
                for value in split_quoted(&values, ',') {
                    let value = value.trim_matches('"');
                    let value = if v4 {
                        let value = value.replace("^^", "\u{0}").replace("^n", "\n");
                        value.replace("^'", "\"").replace('\u{0}', "^")
                    } else {
                        value.to_owned()
                    };
                    out.params.push((name.clone(), utf8(&value)));
                }
            }
        }
    }
    out.params.sort();
    let raw = &line[colon + 1..];
    let raw = match encoding.as_str() {
        "QUOTED-PRINTABLE" => quoted_printable(raw),
        "B" | "BASE64" => raw.split_whitespace().collect(),
        _ => raw.to_owned(),
    };
    let raw = match charset.as_str() {
        "ISO-8859-1" => raw,
        _ => utf8(&raw),
    };
    out.value = match out.name.as_str() {
        _ if raw.contains("BEGIN:VCARD") => vec![vec![raw.trim().replace('\r', "")]],
        name if name.starts_with("X-") && !v2 => vec![vec![raw]],
        "N" | "ADR" | "ORG" => split_escaped(&raw, ';')
            .into_iter()
            .map(|part| match v2 {
                true => vec![part.replace("\\;", ";")],
                false => split_escaped(&part, ',')
                    .iter()
                    .map(|text| unescape(text))
                    .collect(),
            })
            .collect(),
        "NICKNAME" | "CATEGORIES" if !v2 => {
            vec![
                split_escaped(&raw, ',')
                    .iter()
                    .map(|text| unescape(text))
                    .collect(),
            ]
        }
        _ if v2 => vec![vec![raw.replace("\\;", ";")]],
        _ => vec![vec![unescape(&raw)]],
    };
    out
}

/// Text whose characters stand for the bytes of UTF-8, or of something else.
fn utf8(bytes: &str) -> String {
    String::from_utf8(bytes.chars().map(|c| c as u8).collect()).unwrap_or_else(|_| bytes.to_owned())
}

fn split_quoted(text: &str, separator: char) -> Vec<String> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .map(str::to_owned)
    .collect()
}

fn split_escaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                parts.last_mut().unwrap().push('\\');
                parts.last_mut().unwrap().extend(chars.next());
            }
            c if c == separator => parts.push(String::new()),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    parts
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(c) if "\\,;:\"".contains(c) => out.push(c),
                // No escape of any version: the backslash is content.
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match rest
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) if c == '=' => {
                out.push(char::from(byte));
                rest = &rest[2..];
            }
            _ => out.push(c),
        }
    }
    out
}
