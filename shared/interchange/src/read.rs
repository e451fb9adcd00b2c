//! Reads the properties of one vCard of any version: unfolds lines, joins quoted-printable and
//! base64, decodes charsets (RFC 6350 section 3, RFC 2426 section 2.6, vCard 2.1 section 2.1).

use encoding_rs::Encoding;

use crate::limits::PARAMETERS;
use crate::lines::{Line, lines, trim};
use crate::params::{self, Header};
use crate::property::{Property, Value};
use crate::value::from_v2;
use crate::{VCardError, Version};

/// A line with those that continue it.
struct Logical {
    number: usize,
    bytes: Vec<u8>,
    nested: Option<Vec<u8>>,
    /// How much of `bytes` has been searched for the colon.
    searched: usize,
    quoted: bool,
    /// Known once the colon has been found.
    transfer: Option<Transfer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Plain,
    QuotedPrintable,
    Base64,
}

impl Logical {
    fn new(line: &Line<'_>) -> Self {
        let mut logical = Self {
            number: line.number,
            bytes: Vec::new(),
            nested: None,
            searched: 0,
            quoted: false,
            transfer: None,
        };
        logical.extend(line.text);
        logical
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.transfer.is_some() {
            return;
        }
        for (at, byte) in self.bytes.iter().enumerate().skip(self.searched) {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b':' if !self.quoted => {
                    self.transfer = Some(transfer(&self.bytes[..at]));
                    break;
                }
                _ => {}
            }
        }
        self.searched = self.bytes.len();
    }

    fn is(&self, transfer: Transfer) -> bool {
        self.transfer == Some(transfer)
    }

    /// Some writers of 2.1 do not indent the lines of base64.
    fn continues_base64(&self, line: &[u8]) -> bool {
        self.is(Transfer::Base64)
            && line
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/= \t".contains(byte))
    }
}

fn transfer(head: &[u8]) -> Transfer {
    for param in head.split(|byte| *byte == b';').skip(1) {
        let token = match param.iter().position(|byte| *byte == b'=') {
            Some(at) if param[..at].eq_ignore_ascii_case(b"ENCODING") => &param[at + 1..],
            Some(_) => continue,
            None => param,
        };
        match token.to_ascii_uppercase().as_slice() {
            b"QUOTED-PRINTABLE" => return Transfer::QuotedPrintable,
            b"BASE64" | b"B" => return Transfer::Base64,
            _ => {}
        }
    }
    Transfer::Plain
}

/// Reads one vCard. `VERSION` may be missing, which means 3.0; it is not among the properties.
pub(crate) fn read(vcard: &[u8]) -> Result<(Version, Vec<Property>), VCardError> {
    let physical: Vec<_> = lines(vcard).collect();
    let version = version(&physical)?;
    let mut properties = Vec::new();
    for line in unfold(&physical, version)? {
        let property = property(&line, version)?;
        if property.name != "VERSION" {
            properties.push(property);
        }
    }
    Ok((version, properties))
}

fn version(physical: &[Line<'_>]) -> Result<Version, VCardError> {
    let mut depth = 0;
    let named = physical.iter().find_map(|line| {
        match trim(line.text).to_ascii_uppercase().as_slice() {
            b"BEGIN:VCARD" => depth += 1,
            b"END:VCARD" => depth -= 1,
            _ if depth > 1 => return None,
            _ => {}
        }
        let colon = line.text.iter().position(|byte| *byte == b':')?;
        let name = line.text[..colon].split(|byte| *byte == b';').next()?;
        name.eq_ignore_ascii_case(b"VERSION")
            .then_some((line.number, trim(&line.text[colon + 1..])))
    });
    let Some((line, value)) = named else {
        return Ok(Version::V3_0);
    };
    std::str::from_utf8(value)
        .ok()
        .and_then(|value| value.parse().ok())
        .ok_or(VCardError::UnknownVersion { line })
}

/// Joins the lines between `BEGIN` and `END`, nested vCards with the property they belong to.
fn unfold(physical: &[Line<'_>], version: Version) -> Result<Vec<Logical>, VCardError> {
    let is = |line: &Line<'_>, text: &[u8]| trim(line.text).eq_ignore_ascii_case(text);
    let mut rest = physical
        .iter()
        .skip_while(|line| trim(line.text).is_empty());
    let begin = rest.next().ok_or(VCardError::Empty)?;
    if !is(begin, b"BEGIN:VCARD") {
        return Err(VCardError::NotVCard { line: begin.number });
    }
    let mut logical: Vec<Logical> = Vec::new();
    while let Some(line) = rest.next() {
        if is(line, b"END:VCARD") {
            return match rest.find(|line| !trim(line.text).is_empty()) {
                Some(line) if is(line, b"BEGIN:VCARD") => {
                    Err(VCardError::Several { line: line.number })
                }
                Some(line) => Err(VCardError::NotVCard { line: line.number }),
                None => Ok(logical),
            };
        }
        if is(line, b"BEGIN:VCARD") {
            let Some(agent) = logical.last_mut().filter(|last| takes_nested(last)) else {
                return Err(VCardError::NotVCard { line: line.number });
            };
            agent.nested = Some(nested(line, &mut rest)?);
            continue;
        }
        let last = logical.last_mut().filter(|last| last.nested.is_none());
        match last {
            Some(last) if last.bytes.ends_with(b"=") && last.is(Transfer::QuotedPrintable) => {
                last.bytes.pop();
                last.extend(line.text);
            }
            Some(last) if line.text.starts_with(b" ") || line.text.starts_with(b"\t") => {
                // In 2.1 the white space belongs to the text; from 3.0 on its first octet does not.
                let skip = usize::from(version != Version::V2_1 || last.is(Transfer::Base64));
                last.extend(&line.text[skip..]);
            }
            _ if trim(line.text).is_empty() => {}
            Some(last) if last.continues_base64(line.text) => last.extend(line.text),
            _ => logical.push(Logical::new(line)),
        }
    }
    Err(VCardError::Unterminated { line: begin.number })
}

fn takes_nested(line: &Logical) -> bool {
    let (name, value) = halves(&line.bytes);
    let name = name.split(|byte| *byte == b';').next().unwrap_or_default();
    let name = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    line.nested.is_none()
        && name.eq_ignore_ascii_case(b"AGENT")
        && value.is_some_and(|value| trim(value).is_empty())
}

/// The lines of a nested vCard, its own `BEGIN` and `END` included.
fn nested<'a>(
    begin: &Line<'_>,
    rest: &mut impl Iterator<Item = &'a Line<'a>>,
) -> Result<Vec<u8>, VCardError> {
    let mut bytes = trim(begin.text).to_vec();
    let mut depth = 1;
    for line in rest {
        bytes.push(b'\n');
        bytes.extend_from_slice(line.text);
        if trim(line.text).eq_ignore_ascii_case(b"BEGIN:VCARD") {
            depth += 1;
        } else if trim(line.text).eq_ignore_ascii_case(b"END:VCARD") {
            depth -= 1;
            if depth == 0 {
                return Ok(bytes);
            }
        }
    }
    Err(VCardError::Unterminated { line: begin.number })
}

/// The line before the colon that ends name and parameters, and what follows it.
fn halves(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut quoted = false;
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b':' if !quoted => return (&line[..at], Some(&line[at + 1..])),
            _ => {}
        }
    }
    // A quote that nothing closes is no quote.
    match line.iter().position(|byte| *byte == b':') {
        Some(at) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    }
}

