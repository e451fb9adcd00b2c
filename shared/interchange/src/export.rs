//! A card as one vCard.

use std::collections::{HashMap, HashSet};

use contacts_card::Card;
use serde_json::{Map, Value as Json};

use crate::members::{self, Item, VCARD_NAME, VCARD_PARAMS};
use crate::property::{Property, Value};
use crate::table::{MAPS, MEMBERS, Place, place};
use crate::value::{Kind, cut, escape, kind, unescape};
use crate::{Version, bridge, jcard, v4, write};

/// Renders a card as one vCard of `version`: CRLF line ends, lines of at most 75 octets.
///
/// The [crate documentation](crate) says what a vCard that was imported gets back, and what a card
/// that was written as JSON becomes.
#[must_use]
pub fn export(card: &Card, version: Version) -> String {
    write::write(&properties(card.as_map(), version), version)
}

/// The properties of a card as a vCard of this version, `VERSION` apart.
pub(crate) fn properties(card: &Map<String, Json>, version: Version) -> Vec<Property> {
    let mut card = card.clone();
    let mut kept: Vec<(Property, Vec<String>)> = card
        .shift_remove("vCardProps")
        .as_ref()
        .and_then(Json::as_array)
        .map(|entries| entries.iter().filter_map(jcard::property).collect())
        .unwrap_or_default();
    let imported = kept
        .iter()
        .find(|(property, _)| property.name == "VERSION")
        .and_then(|(property, _)| property.text().parse().ok());
    kept.retain(|(property, _)| property.name != "VERSION");
    drop_changed(&mut kept, &mut card, imported.unwrap_or(version));
    if kept.iter().any(|(property, _)| property.name == "UID") {
        card.shift_remove("uid");
    }
    let mut properties = made(card, version, imported.is_some());
    if kept.iter().any(|(property, _)| property.name == "FN") {
        properties.retain(|property| property.param("DERIVED").is_empty());
    }
    properties.extend(kept.into_iter().map(|(property, _)| property));
    properties
}

/// A property that is kept and shown as well is exported as it was kept if the members still show
/// just that, and then instead of them. Otherwise they were changed, and they alone count.
fn drop_changed(
    kept: &mut Vec<(Property, Vec<String>)>,
    card: &mut Map<String, Json>,
    version: Version,
) {
    let items: Vec<_> = kept
        .iter()
        .filter(|(_, pointers)| !pointers.is_empty())
        .map(|(property, pointers)| Item::at(property.clone(), pointers))
        .collect();
    if items.is_empty() {
        return;
    }
    let shown = members::show(&items, version);
    // Properties that share a member stand or fall together.
    let mut sharing: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, (_, pointers)) in kept.iter().enumerate() {
        for pointer in pointers {
            sharing.entry(pointer).or_default().push(at);
        }
    }
    let mut changed: Vec<&str> = sharing
        .keys()
        .copied()
        .filter(|pointer| members::resolve(&shown, pointer) != members::resolve(card, pointer))
        .collect();
    let mut gone = HashSet::new();
    while let Some(pointer) = changed.pop() {
        for at in sharing.remove(pointer).unwrap_or_default() {
            if gone.insert(at) {
                changed.extend(kept[at].1.iter().map(String::as_str));
            }
        }
    }
    let mut at = 0..;
    kept.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
    let pointers = kept.iter().flat_map(|(_, pointers)| pointers);
    members::remove(card, pointers.map(String::as_str));
}

/// What an object kept beside what it shows.
#[derive(Default)]
struct Beside {
    params: Map<String, Json>,
    name: Option<String>,
    ordered: bool,
}

/// The properties made from members.
fn made(mut card: Map<String, Json>, version: Version, imported: bool) -> Vec<Property> {
    let mut out = Vec::new();
    if let Some(uid) = card.shift_remove("uid").as_ref().and_then(Json::as_str) {
        out.push(Property::new("UID", uid));
    }
    let mut vendor = Vec::new();
    card.retain(|name, value| {
        // What calcard makes of localizations does not come back as such.
        let known = MEMBERS.contains(&name.as_str()) && name != "localizations";
        if !known {
            let mut property = Property::new("JSPROP", escape(&value.to_string()));
            property.push_param("JSPTR", name.replace('~', "~0").replace('/', "~1"));
            vendor.push(property);
        }
        known
    });
    let ordered_name = is_ordered(card.get("name"));
    let mut beside = HashMap::new();
    for path in MAPS {
        take_beside(&mut card, path, &mut beside);
    }
    take_places(&mut card, &mut out);
    out.extend(bridge::to_properties(card));
    out.extend(vendor);
    out.retain(|property| keep(property, version, imported));
    if !imported && version != Version::V4_0 && !out.iter().any(|property| property.name == "N") {
        // Mandatory before 4.0 (RFC 2426 section 3.1.2).
        out.push(Property::new("N", ";;;;"));
    }
    for property in &mut out {
        let key = property.param("PROP-ID").first().cloned();
        let found = key.and_then(|key| {
            let Place::Map(path) = place(&property.name) else {
                return None;
            };
            beside.get(&(path, key))
        });
        finish(
            property,
            found.unwrap_or(&Beside::default()),
            ordered_name,
            version,
            imported,
        );
    }
    out
}

