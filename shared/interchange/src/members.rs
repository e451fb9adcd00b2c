//! The members of a card that show vCard properties, and what is kept beside them.

use serde_json::{Map, Value as Json};

use crate::pointer::{insert, resolve_mut};
use crate::property::{Param, Property, Value};
use crate::table::{MEMBERS, Place, place};
use crate::{Version, bridge, jcard, v4};

/// RFC 9555 section 3.2: the parameters and the name that an object does not show.
pub(crate) const VCARD_PARAMS: &str = "vCardParams";
pub(crate) const VCARD_NAME: &str = "vCardName";

/// What `N` becomes.
const NAME_PARTS: [&str; 4] = [
    "name/components",
    "name/sortAs",
    "name/isOrdered",
    "name/defaultSeparator",
];

/// A property to be shown, with the keys of the objects it becomes: one, or one per value of a list;
/// none for a property that becomes no object of its own.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) property: Property,
    pub(crate) keys: Vec<String>,
}

impl Item {
    /// The JSON pointers, without the leading slash, of the members that show the property.
    pub(crate) fn pointers(&self) -> Vec<String> {
        match self.property.name.as_str() {
            "JSPROP" | "X-JSPROP" => return self.property.pointer().to_vec(),
            "FN" => return vec!["name/full".to_owned()],
            name if is_place(name) => {
                let pointers = self.keys.iter();
                return pointers
                    .map(|key| format!("anniversaries/{key}/place"))
                    .collect();
            }
            "N" => return NAME_PARTS.map(str::to_owned).to_vec(),
            _ => {}
        }
        match place(&self.property.name) {
            Place::Map(path) => {
                let path = path.join("/");
                self.keys
                    .iter()
                    .map(|key| format!("{path}/{key}"))
                    .collect()
            }
            Place::Member(member) | Place::First(member) => vec![member.to_owned()],
            Place::Nowhere => Vec::new(),
        }
    }

    /// The inverse of [`Item::pointers`].
    pub(crate) fn at(property: Property, pointers: &[String]) -> Self {
        // Counted from behind: the key of `anniversaries/bday1/place` is not the last name.
        let key = match place(&property.name) {
            Place::Map(_) => Some(0),
            _ if is_place(&property.name) => Some(1),
            _ => None,
        };
        let pointers = pointers.iter();
        let keys = pointers
            .filter_map(|pointer| pointer.rsplit('/').nth(key?))
            .map(str::to_owned)
            .collect();
        Self { property, keys }
    }
}

/// Whether properties of this name are the place of an anniversary, whose date is another property.
pub(crate) fn is_place(name: &str) -> bool {
    matches!(name, "BIRTHPLACE" | "DEATHPLACE")
}

/// The members that show these properties of a vCard of this version, in a fixed order.
pub(crate) fn show(items: &[Item], version: Version) -> Map<String, Json> {
    let mut made = bridge::to_members(items.iter().flat_map(|item| fed(item, version)).collect());
    // What is inside others comes after them.
    let mut order: Vec<_> = items.iter().collect();
    order.sort_by_key(|item| (item.property.is_jsprop(), is_place(&item.property.name)));
    for item in order {
        add(&mut made, item, version);
    }
    let mut members = Map::new();
    for name in MEMBERS {
        if let Some(value) = made.remove(*name) {
            members.insert((*name).to_owned(), value);
        }
    }
    members.extend(made);
    sort(&mut members, items);
    members
}

/// What calcard gets of a property: nothing of those that this module shows itself.
fn fed(item: &Item, version: Version) -> Vec<Property> {
    let name = item.property.name.as_str();
    if matches!(name, "UID" | "TZ" | "GEO") || is_place(name) || item.property.is_jsprop() {
        return Vec::new();
    }
    let shown = v4::shown(&item.property, version);
    let keyed = |key: &String, text: &str| {
        let mut property = shown.clone();
        property.push_param("PROP-ID", key);
        property.value = Value::Text(text.to_owned());
        property
    };
    match (item.keys.as_slice(), shown.name.as_str()) {
        ([], _) => vec![shown],
        (keys, "NICKNAME") => keys
            .iter()
            .zip(crate::value::cut(shown.text(), ','))
            .map(|(key, text)| keyed(key, text))
            .collect(),
        ([key, ..], _) => vec![keyed(key, shown.text())],
    }
}

