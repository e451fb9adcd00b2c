//! The members that the properties of a card do not show: what a version, or calcard, has no
//! property for. They leave as `JSPROP` (RFC 9555 section 3.2.1), which in versions before 4.0 is
//! called `X-JSPROP`.
//!
//! Found by reading the properties again, as an import would. What the vCard says besides is no loss:
//! a full name made of its components, or a type that JSContact takes for granted. But where
//! something is missing beside that, the whole object is given.

use serde_json::{Map, Value as Json};

use crate::members::{self, Item, VCARD_NAME, VCARD_PARAMS};
use crate::plan::{Way, plan};
use crate::property::{Property, Value};
use crate::table::{Place, place};
use crate::value::{escape, from_v2, to_v2};
use crate::{Version, pointer, v4};

/// The key of the object that a property was made from, until it is known whether the vCard has to
/// name it. No vCard has a parameter of this name, because of the colon.
pub(crate) const KEY: &str = "jscontact:key";

/// Above so many, members are given as the whole member of the card that they are in.
const FEW: usize = 100;

/// The members of `whole` that neither the properties `made` nor those kept for members show: a
/// pointer without leading slash, never into a list, and a property each.
pub(crate) fn missing(
    made: &[Property],
    kept: &[(Property, Vec<String>)],
    whole: &Map<String, Json>,
    version: Version,
) -> Vec<(String, Property)> {
    let mut made = made.to_vec();
    if version == Version::V2_1 {
        // In a list of 2.1 a comma cannot but separate.
        for property in &mut made {
            if let Value::Text(text) = &mut property.value {
                *text = from_v2(&property.name, &to_v2(text));
            }
        }
    }
    let made = plan(made).into_iter();
    let made = made.filter(|(_, way)| *way != Way::Kept);
    let kept = kept.iter().filter(|(_, pointers)| !pointers.is_empty());
    let items: Vec<_> = made
        .map(|(item, _)| item)
        .chain(kept.map(|(property, pointers)| Item::at(property.clone(), pointers)))
        .collect();
    let shown = comparable(members::show(&items, version));
    let mut wanted = whole.clone();
    wanted.retain(|name, _| !pointer::RESERVED.contains(&name.as_str()));
    let mut pointers = Vec::new();
    differ(&shown, &comparable(wanted), "", &mut pointers);
    let short = pointers.len() <= FEW;
    let pointers = pointers.iter().filter_map(|pointer| match short {
        true => writable(pointer, version),
        false => writable(pointer.split('/').next()?, version),
    });
    let mut pointers: Vec<_> = pointers.collect();
    pointers.sort_unstable();
    pointers.dedup();
    let (name, param) = v4::jsprop(version);
    let property = |pointer: &str| {
        let value = pointer::resolve(whole, pointer)?;
        let mut property = Property::new(name, escape(&value.to_string()));
        property.push_param(param, pointer);
        Some((pointer.to_owned(), property))
    };
    pointers.into_iter().filter_map(property).collect()
}

/// Whether one of the missing members is, or is inside or around, the object that the property was
/// made from: then that has to keep its key.
pub(crate) fn needs_key(missing: &[(String, Property)], property: &Property) -> bool {
    let (Place::Map(path), [key]) = (place(&property.name), property.param(KEY)) else {
        return false;
    };
    let object = format!("{}/{key}", path.join("/"));
    let inside = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    missing
        .iter()
        .any(|(pointer, _)| inside(pointer, &object) || inside(&object, pointer))
}

/// Not all characters can be written in a parameter: then what is around the member is given.
fn writable(mut pointer: &str, version: Version) -> Option<&str> {
    let bad: &[char] = match version {
        Version::V4_0 => &['\r'],
        _ => &['\r', '\n', '"'],
    };
    while pointer.contains(bad) {
        pointer = pointer.rsplit_once('/')?.0;
    }
    Some(pointer)
}

fn differ(shown: &Map<String, Json>, wanted: &Map<String, Json>, at: &str, out: &mut Vec<String>) {
    let before = out.len();
    for (name, want) in wanted {
        let name_there = pointer::escape_name(name);
        let pointer = match at {
            "" => name_there,
            at => format!("{at}/{name_there}"),
        };
        match (shown.get(name), want) {
            (Some(have), want) if have == want => {}
            (Some(Json::Object(have)), Json::Object(want)) => differ(have, want, &pointer, out),
            _ => out.push(pointer),
        }
    }
    let mut names = shown.keys();
    let says_more = names.any(|name| name != "full" && !wanted.contains_key(name));
    if says_more && out.len() > before && !at.is_empty() {
        out.truncate(before);
        out.push(at.to_owned());
    }
}

/// Leaves out what is kept elsewhere or goes without saying, and brings components that have no
/// order into one.
fn comparable(mut object: Map<String, Json>) -> Map<String, Json> {
    fn normalize(value: &mut Json) {
        match value {
            Json::Object(object) => {
                object.retain(|name, _| !["@type", VCARD_PARAMS, VCARD_NAME].contains(&&**name));
                object.values_mut().for_each(normalize);
                let is_ordered = object.get("isOrdered") == Some(&Json::Bool(true));
                match object.get_mut("components") {
                    // One with an order is never the same as one without.
                    Some(Json::Array(components)) if is_ordered => components.push(Json::Null),
                    Some(Json::Array(components)) => {
                        components.sort_by_cached_key(Json::to_string);
                    }
                    _ => {}
                }
            }
            Json::Array(list) => list.iter_mut().for_each(normalize),
            _ => {}
        }
    }
    object.values_mut().for_each(normalize);
    object
}
