//! JSON pointers (RFC 6901) without their leading slash, as `JSPTR` has them (RFC 9555 section 3.2.1).
//! None leads into a list.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};

use crate::members::{VCARD_NAME, VCARD_PARAMS};

/// The members of a card that no property gives it as such.
pub(crate) const RESERVED: &[&str] = &["@type", "version", "uid", "vCardProps"];

/// The value at a pointer that has no leading slash.
pub(crate) fn resolve<'a>(members: &'a Map<String, Json>, pointer: &str) -> Option<&'a Json> {
    let mut names = pointer.split('/').map(unescape_name);
    let first = members.get(&names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The same, to be changed.
pub(crate) fn resolve_mut<'a>(
    members: &'a mut Map<String, Json>,
    pointer: &str,
) -> Option<&'a mut Json> {
    let mut names = pointer.split('/').map(unescape_name);
    let first = members.get_mut(&names.next()?)?;
    names.try_fold(first, |value, name| value.get_mut(name))
}

/// RFC 6901 section 4.
fn unescape_name(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// The inverse of [`unescape_name`].
pub(crate) fn escape_name(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Gives an object that the card has a member, in the place of one that it may have.
pub(crate) fn insert(members: &mut Map<String, Json>, pointer: &str, value: Json) {
    let (parent, name, reserved) = match pointer.rsplit_once('/') {
        Some((parent, name)) => {
            let parent = resolve_mut(members, parent).and_then(Json::as_object_mut);
            (parent, name, &["@type", VCARD_PARAMS, VCARD_NAME][..])
        }
        None => (Some(members), pointer, RESERVED),
    };
    if let Some(parent) = parent
        && !reserved.contains(&name)
    {
        parent.insert(unescape_name(name), value);
    }
}

/// Removes the values at these pointers, and the maps they leave empty.
pub(crate) fn remove<'a>(
    members: &mut Map<String, Json>,
    pointers: impl IntoIterator<Item = &'a str>,
) {
    // By first name, so that each object is gone through once.
    let mut inner: HashMap<String, Vec<&str>> = HashMap::new();
    let mut whole = HashSet::new();
    for pointer in pointers {
        match pointer.split_once('/') {
            Some((name, rest)) => inner.entry(unescape_name(name)).or_default().push(rest),
            None => {
                whole.insert(unescape_name(pointer));
            }
        }
    }
    members.retain(|name, value| {
        if whole.contains(name) {
            return false;
        }
        if let (Some(pointers), Some(child)) = (inner.get(name), value.as_object_mut()) {
            remove(child, pointers.iter().copied());
            return !child.is_empty();
        }
        true
    });
}