fn add(members: &mut Map<String, Json>, item: &Item, version: Version) {
    let property = &item.property;
    match (property.name.as_str(), item.keys.first()) {
        ("UID", _) => {
            members.insert("uid".into(), text(property).into());
        }
        ("JSPROP" | "X-JSPROP", _) => {
            if let [pointer] = property.pointer()
                && let Ok(value) = serde_json::from_str(&text(property))
            {
                insert(members, pointer, value);
            }
        }
        ("TZ", Some(key)) => {
            insert_address(members, key, "timeZone", time_zone(&text(property)));
        }
        ("GEO", Some(key)) => {
            insert_address(
                members,
                key,
                "coordinates",
                coordinates(&text(property), version),
            );
        }
        (name, Some(key)) if is_place(name) => {
            let text = text(property);
            let member = match text.starts_with("geo:") {
                true => "coordinates",
                false => "full",
            };
            let place = Map::from_iter([(member.to_owned(), text.into())]);
            insert(members, &format!("anniversaries/{key}/place"), place.into());
        }
        ("ADR", Some(key)) => {
            for param in &property.params {
                let (member, value) = match v4::address_member(property, param) {
                    Some(("timeZone", [zone])) => ("timeZone", time_zone(zone)),
                    Some((member, [value])) => (member, Some(value.clone())),
                    _ => continue,
                };
                if let Some(value) = value {
                    insert(members, &format!("addresses/{key}/{member}"), value.into());
                }
            }
        }
        _ => {}
    }
    let params = jcard::params(property.group.as_deref(), &v4::hidden(property, version));
    for pointer in item.pointers() {
        let Some(object) = resolve_mut(members, &pointer).and_then(Json::as_object_mut) else {
            continue;
        };
        if !item.keys.is_empty() && !params.is_empty() {
            object.insert(VCARD_PARAMS.into(), Json::Object(params.clone()));
        }
        if property.name == "IMPP" {
            object.insert(VCARD_NAME.into(), "impp".into());
        }
        // RFC 9554 section 3.4: a text is the name of the user.
        if matches!(property.name.as_str(), "IMPP" | "SOCIALPROFILE")
            && property.is_of_type("text")
            && let Some(user) = object.shift_remove("uri")
        {
            object.insert("user".into(), user);
        }
    }
}

/// calcard orders objects as it likes: puts those of items into the order of these.
fn sort(members: &mut Map<String, Json>, items: &[Item]) {
    let mut orders: Vec<(&[&str], Vec<&String>)> = Vec::new();
    for item in items {
        let Place::Map(path) = place(&item.property.name) else {
            continue;
        };
        match orders.iter_mut().find(|(at, _)| *at == path) {
            Some((_, keys)) => keys.extend(&item.keys),
            None => orders.push((path, item.keys.iter().collect())),
        }
    }
    for (path, keys) in orders {
        if let Some(map) = map_at(members, path) {
            let mut unsorted = std::mem::take(map);
            let sorted: Vec<_> = keys
                .into_iter()
                .filter_map(|key| unsorted.remove_entry(key))
                .collect();
            map.extend(unsorted);
            map.extend(sorted);
        }
    }
}

/// The map at this path.
pub(crate) fn map_at<'a>(
    members: &'a mut Map<String, Json>,
    path: &[&str],
) -> Option<&'a mut Map<String, Json>> {
    let (first, rest) = path.split_first()?;
    let map = members.get_mut(*first)?.as_object_mut()?;
    rest.iter()
        .try_fold(map, |map, name| map.get_mut(*name)?.as_object_mut())
}

