//! The way into calcard and out of it: 4.0 properties to JSContact JSON and back.
//!
//! calcard is given only what it converts without loss: 4.0, no groups, no parameters but those that
//! JSContact shows, each property with a `PROP-ID` that names the object it becomes, and a stand-in
//! for every `data:` URI (calcard 0.3.14 turns some of them into raw bytes).

use calcard::common::{IanaString, PartialDateTime};
use calcard::jscontact::JSContact;
use calcard::jscontact::import::ConversionOptions;
use calcard::vcard::{Jscomp, VCardEntry, VCardParameterValue, VCardValue, VCardValueType};
use calcard::{Entry, Parser};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::property::{Property, Value};
use crate::value::{encode, kind};
use crate::{Version, params};

const STAND_IN: &str = "x-data:";

/// Converts properties of 4.0 to the members of a card.
pub(crate) fn to_members(properties: Vec<Property>) -> Map<String, Json> {
    let mut data = Vec::new();
    let mut text = String::from("BEGIN:VCARD\r\nVERSION:4.0\r\n");
    for property in properties {
        let value = match property.text() {
            value if value.starts_with("data:") => put(&mut data, value),
            value => value.to_owned(),
        };
        text.push_str(&params::write(&property, Version::V4_0));
        text.push(':');
        text.push_str(&value);
        text.push_str("\r\n");
    }
    text.push_str("END:VCARD\r\n");
    let Entry::VCard(vcard) = Parser::new(&text).entry() else {
        return Map::new();
    };
    let options = ConversionOptions::default().include_vcard_parameters(false);
    let card = vcard.into_jscontact_with_options::<String, String>(options);
    let Ok(Json::Object(mut members)) = serde_json::to_value(&card) else {
        return Map::new();
    };
    for name in ["@type", "version", "vCard"] {
        members.remove(name);
    }
    for value in members.values_mut() {
        each_uri(value, &mut |uri| {
            if let Some(original) = take(&data, uri) {
                *uri = original.clone();
            }
        });
        remove_empty_components(value);
    }
    for organization in objects(&mut members, "organizations") {
        if organization.contains_key("units") && organization.get("name") == Some(&"".into()) {
            organization.shift_remove("name");
        }
    }
    // calcard takes any title and organisation without a group for ones of the same group.
    for title in objects(&mut members, "titles") {
        title.shift_remove("organizationId");
    }
    members
}

/// Converts the members of a card to properties of 4.0.
pub(crate) fn to_properties(mut members: Map<String, Json>) -> Vec<Property> {
    let mut data = Vec::new();
    for value in members.values_mut() {
        each_uri(value, &mut |uri| {
            if uri.starts_with("data:") {
                *uri = put(&mut data, uri);
            }
        });
    }
    // calcard would take the first unit for the name.
    for organization in objects(&mut members, "organizations") {
        organization.entry("name").or_insert_with(|| "".into());
    }
    members.insert("@type".into(), "Card".into());
    members.insert("version".into(), "1.0".into());
    let Some(vcard) = Deserialize::deserialize(Json::Object(members))
        .ok()
        .and_then(|card| JSContact::<String, String>(card).into_vcard())
    else {
        return Vec::new();
    };
    let mut properties: Vec<_> = vcard.entries.iter().map(property).collect();
    for property in &mut properties {
        if let Some(original) = take(&data, property.text()) {
            property.value = Value::Text(original.clone());
        }
    }
    properties
}

/// The objects in a map of a card.
fn objects<'a>(
    members: &'a mut Map<String, Json>,
    name: &str,
) -> impl Iterator<Item = &'a mut Map<String, Json>> {
    members
        .get_mut(name)
        .and_then(Json::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
        .filter_map(Json::as_object_mut)
}

fn put(data: &mut Vec<String>, uri: &str) -> String {
    data.push(uri.to_owned());
    format!("{STAND_IN}{}", data.len() - 1)
}

