//! Which of a card's many names stands for it: in lists, and for ordering.

use serde_json::{Map, Value};

use crate::fold::{cut, fold};
use crate::limits::{GROUP_BYTES, SORT_NAME_BYTES};

/// The component kinds in the order in which names are compared, and the order in which they are
/// written if the card gives none.
const SORTED: [&str; 7] = [
    "surname",
    "surname2",
    "given",
    "given2",
    "generation",
    "credential",
    "title",
];
const WRITTEN: [&str; 7] = [
    "title",
    "given",
    "given2",
    "surname",
    "surname2",
    "generation",
    "credential",
];

/// The name to show: the full name, else its components, else a nickname, organisation, e-mail address
/// or phone number.
pub(crate) fn display(card: &Map<String, Value>) -> Option<String> {
    let name = card.get("name");
    let full = name.and_then(|name| filled(name.get("full")?.as_str()?));
    full.map(str::to_owned)
        .or_else(|| joined(name?))
        .or_else(|| preferred(card, "nicknames", "name").map(str::to_owned))
        .or_else(|| organization(card).map(str::to_owned))
        .or_else(|| preferred(card, "emails", "address").map(str::to_owned))
        .or_else(|| preferred(card, "phones", "number").map(str::to_owned))
}

/// The folded name for ordering: what `sortAs` says, else the name to show.
pub(crate) fn sort(card: &Map<String, Value>) -> String {
    let sort_as = card
        .get("name")
        .and_then(|name| name.get("sortAs"))
        .map(|sort_as| {
            let parts: Vec<&str> = SORTED
                .iter()
                .filter_map(|kind| sort_as.get(kind)?.as_str())
                .collect();
            parts.join(" ")
        });
    let name = sort_as
        .filter(|name| filled(name).is_some())
        .or_else(|| display(card));
    let folded = fold(&name.unwrap_or_default());
    cut(&folded, SORT_NAME_BYTES).trim_end().to_owned()
}

/// A name's components as one text.
fn joined(name: &Value) -> Option<String> {
    let components: Vec<(&str, &str)> = name
        .get("components")?
        .as_array()?
        .iter()
        .filter_map(|component| {
            Some((
                component.get("kind")?.as_str()?,
                component.get("value")?.as_str()?,
            ))
        })
        .collect();
    let mut text = String::new();
    if name.get("isOrdered") == Some(&Value::Bool(true)) {
        let separator = name
            .get("defaultSeparator")
            .and_then(Value::as_str)
            .unwrap_or(" ");
        let mut after_separator = true;
        for (kind, value) in components {
            if kind != "separator" && !after_separator {
                text.push_str(separator);
            }
            after_separator = kind == "separator";
            text.push_str(value);
        }
    } else {
        let of_kind = |kind: &'static str| components.iter().filter(move |(k, _)| *k == kind);
        let known = WRITTEN.into_iter().flat_map(of_kind);
        let others = components
            .iter()
            .filter(|(kind, _)| !WRITTEN.contains(kind));
        let values: Vec<&str> = known.chain(others).map(|(_, value)| *value).collect();
        text = values.join(" ");
    }
    filled(&text).map(str::to_owned)
}

/// The first organisation's name, or that of its first unit.
pub(crate) fn organization(card: &Map<String, Value>) -> Option<&str> {
    card.get("organizations")?
        .as_object()?
        .values()
        .find_map(|organization| {
            let own = organization
                .get("name")
                .and_then(Value::as_str)
                .and_then(filled);
            own.or_else(|| filled(organization.get("units")?.get(0)?.get("name")?.as_str()?))
        })
}

/// The member `text` of the preferred entry of the map `property`: that with the lowest `pref`
/// (RFC 9553, section 1.5.3), else the first.
pub(crate) fn preferred<'a>(
    card: &'a Map<String, Value>,
    property: &str,
    text: &str,
) -> Option<&'a str> {
    let entries = card.get(property)?.as_object()?.values();
    let filled = entries.filter_map(|entry| Some((entry, filled(entry.get(text)?.as_str()?)?)));
    // min_by_key gives the first of several equal ones.
    let pref = |entry: &Value| {
        entry
            .get("pref")
            .and_then(Value::as_u64)
            .unwrap_or(u64::MAX)
    };
    filled
        .min_by_key(|(entry, _)| pref(entry))
        .map(|(_, text)| text)
}

fn filled(text: &str) -> Option<&str> {
    (!text.trim().is_empty()).then_some(text)
}

/// A group's name (a JSContact keyword, a vCard category) as [`crate::Card::groups`] gives it: folded,
/// at most [`GROUP_BYTES`]. Empty if nothing is left of it.
pub fn group_key(name: &str) -> String {
    cut(&fold(name), GROUP_BYTES).trim_end().to_owned()
}