/// The member of a card that a property is shown in.
pub(crate) fn top(property: &Property) -> String {
    match place(&property.name) {
        _ if is_place(&property.name) => "anniversaries".to_owned(),
        Place::Map(path) => path[0].to_owned(),
        Place::Member(member) | Place::First(member) => member.to_owned(),
        Place::Nowhere => {
            let pointer = property.pointer().first().map(String::as_str);
            let first = pointer.unwrap_or_default().split('/').next();
            first.unwrap_or_default().to_owned()
        }
    }
}

fn insert_address(members: &mut Map<String, Json>, key: &str, name: &str, value: Option<String>) {
    let addresses = members
        .entry("addresses")
        .or_insert_with(|| Json::Object(Map::new()));
    if let (Some(addresses), Some(value)) = (addresses.as_object_mut(), value) {
        let mut address = Map::new();
        address.insert(name.to_owned(), value.into());
        addresses.insert(key.to_owned(), Json::Object(address));
    }
}

/// The one text of a value.
pub(crate) fn text(property: &Property) -> String {
    match crate::value::decode(property) {
        crate::value::Decoded::Parts(parts) => parts.concat().concat(),
        crate::value::Decoded::Binary(_) => String::new(),
    }
}

/// An IANA time zone; `-0500` and `-05:00` are `Etc/GMT+5` (RFC 9555 section 2.8.1).
fn time_zone(text: &str) -> Option<String> {
    let digits = text.get(1..).unwrap_or_default().replace(':', "");
    let sign = match text.chars().next()? {
        '+' => '-',
        '-' => '+',
        _ if text.contains('/') || text == "UTC" => return Some(text.to_owned()),
        _ => return None,
    };
    let hours: u8 = match digits.len() {
        2 => digits.parse().ok()?,
        4 => digits.strip_suffix("00")?.parse().ok()?,
        _ => return None,
    };
    match hours {
        0 => Some("Etc/UTC".to_owned()),
        1..=12 => Some(format!("Etc/GMT{sign}{hours}")),
        _ => None,
    }
}

/// A `geo:` URI; versions before 4.0 write `latitude;longitude`.
fn coordinates(text: &str, version: Version) -> Option<String> {
    if version == Version::V4_0 {
        return text.starts_with("geo:").then(|| text.to_owned());
    }
    let (latitude, longitude) = text.split_once(';')?;
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b"+-.".contains(&b))
            && text.parse::<f64>().is_ok()
    };
    (number(latitude) && number(longitude)).then(|| format!("geo:{latitude},{longitude}"))
}

/// Puts the parameters that an object kept beside it back into the property made from it. Those that
/// JSContact shows are the object's to say: a type that it no longer has is gone.
pub(crate) fn restore(property: &mut Property, kept: &Map<String, Json>, version: Version) {
    for (name, value) in kept {
        let values = jcard::texts(value);
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "GROUP" => property.group = jcard::group(values),
            name if !jcard::is_token(name) => {}
            "TYPE" => restore_types(property, values, version),
            _ if property.param(&name).is_empty() => property.params.push(Param { name, values }),
            _ => {}
        }
    }
}

fn restore_types(property: &mut Property, kept: Vec<String>, version: Version) {
    let made = property.take_param("TYPE");
    if matches!(property.value, Value::Binary(_)) {
        let same = v4::media_type(&property.name, &kept) == v4::media_type(&property.name, &made);
        property.set_param("TYPE", if same { kept } else { made });
        return;
    }
    let is_made = |value: &str| made.iter().any(|made| made.eq_ignore_ascii_case(value));
    let mut values: Vec<String> = kept
        .into_iter()
        .filter(|value| {
            value
                .split(',')
                .all(|value| is_made(value) || !v4::is_shown_type(&property.name, value, version))
        })
        .collect();
    for value in made {
        if !v4::types(&values).any(|kept| kept.eq_ignore_ascii_case(&value)) {
            values.push(value);
        }
    }
    property.set_param("TYPE", values);
}
