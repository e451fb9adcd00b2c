//! Properties and parameters as jCard writes them (RFC 7095), which is how RFC 9555 section 3 keeps
//! in a card what JSContact cannot show.
//!
//! A value that is kept is of jCard's type "unknown", its text as the vCard has it, escapes and all
//! (RFC 7095 section 5.1). Values of other types, which only other programs write, are understood.

use serde_json::{Map, Value as Json};

use crate::property::{Param, Property, Value};
use crate::read::decode_base64;
use crate::value::escape;

/// The members that the property is shown by, in its entry of `vCardProps`: their JSON pointers
/// without the leading slash. No vCard has a parameter of this name, because of the colon.
const LINK: &str = "jscontact:pointer";

/// An entry of `vCardProps`: `[name, parameters, type, value]`.
pub(crate) fn entry(property: &Property, pointers: &[String]) -> Json {
    let mut params = params(property.group.as_deref(), &property.params);
    let (kind, value) = match &property.value {
        Value::Text(text) => ("unknown", text.clone()),
        Value::Binary(bytes) => {
            params.insert("encoding".into(), "b".into());
            ("unknown", data_encoding::BASE64.encode(bytes))
        }
    };
    if !pointers.is_empty() {
        params.insert(LINK.into(), strings(pointers));
    }
    Json::from(vec![
        Json::from(property.name.to_ascii_lowercase()),
        Json::Object(params),
        Json::from(kind),
        Json::from(value),
    ])
}

/// Reads an entry of `vCardProps`, with the pointers to the members that show it. Nothing if it is
/// no jCard property.
pub(crate) fn property(entry: &Json) -> Option<(Property, Vec<String>)> {
    let [name, params, kind, values @ ..] = entry.as_array()?.as_slice() else {
        return None;
    };
    let name = name.as_str().filter(|name| is_token(name))?;
    let mut property = Property::new(name, "");
    let mut pointers = Vec::new();
    for (name, value) in params.as_object()? {
        let values = texts(value);
        match name.as_str() {
            "group" => property.group = group(values),
            LINK => pointers = values,
            name if !is_token(name) => {}
            _ => property.set_param(&name.to_ascii_uppercase(), values),
        }
    }
    // What is before a dot would be read as a group.
    if property.group.is_none() && property.name.find('.').is_some_and(|dot| dot > 0) {
        return None;
    }
    let kind = kind.as_str()?;
    let opaque = kind.eq_ignore_ascii_case("unknown");
    if !opaque {
        property.set_param("VALUE", vec![kind.to_owned()]);
    }
    let text = values
        .iter()
        .map(|value| write(value, !opaque && kind.eq_ignore_ascii_case("text")))
        .collect::<Vec<_>>()
        .join(",");
    let binary = matches!(property.param("ENCODING"), [encoding] if encoding == "b")
        .then(|| decode_base64(text.as_bytes()))
        .flatten();
    property.value = match binary {
        Some(bytes) => {
            property.take_param("ENCODING");
            Value::Binary(bytes)
        }
        None => Value::Text(text),
    };
    Some((property, pointers))
}

fn write(value: &Json, text: bool) -> String {
    match value {
        Json::String(value) if text => escape(value),
        Json::String(value) => value.clone(),
        Json::Array(parts) => parts
            .iter()
            .map(|part| match part {
                Json::Array(list) => list
                    .iter()
                    .map(|v| write(v, text))
                    .collect::<Vec<_>>()
                    .join(","),
                part => write(part, text),
            })
            .collect::<Vec<_>>()
            .join(";"),
        Json::Null | Json::Object(_) => String::new(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.to_string(),
    }
}

/// Parameters, and the group as RFC 7095 section 7.1 has it.
pub(crate) fn params(group: Option<&str>, params: &[Param]) -> Map<String, Json> {
    let mut out = Map::new();
    if let Some(group) = group {
        out.insert("group".into(), group.into());
    }
    for param in params {
        out.insert(param.name.to_ascii_lowercase(), strings(&param.values));
    }
    out
}

fn strings(values: &[String]) -> Json {
    match values {
        [value] => Json::from(value.as_str()),
        values => Json::from(values),
    }
}

/// The group that a parameter names: the name of the property comes after the first dot.
pub(crate) fn group(values: Vec<String>) -> Option<String> {
    let group = values.into_iter().next();
    group.filter(|group| is_token(group) && !group.contains('.'))
}

/// Whether this can be written as a name. What comes from JSON may be anything, a whole line of
/// vCard included.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || ":;,=\"".contains(c))
}

/// The texts of a parameter.
pub(crate) fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::String(value) => vec![value.clone()],
        Json::Array(values) => values.iter().flat_map(texts).collect(),
        Json::Bool(value) => vec![value.to_string()],
        Json::Number(value) => vec![value.to_string()],
        Json::Null | Json::Object(_) => Vec::new(),
    }
}
