//! Brings properties of 2.1 and 3.0 to the form of 4.0, which is the only one calcard is given, and
//! properties of 4.0 to the form of the older versions (RFC 6350 appendix A, RFC 2426 section 5).

use crate::Version;
use crate::property::{Param, Property, Value};
use crate::table::{ADDRESS_PARAMS, shows_param, shows_type};
use crate::value::{Decoded, Kind, decode, encode, escape, kind};

const OCTETS: &str = "application/octet-stream";
/// Values of `TYPE` beside binary data that name no format.
const NO_FORMATS: &[&str] = &["home", "work", "pref", "internet"];

/// Properties that are made of members and came with 4.0 (RFC 6350, 6474, 6715, 8605 and 9554).
const LATER: &[&str] = &[
    "ANNIVERSARY",
    "BIRTHPLACE",
    "CONTACT-URI",
    "CREATED",
    "DEATHDATE",
    "DEATHPLACE",
    "EXPERTISE",
    "GRAMGENDER",
    "HOBBY",
    "INTEREST",
    "KIND",
    "LANG",
    "LANGUAGE",
    "MEMBER",
    "ORG-DIRECTORY",
    "PRONOUNS",
    "RELATED",
    "SOCIALPROFILE",
];
/// Parameters that did so.
const LATER_PARAMS: &[&str] = &[
    "AUTHOR",
    "AUTHOR-NAME",
    "CALSCALE",
    "CC",
    "CREATED",
    "DERIVED",
    "GEO",
    "INDEX",
    "JSCOMPS",
    "LABEL",
    "LEVEL",
    "MEDIATYPE",
    "PHONETIC",
    "PREF",
    "SCRIPT",
    "SERVICE-TYPE",
    "SORT-AS",
    "TZ",
    "USERNAME",
];

/// Whether this version does not have the property yet.
pub(crate) fn is_later(name: &str, version: Version) -> bool {
    version != Version::V4_0 && LATER.contains(&name)
}

/// What this version calls `JSPROP` (RFC 9555 section 3.2.1) and its parameter `JSPTR`.
pub(crate) fn jsprop(version: Version) -> (&'static str, &'static str) {
    match version {
        Version::V4_0 => ("JSPROP", "JSPTR"),
        _ => ("X-JSPROP", "X-JSPTR"),
    }
}

/// What this version calls `PROP-ID` (RFC 9554 section 4.7).
pub(crate) fn prop_id(version: Version) -> &'static str {
    match version {
        Version::V4_0 => "PROP-ID",
        _ => "X-PROP-ID",
    }
}

/// The part of a property that JSContact shows, as 4.0 has it.
pub(crate) fn shown(property: &Property, version: Version) -> Property {
    let mut out = Property::new(&property.name, "");
    for param in &property.params {
        if param.name == "TYPE" {
            for value in types(&param.values) {
                if is_pref(value, version) && shows_param(&property.name, "PREF") {
                    out.set_param("PREF", vec!["1".into()]);
                } else if shows_type(&property.name, value) {
                    out.push_param("TYPE", value);
                }
            }
        } else if shows_param(&property.name, &param.name) && is_plain(&param.values) {
            out.params.push(param.clone());
        }
    }
    out.value = Value::Text(match &property.value {
        Value::Binary(bytes) => {
            let media_type = media_type(&property.name, property.param("TYPE"));
            format!(
                "data:{media_type};base64,{}",
                data_encoding::BASE64.encode(bytes)
            )
        }
        Value::Text(text) if is_date(&property.name) && is_full_date(text) => {
            text.replace(['-', ':'], "")
        }
        Value::Text(text) => match decode(property) {
            Decoded::Parts(mut parts) => {
                for text in parts.iter_mut().flatten() {
                    text.retain(|c| c != '\r');
                }
                encode(&parts, kind(property))
            }
            Decoded::Binary(_) => text.clone(),
        },
    });
    out
}