fn is_ordered(object: Option<&Json>) -> bool {
    object.and_then(|object| object.get("isOrdered")) == Some(&Json::Bool(true))
}

/// By the path of the map and the key in it.
type Besides = HashMap<(&'static [&'static str], String), Beside>;

fn take_beside(card: &mut Map<String, Json>, path: &'static [&'static str], beside: &mut Besides) {
    for (key, object) in members::map_at(card, path).into_iter().flatten() {
        let ordered = is_ordered(Some(object));
        let Some(object) = object.as_object_mut() else {
            continue;
        };
        let params = match object.shift_remove(VCARD_PARAMS) {
            Some(Json::Object(params)) => params,
            _ => Map::new(),
        };
        let name = object
            .shift_remove(VCARD_NAME)
            .as_ref()
            .and_then(Json::as_str)
            .map(str::to_ascii_uppercase);
        let found = Beside {
            params,
            name,
            ordered,
        };
        beside.insert((path, key.clone()), found);
    }
}

/// An address with nothing but a time zone or coordinates is a `TZ` or a `GEO` (RFC 9555 section
/// 2.8).
fn take_places(card: &mut Map<String, Json>, out: &mut Vec<Property>) {
    let Some(addresses) = card.get_mut("addresses").and_then(Json::as_object_mut) else {
        return;
    };
    addresses.retain(|key, address| {
        let Some(address) = address.as_object() else {
            return true;
        };
        let mut members = address.iter().filter(|(name, _)| *name != "@type");
        let (Some((name, Json::String(value))), None) = (members.next(), members.next()) else {
            return true;
        };
        let name = match name.as_str() {
            "timeZone" => "TZ",
            "coordinates" => "GEO",
            _ => return true,
        };
        let mut property = Property::new(name, value.as_str());
        property.push_param("PROP-ID", key);
        out.push(property);
        false
    });
    if addresses.is_empty() {
        card.shift_remove("addresses");
    }
}

/// Older versions have no JSPROP. A vCard that had no name is given none.
fn keep(property: &Property, version: Version, imported: bool) -> bool {
    match property.name.as_str() {
        "JSPROP" => version == Version::V4_0,
        "FN" if imported => property.param("DERIVED").is_empty() || !property.text().is_empty(),
        _ => true,
    }
}

fn finish(
    property: &mut Property,
    beside: &Beside,
    ordered_name: bool,
    version: Version,
    imported: bool,
) {
    if let Some(name) = beside.name.as_deref()
        && property.name == "SOCIALPROFILE"
        && name == "IMPP"
    {
        property.name = name.to_owned();
    }
    // calcard always writes the order of components (RFC 9555 section 3.3.1).
    let ordered = if property.name == "N" {
        ordered_name
    } else {
        beside.ordered
    };
    if !ordered {
        property.take_param("JSCOMPS");
    }
    if imported {
        property.take_param("PROP-ID");
    }
    match property.name.as_str() {
        "ADR" => shorten_address(property, version),
        "N" => shorten_name(property, version),
        _ => {}
    }
    v4::adapt(property, version);
    let before = kind(property);
    members::restore(property, &beside.params, version);
    v4::set_type(property, version);
    // A type that was added changes how the value is written.
    let after = kind(property);
    if let Value::Text(text) = &mut property.value {
        match (before, after) {
            (Kind::Text, Kind::Plain) => *text = unescape(text),
            (Kind::Plain, Kind::Text) => *text = escape(text),
            _ => {}
        }
    }
}

/// RFC 9554 section 2.1 added eleven components to the seven of `ADR`. They are left out where they
/// say nothing that the seven do not, and where the version has none.
fn shorten_address(property: &mut Property, version: Version) {
    let parts: Vec<String> = cut(property.text(), ';')
        .into_iter()
        .map(str::to_owned)
        .collect();
    let [apartment, street] =
        [8, 11].map(|at| parts.get(at).map(String::as_str).unwrap_or_default());
    let says_more = parts
        .iter()
        .enumerate()
        .skip(7)
        .any(|(at, part)| !part.is_empty() && !matches!(at, 8 | 11));
    if parts.len() <= 7 || (says_more && version == Version::V4_0) {
        return;
    }
    let mut parts_7 = parts[..7].to_vec();
    if !says_more {
        parts_7[1] = apartment.to_owned();
        parts_7[2] = street.to_owned();
    }
    property.value = Value::Text(parts_7.join(";"));
    property.take_param("JSCOMPS");
}

/// RFC 9554 section 2.2 added two components to the five of `N`.
fn shorten_name(property: &mut Property, version: Version) {
    let parts = cut(property.text(), ';');
    let says_more = parts.iter().skip(5).any(|part| !part.is_empty());
    if parts.len() > 5 && !(says_more && version == Version::V4_0) {
        property.value = Value::Text(parts[..5].join(";"));
    }
}
