//! Every property of every type is checked, and a violation points at it exactly.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::{Card, CardError, check};

fn full_card() -> Value {
    serde_json::from_str(include_str!("../../tests/full-card.json")).unwrap()
}

/// Calls `found` with the pointer and the owning property of each place of `value` that the tables
/// know.
fn walk(kind: Kind, value: &Value, pointer: &str, found: &mut dyn FnMut(String, String, Kind)) {
    let mut object = |of: &Type, members: &Map<String, Value>| {
        for (name, member) in members {
            let kind = of.property(name);
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            found(pointer.clone(), format!("{}.{name}", of.name), kind);
            walk(kind, member, &pointer, found);
        }
    };
    match (kind, value) {
        (Kind::Object(of), Value::Object(members)) => object(of, members),
        (Kind::Date, Value::Object(members)) => object(check::date_type(members), members),
        (Kind::Map(_, of), Value::Object(entries)) => {
            for (key, entry) in entries {
                let pointer = format!("{pointer}/{key}");
                found(pointer.clone(), format!("entry of {pointer}"), *of);
                walk(*of, entry, &pointer, found);
            }
        }
        (Kind::List(_, of), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                walk(*of, item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_wrong_value_of_any_property_is_reported_with_its_pointer() {
    let card = full_card();
    Card::parse(card.clone()).unwrap();
    walk(
        Kind::Object(&CARD),
        &card,
        "",
        &mut |pointer, property, kind| {
            if matches!(kind, Kind::Any) {
                return;
            }
            // No property may be null, and none that is checked may be this number.
            for wrong in [Value::Null, json!(-3.5)] {
                let mut changed = card.clone();
                *changed.pointer_mut(&pointer).unwrap() = wrong;
                let Err(CardError::Invalid(violations)) = Card::parse(changed) else {
                    panic!("{property} took a wrong value at {pointer}");
                };
                assert!(
                    violations.iter().any(|v| v.pointer == pointer),
                    "{property}: {violations:?}"
                );
                // The only others are those that depend on the value now missing its meaning.
                let elsewhere = violations
                    .iter()
                    .filter(|v| !v.pointer.starts_with(&pointer))
                    .count();
                assert!(
                    elsewhere == 0
                        || ["Card.kind", "Name.isOrdered", "Address.isOrdered"]
                            .contains(&property.as_str())
                        || property.ends_with(".components")
                        || property.ends_with("@type")
                        || localized(&pointer),
                    "{property}: {violations:?}"
                );
            }
        },
    );
}

/// Patches in the example lead through these.
fn localized(pointer: &str) -> bool {
    ["/name", "/titles", "/titles/t1"].contains(&pointer)
}

#[test]
fn the_example_card_has_every_property_of_every_type() {
    let mut seen = BTreeSet::new();
    let mut known = BTreeSet::new();
    walk(
        Kind::Object(&CARD),
        &full_card(),
        "",
        &mut |_, property, _| {
            seen.insert(property);
        },
    );
    list(&CARD, &mut known);
    let missing: Vec<_> = known.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn list(of: &'static Type, known: &mut BTreeSet<String>) {
    if !known.insert(format!("{}.@type", of.name)) {
        return;
    }
    for (name, kind) in of.properties {
        known.insert(format!("{}.{name}", of.name));
        let mut inner = kind;
        while let Kind::Map(_, of) | Kind::List(_, of) = inner {
            inner = of;
        }
        match inner {
            Kind::Object(of) => list(of, known),
            Kind::Date => {
                list(&PARTIAL_DATE, known);
                list(&TIMESTAMP, known);
            }
            _ => {}
        }
    }
}

#[test]
fn a_missing_mandatory_member_is_reported_at_its_place() {
    fn check_missing(pointer: &str, of: &Type) {
        for name in of.mandatory.iter().filter(|name| **name != "uid") {
            let mut card = full_card();
            card.pointer_mut(pointer)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .shift_remove(*name);
            let Err(CardError::Invalid(violations)) = Card::parse(card) else {
                panic!("{} without {name} was taken", of.name);
            };
            assert!(
                violations
                    .iter()
                    .any(|v| v.pointer == format!("{pointer}/{name}")),
                "{violations:?}"
            );
        }
    }
    check_missing("", &CARD);
    walk(
        Kind::Object(&CARD),
        &full_card(),
        "",
        &mut |pointer, _, kind| {
            if let Kind::Object(of) = kind {
                check_missing(&pointer, of);
            }
        },
    );
    check_missing("/name/components/0", &NAME_COMPONENT);
    check_missing("/addresses/k23/components/0", &ADDRESS_COMPONENT);
    check_missing("/organizations/o1/units/0", &ORG_UNIT);
    check_missing("/anniversaries/k9/date", &TIMESTAMP);
}
