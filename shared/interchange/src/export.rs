//! A card as one vCard.

use std::collections::{BTreeMap, HashMap, HashSet};

use contacts_card::Card;
use serde_json::{Map, Value as Json};

use crate::members::{self, Item, VCARD_NAME, VCARD_PARAMS};
use crate::property::{Property, Value};
use crate::table::{ADDRESS_PARAMS, MAPS, MEMBERS, Place, place};
use crate::value::{Kind, cut, escape, kind, unescape};
use crate::{Version, beyond, bridge, jcard, pointer, v4, write};

/// Renders a card as one vCard of `version`: CRLF line ends, lines of at most 75 octets.
///
/// The [crate documentation](crate) says what a vCard that was imported gets back, and what a card
/// that was written as JSON becomes.
#[must_use]
pub fn export(card: &Card, version: Version) -> String {
    write::write(&properties(card.as_map(), version), version)
}

/// The properties of a card as a vCard of this version, `VERSION` apart.
pub(crate) fn properties(whole: &Map<String, Json>, version: Version) -> Vec<Property> {
    let mut card = whole.clone();
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
    drop_changed(&mut kept, &mut card, imported.unwrap_or(version), version);
    if kept.iter().any(|(property, _)| property.name == "UID") {
        card.shift_remove("uid");
    }
    let mut properties = made(card, version, imported.is_some());
    if kept.iter().any(|(property, _)| property.name == "FN") {
        properties.retain(|property| property.param("DERIVED").is_empty());
    }
    let missing = beyond::missing(&properties, &kept, whole, version);
    let keyed = imported.is_none() && version == Version::V4_0;
    for property in &mut properties {
        let named = keyed || beyond::needs_key(&missing, property);
        let key = property.take_param(beyond::KEY);
        if named && !key.is_empty() {
            property.set_param(v4::prop_id(version), key);
        }
    }
    properties.extend(missing.into_iter().map(|(_, property)| property));
    properties.extend(kept.into_iter().map(|(property, _)| property));
    properties
}

/// A property that is kept and shown as well is exported as it was kept if the members still show
/// just that, and then instead of them. Otherwise they were changed, and they alone count; in
/// another version as well, which has a form of its own.
fn drop_changed(
    kept: &mut Vec<(Property, Vec<String>)>,
    card: &mut Map<String, Json>,
    imported: Version,
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
    let shown = members::show(&items, imported);
    // Properties that share a member stand or fall together, and fall with one that is around theirs.
    let mut sharing: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, (_, pointers)) in kept.iter().enumerate() {
        for pointer in pointers {
            sharing.entry(pointer.clone()).or_default().push(at);
        }
    }
    let mut changed: Vec<String> = sharing
        .keys()
        .filter(|pointer| {
            let there = pointer::resolve(card, pointer);
            pointer::resolve(&shown, pointer) != there || version != imported && there.is_some()
        })
        .cloned()
        .collect();
    let mut gone = HashSet::new();
    while let Some(pointer) = changed.pop() {
        for at in sharing.remove(&pointer).unwrap_or_default() {
            if gone.insert(at) {
                changed.extend(kept[at].1.iter().cloned());
            }
        }
        let inside = format!("{pointer}/");
        let first = sharing.range(inside.clone()..).next();
        if let Some((next, _)) = first.filter(|(next, _)| next.starts_with(&inside)) {
            let next = next.clone();
            changed.extend([pointer, next]);
        }
    }
    let mut at = 0..;
    kept.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
    let pointers = kept.iter().flat_map(|(_, pointers)| pointers);
    pointer::remove(card, pointers.map(String::as_str));
}

/// What an object kept beside what it shows.
#[derive(Default)]
struct Beside {
    params: Map<String, Json>,
    name: Option<String>,
    ordered: bool,
    /// What an address has besides its components.
    place: Vec<(&'static str, String)>,
}

/// The properties made from members.
fn made(mut card: Map<String, Json>, version: Version, imported: bool) -> Vec<Property> {
    let mut out = Vec::new();
    if let Some(uid) = card.shift_remove("uid").as_ref().and_then(Json::as_str) {
        out.push(Property::new("UID", uid));
    }
    // What calcard makes of localizations does not come back as such.
    card.retain(|name, _| MEMBERS.contains(&name.as_str()) && name != "localizations");
    let ordered_name = is_ordered(card.get("name"));
    let mut beside = HashMap::new();
    for path in MAPS {
        take_beside(&mut card, path, &mut beside);
    }
    take_places(&mut card, &mut out, &mut beside);
    out.extend(bridge::to_properties(card));
    out.retain(|property| keep(property, imported));
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
        );
    }
    out.retain(|property| !v4::is_later(&property.name, version));
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
            place: Vec::new(),
        };
        beside.insert((path, key.clone()), found);
    }
}

/// An address with nothing but a time zone or coordinates is a `TZ` or a `GEO` (RFC 9555 section
/// 2.8); with more, they are parameters (section 2.4.1).
fn take_places(card: &mut Map<String, Json>, out: &mut Vec<Property>, beside: &mut Besides) {
    let Some(addresses) = card.get_mut("addresses").and_then(Json::as_object_mut) else {
        return;
    };
    addresses.retain(|key, address| {
        let Some(address) = address.as_object_mut() else {
            return true;
        };
        let mut place = Vec::new();
        for (param, member) in ADDRESS_PARAMS {
            if let Some(Json::String(value)) = address.get(*member) {
                place.push((*param, value.clone()));
                address.shift_remove(*member);
            }
        }
        if let [(name @ ("TZ" | "GEO"), value)] = place.as_slice()
            && address.keys().all(|name| name == "@type")
        {
            let mut property = Property::new(name, value.as_str());
            property.push_param("PROP-ID", key);
            out.push(property);
            return false;
        }
        if let Some(beside) = beside.get_mut(&(&["addresses"], key.clone())) {
            beside.place = place;
        }
        true
    });
    if addresses.is_empty() {
        card.shift_remove("addresses");
    }
}

/// What calcard has no property for is found otherwise. A vCard that had no name is given none.
fn keep(property: &Property, imported: bool) -> bool {
    match property.name.as_str() {
        "JSPROP" => false,
        "SOCIALPROFILE" => !property.text().is_empty() || !property.param("USERNAME").is_empty(),
        "FN" if imported => property.param("DERIVED").is_empty() || !property.text().is_empty(),
        _ => true,
    }
}

fn finish(property: &mut Property, beside: &Beside, ordered_name: bool, version: Version) {
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
    for (param, value) in &beside.place {
        property.set_param(param, vec![value.clone()]);
    }
    let key = property.take_param("PROP-ID");
    property.set_param(beyond::KEY, key);
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