fn property(line: &Logical, version: Version) -> Result<Property, VCardError> {
    let number = line.number;
    let (head, value) = halves(&line.bytes);
    let head = std::str::from_utf8(head).map_err(|_| VCardError::NotUtf8 { line: number })?;
    let value = value.ok_or(VCardError::NotAProperty { line: number })?;
    let Header {
        mut property,
        charset,
        encoding,
    } = params::parse(head, version).ok_or(VCardError::NotAProperty { line: number })?;
    let count: usize = property.params.iter().map(|param| param.values.len()).sum();
    if count > PARAMETERS {
        return Err(VCardError::TooManyParameters {
            line: number,
            limit: PARAMETERS,
        });
    }
    if let Some(nested) = &line.nested {
        let text = std::str::from_utf8(nested).map_err(|_| VCardError::NotUtf8 { line: number })?;
        property.value = Value::Text(crate::value::escape(text));
        return Ok(property);
    }
    let encoding = encoding.as_deref().unwrap_or_default();
    if params::is_base64(encoding) {
        if let Some(bytes) = decode_base64(value) {
            property.value = Value::Binary(bytes);
            return Ok(property);
        }
        // Not base64, whatever it says (seen: PGP armour); kept as it is, parameter and all.
        property.push_param("ENCODING", encoding);
    }
    let is_quoted = encoding.eq_ignore_ascii_case("QUOTED-PRINTABLE");
    let decoded = match is_quoted {
        true => decode_quoted_printable(value),
        false => value.to_vec(),
    };
    let text = match decode_charset(decoded, charset.as_deref(), number) {
        Err(_) if is_quoted && value.is_ascii() => {
            // Seen: a character cut in half. The encoded text is kept as it is, parameters and all.
            property.push_param("ENCODING", encoding);
            property.set_param("CHARSET", charset.into_iter().collect());
            String::from_utf8_lossy(value).into_owned()
        }
        text => text?,
    };
    property.value = Value::Text(match version {
        Version::V2_1 => from_v2(&property.name, &text),
        _ => text,
    });
    Ok(property)
}

fn decode_charset(
    bytes: Vec<u8>,
    charset: Option<&str>,
    line: usize,
) -> Result<String, VCardError> {
    let label = charset.map(str::trim).filter(|label| {
        !label.eq_ignore_ascii_case("UTF-8") && !label.eq_ignore_ascii_case("US-ASCII")
    });
    let Some(label) = label else {
        return String::from_utf8(bytes).map_err(|_| VCardError::NotUtf8 { line });
    };
    Encoding::for_label(label.as_bytes())
        .and_then(|encoding| encoding.decode_without_bom_handling_and_without_replacement(&bytes))
        .map(|text| text.into_owned())
        .ok_or(VCardError::Charset { line })
}

/// Decodes base64 with or without padding, white space anywhere; nothing if it is something else.
pub(crate) fn decode_base64(value: &[u8]) -> Option<Vec<u8>> {
    let mut compact: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    while compact.last() == Some(&b'=') {
        compact.pop();
    }
    data_encoding::BASE64_NOPAD.decode(&compact).ok()
}

/// RFC 2045 section 6.7; what is no escape stays as it is.
fn decode_quoted_printable(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'=')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok());
        match escaped {
            Some(byte) => {
                out.extend(byte);
                rest = &tail[2..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}