fn take<'a>(data: &'a [String], stand_in: &str) -> Option<&'a String> {
    data.get(stand_in.strip_prefix(STAND_IN)?.parse::<usize>().ok()?)
}

/// Visits the `uri` of a member's objects.
fn each_uri(value: &mut Json, visit: &mut impl FnMut(&mut String)) {
    for object in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(Json::String(uri)) = object.get_mut("uri") {
            visit(uri);
        }
    }
}

/// `N:;;;;` has no component; RFC 9553 has no empty list of them.
fn remove_empty_components(value: &mut Json) {
    let Some(object) = value.as_object_mut() else {
        return;
    };
    if object.get("components") == Some(&Json::Array(Vec::new())) {
        object.remove("components");
    }
    for child in object.values_mut() {
        remove_empty_components(child);
    }
}

fn property(entry: &VCardEntry) -> Property {
    let mut out = Property::new(entry.name.as_str(), "");
    out.group.clone_from(&entry.group);
    for param in &entry.params {
        out.push_param(
            &param.name.as_str().to_ascii_uppercase(),
            param_text(&param.value),
        );
    }
    let mut parts: Vec<_> = entry
        .values
        .iter()
        .map(|value| texts(value, &out))
        .collect();
    // A CR of a JSON text is no line end of a vCard.
    for text in parts.iter_mut().flatten() {
        text.retain(|c| c != '\r');
    }
    let kind = kind(&out);
    out.value = Value::Text(match kind {
        crate::value::Kind::List => encode(&[parts.concat()], kind),
        // calcard's own escapes aside, an unknown property is JSON or text.
        crate::value::Kind::Opaque => encode(&parts, crate::value::Kind::Text),
        _ => encode(&parts, kind),
    });
    out
}

fn texts(value: &VCardValue, property: &Property) -> Vec<String> {
    vec![match value {
        VCardValue::Component(list) => return list.clone(),
        VCardValue::Text(text) => text.clone(),
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        VCardValue::Boolean(value) => value.to_string().to_ascii_uppercase(),
        VCardValue::Sex(value) => value.as_str().to_owned(),
        VCardValue::GramGender(value) => value.as_str().to_ascii_lowercase(),
        VCardValue::Kind(value) => value.as_str().to_ascii_lowercase(),
        VCardValue::Binary(data) => {
            let media_type = data.content_type.as_deref().unwrap_or_default();
            format!(
                "data:{media_type};base64,{}",
                data_encoding::BASE64.encode(&data.data)
            )
        }
        VCardValue::PartialDateTime(time) => {
            let mut out = String::new();
            let format = match property.name.as_str() {
                "REV" | "CREATED" => VCardValueType::Timestamp,
                _ => VCardValueType::DateAndOrTime,
            };
            // Writing to a string never fails.
            let _ = time.format_as_vcard(&mut out, &format);
            out
        }
    }]
}

fn param_text(value: &VCardParameterValue) -> String {
    match value {
        VCardParameterValue::Jscomps(components) => jscomps(components),
        // calcard's text of it is the seconds since 1970.
        VCardParameterValue::Timestamp(seconds) => {
            let mut out = String::new();
            let time = PartialDateTime::from_utc_timestamp(*seconds);
            // Writing to a string never fails.
            let _ = time.format_as_vcard(&mut out, &VCardValueType::Timestamp);
            out
        }
        value => value.clone().into_text().into_owned(),
    }
}

/// RFC 9555 section 3.3.1.
fn jscomps(components: &[Jscomp]) -> String {
    let parts = components.iter().map(|component| match component {
        Jscomp::Entry { position, value: 0 } => position.to_string(),
        Jscomp::Entry { position, value } => format!("{position},{value}"),
        Jscomp::Separator(text) if text.is_empty() => String::new(),
        Jscomp::Separator(text) => {
            let mut out = String::from("s,");
            for c in text.chars() {
                if matches!(c, '\\' | ',' | ';') {
                    out.push('\\');
                }
                out.push(c);
            }
            out
        }
    });
    parts.collect::<Vec<_>>().join(";")
}