/// The parameters that have to be kept beside what JSContact shows.
pub(crate) fn hidden(property: &Property, version: Version) -> Vec<Param> {
    property
        .params
        .iter()
        .filter(|param| {
            if param.name == "TYPE" {
                !types_are_exact(property, &param.values, version)
            } else if let Some((_, [_])) = address_member(property, param) {
                false
            } else {
                !shows_param(&property.name, &param.name) || !is_plain(&param.values)
            }
        })
        .cloned()
        .collect()
}

/// The member of an address that shows this parameter, and the values of the latter.
pub(crate) fn address_member<'a>(
    property: &Property,
    param: &'a Param,
) -> Option<(&'static str, &'a [String])> {
    let mut known = ADDRESS_PARAMS.iter();
    let (_, member) = known.find(|(name, _)| property.name == "ADR" && *name == param.name)?;
    Some((member, &param.values))
}

/// Whether these types come back from JSContact as they are: spelling and order included.
fn types_are_exact(property: &Property, values: &[String], version: Version) -> bool {
    let [value] = values else { return false };
    if matches!(property.value, Value::Binary(_)) {
        return *value == format_name(&media_type(&property.name, values));
    }
    let spelled = match version {
        Version::V4_0 => value.to_ascii_lowercase(),
        _ => value.to_ascii_uppercase(),
    };
    *value == spelled
        && (shows_type(&property.name, value)
            || is_pref(value, version) && shows_param(&property.name, "PREF"))
}

/// The types of a parameter; `TYPE="work,voice"`, of RFC 6350's own examples, is two.
pub(crate) fn types(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().flat_map(|value| value.split(','))
}

/// Whether JSContact shows this type of a property, so that its absence means it was removed.
pub(crate) fn is_shown_type(property: &str, value: &str, version: Version) -> bool {
    is_pref(value, version) && shows_param(property, "PREF") || shows_type(property, value)
}

fn is_pref(value: &str, version: Version) -> bool {
    version != Version::V4_0 && value.eq_ignore_ascii_case("pref")
}

/// What calcard writes and reads in a parameter without change.
fn is_plain(values: &[String]) -> bool {
    values
        .iter()
        .all(|value| !value.is_empty() && !value.contains(['"', '^', '\n', '\r', '\\']))
}

/// The media type that `TYPE` names beside binary data.
pub(crate) fn media_type(name: &str, values: &[String]) -> String {
    let format = types(values)
        .find(|value| {
            !value.is_empty() && !NO_FORMATS.iter().any(|no| value.eq_ignore_ascii_case(no))
        })
        .map(str::to_ascii_lowercase);
    let is_token = |c: char| c.is_ascii_alphanumeric() || "/.+-_".contains(c);
    match (name, format.as_deref()) {
        (_, None) => OCTETS.to_owned(),
        (_, Some(format)) if !format.chars().all(is_token) => OCTETS.to_owned(),
        (_, Some(format)) if format.contains('/') => format.to_owned(),
        ("KEY", Some("x509")) => "application/pkix-cert".to_owned(),
        ("KEY", Some("pgp")) => "application/pgp-keys".to_owned(),
        ("KEY", Some(format)) => format!("application/{format}"),
        ("SOUND", Some(format)) => format!("audio/{format}"),
        (_, Some(format)) => format!("image/{format}"),
    }
}

/// The `TYPE` of this media type; empty if it needs none.
fn format_name(media_type: &str) -> String {
    match media_type {
        OCTETS | "" => String::new(),
        "application/pkix-cert" => "X509".to_owned(),
        "application/pgp-keys" => "PGP".to_owned(),
        _ => media_type
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase(),
    }
}

fn is_date(name: &str) -> bool {
    matches!(
        name,
        "BDAY" | "ANNIVERSARY" | "DEATHDATE" | "REV" | "CREATED"
    )
}

/// `1996-04-15`, alone or with a time: ISO 8601's extended format, which 4.0 does not have.
fn is_full_date(text: &str) -> bool {
    let date = text.get(..10).unwrap_or_default().as_bytes();
    let shape = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    // An offset west of Greenwich would lose its sign.
    date.len() == 10 && shape && !text[10..].contains('-')
}

/// Brings a property that calcard has made to the form of this version.
pub(crate) fn adapt(property: &mut Property, version: Version) {
    let spell = |value: &String| match version {
        Version::V4_0 => value.to_ascii_lowercase(),
        _ => value.to_ascii_uppercase(),
    };
    let types = property.param("TYPE").iter().map(spell).collect();
    property.set_param("TYPE", types);
    if matches!(property.name.as_str(), "IMPP" | "SOCIALPROFILE")
        && property.text().is_empty()
        && let [user] = property.take_param("USERNAME").as_slice()
    {
        // RFC 9554 section 3.4: without a URI, the name of the user is the value.
        property.value = Value::Text(escape(user));
        property.set_param("VALUE", vec!["text".into()]);
    }
    if version == Version::V4_0 {
        return;
    }
    if property.param("PREF") == ["1"] {
        property.push_param("TYPE", "PREF");
    }
    property
        .params
        .retain(|param| !LATER_PARAMS.contains(&param.name.as_str()));
    let text = property.text().to_owned();
    if is_date(&property.name) {
        property.value = Value::Text(extended(&text));
    } else if property.name == "GEO" {
        if let Some(coordinates) = text.strip_prefix("geo:") {
            property.value = Value::Text(coordinates.replacen(',', ";", 1));
        }
    } else if let Some((media_type, bytes)) = data_uri(&text)
        && matches!(property.name.as_str(), "PHOTO" | "LOGO" | "SOUND" | "KEY")
    {
        let format = format_name(media_type);
        property.set_param(
            "TYPE",
            Some(format).filter(|f| !f.is_empty()).into_iter().collect(),
        );
        property.value = Value::Binary(bytes);
    } else if version == Version::V2_1 && kind(property) != Kind::Plain {
        property.value = Value::Text(text.replace("\\n", "\r\\n"));
    }
}

/// Names the type of a value that is not of its property's default type.
pub(crate) fn set_type(property: &mut Property, version: Version) {
    let is_uri = is_uri(property.text());
    match property.name.as_str() {
        "RELATED" if !is_uri => property.set_param("VALUE", vec!["text".into()]),
        "TEL" if !is_uri && property.is_of_type("uri") => {
            property.take_param("VALUE");
        }
        "PHOTO" | "LOGO" | "SOUND" | "KEY"
            if matches!(property.value, Value::Binary(_))
                && (property.is_of_type("uri") || property.is_of_type("url")) =>
        {
            property.take_param("VALUE");
        }
        "PHOTO" | "LOGO" | "SOUND" | "KEY" if is_uri && property.param("VALUE").is_empty() => {
            match version {
                Version::V2_1 => property.push_param("VALUE", "URL"),
                Version::V3_0 => property.push_param("VALUE", "uri"),
                Version::V4_0 => {}
            }
        }
        _ => {}
    }
}

/// Whether this has the form of a URI (RFC 3986 section 3).
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    }) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn data_uri(text: &str) -> Option<(&str, Vec<u8>)> {
    let (media_type, data) = text.strip_prefix("data:")?.split_once(";base64,")?;
    Some((media_type, crate::read::decode_base64(data.as_bytes())?))
}

/// `19960415` and `19960415T231000Z` in ISO 8601's extended format; anything else as it is.
fn extended(text: &str) -> String {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(date, 8) {
        return text.to_owned();
    }
    let mut out = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    if let Some(time) = time {
        let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
        if !digits(clock, 6) {
            return text.to_owned();
        }
        out.push_str(&format!(
            "T{}:{}:{}{zone}",
            &clock[..2],
            &clock[2..4],
            &clock[4..]
        ));
    }
    out
}
