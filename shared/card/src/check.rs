//! Walks a value along the tables of [`crate::rfc9553`] and reports all that is wrong with it.

use serde_json::{Map, Value};

use crate::error::Report;
use crate::json::{NUMBER_TOKEN, too_deep};
use crate::limits::{ENTRIES, NESTING};
use crate::localize;
use crate::rfc9553::{CARD, PARTIAL_DATE, TIMESTAMP};
use crate::schema::{Kind, Type};
use crate::syntax::Syntax;

/// Checks a whole card.
pub(crate) fn card(map: &Map<String, Value>, report: &mut Report) {
    // The shape first: what follows recurses over the value.
    for (name, value) in map {
        report.at(name, |report| shape(value, 2, report));
    }
    if map.contains_key(NUMBER_TOKEN) {
        report.expect_at(NUMBER_TOKEN, "another member name; this one is reserved");
    }
    if report.is_empty() {
        object(&CARD, map, report);
        localize::check(map, report);
    }
}

/// What holds for every value, known to RFC 9553 or not.
fn shape(value: &Value, level: usize, report: &mut Report) {
    match value {
        Value::Array(_) | Value::Object(_) if level > NESTING => report.expect(too_deep()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                report.at(&index.to_string(), |report| shape(item, level + 1, report));
            }
        }
        Value::Object(members) => {
            if members.contains_key(NUMBER_TOKEN) {
                report.expect_at(NUMBER_TOKEN, "another member name; this one is reserved");
            }
            for (name, member) in members {
                report.at(name, |report| shape(member, level + 1, report));
            }
        }
        _ => {}
    }
}

/// Checks one value.
pub(crate) fn value(kind: Kind, value: &Value, report: &mut Report) {
    match kind {
        Kind::Any => {}
        Kind::Object(of) => match value {
            Value::Object(members) => object(of, members, report),
            _ => report.expect(format!("an object: {}", of.name)),
        },
        Kind::Date => match value {
            Value::Object(members) => object(date_type(members), members, report),
            _ => report.expect("an object: PartialDate or Timestamp"),
        },
        Kind::Map(key, of) => map(key, of, value, report),
        Kind::List(least, of) => list(least, of, value, report),
        Kind::Patch => {
            if !value.is_object() {
                report.expect("an object of patches, such as {\"name/full\": \"…\"}");
            }
        }
        Kind::JCardProperty => jcard_property(value, report),
        Kind::ParameterValue => match value {
            Value::String(_) => {}
            Value::Array(items) if items.iter().all(Value::is_string) => {}
            _ => report.expect("a string or an array of strings"),
        },
        Kind::Bool if !value.is_boolean() => report.expect("true or false"),
        Kind::True if value != &Value::Bool(true) => report.expect("true"),
        Kind::Int(least, most) => {
            if !value.as_u64().is_some_and(|n| (least..=most).contains(&n)) {
                report.expect(format!("an integer from {least} to {most}"));
            }
        }
        Kind::Exactly(only) if value != only => report.expect(format!("{only:?}")),
        Kind::Bool | Kind::True | Kind::Exactly(_) => {}
        Kind::Text(syntax) => match value.as_str().map(|text| syntax.check(text)) {
            Some(Ok(())) => {}
            Some(Err(expected)) => report.expect(expected),
            None => report.expect(syntax.expected),
        },
    }
}

fn object(of: &Type, members: &Map<String, Value>, report: &mut Report) {
    for name in of
        .mandatory
        .iter()
        .filter(|name| !members.contains_key(**name))
    {
        // Null breaks every kind, so this says what the missing member should be.
        report.at(name, |report| {
            value(of.property(name), &Value::Null, report)
        });
    }
    for (name, member) in members {
        report.at(name, |report| value(of.property(name), member, report));
    }
    if !of.one_of.is_empty() && !of.one_of.iter().any(|name| members.contains_key(*name)) {
        let names: Vec<_> = of.one_of.iter().map(|name| format!("{name:?}")).collect();
        report.expect(format!(
            "an object with at least one of {}",
            names.join(", ")
        ));
    }
    if let Some(rule) = of.rule {
        rule(members, report);
    }
}

/// `@type` decides; without it a date is a `PartialDate` (section 2.8.1), unless it has what only a
/// `Timestamp` has.
pub(crate) fn date_type(members: &Map<String, Value>) -> &'static Type {
    match members.get("@type") {
        Some(name) if name == TIMESTAMP.name => &TIMESTAMP,
        None if members.contains_key("utc") => &TIMESTAMP,
        _ => &PARTIAL_DATE,
    }
}

fn map(key: &Syntax, of: &'static Kind, map: &Value, report: &mut Report) {
    let Value::Object(entries) = map else {
        return report.expect(match of {
            Kind::True => "an object whose values are all true",
            _ => "an object used as a map",
        });
    };
    if entries.len() > ENTRIES {
        return report.expect(format!("at most {ENTRIES} entries"));
    }
    for (name, entry) in entries {
        report.at(name, |report| {
            if let Err(expected) = key.check(name) {
                report.expect(format!("an entry whose key is {expected}"));
            }
            value(*of, entry, report);
        });
    }
}

fn list(least: usize, of: &'static Kind, list: &Value, report: &mut Report) {
    match list {
        Value::Array(items) if (least..=ENTRIES).contains(&items.len()) => {
            for (index, item) in items.iter().enumerate() {
                report.at(&index.to_string(), |report| value(*of, item, report));
            }
        }
        _ => report.expect(format!("an array of {least} to {ENTRIES} entries")),
    }
}

fn jcard_property(property: &Value, report: &mut Report) {
    let valid = match property.as_array().map(Vec::as_slice) {
        Some([name, parameters, kind, _, ..]) => {
            name.is_string() && parameters.is_object() && kind.is_string()
        }
        _ => false,
    };
    if !valid {
        report.expect("a jCard property: [name, {parameters}, type, value, …]");
    }
}

/// Section 2.1.6: a card with members is a group.
pub(crate) fn members_need_a_group(card: &Map<String, Value>, report: &mut Report) {
    if card.contains_key("members") && card.get("kind").is_none_or(|kind| kind != "group") {
        report.expect_at(
            "members",
            "absent, or the card's \"kind\" should be \"group\"",
        );
    }
}

/// Section 2.8.1: a day needs its month, a month its year or day.
pub(crate) fn partial_date(date: &Map<String, Value>, report: &mut Report) {
    let has = |name| date.contains_key(name);
    if has("day") && !has("month") {
        report.expect_at("day", "absent, or accompanied by \"month\"");
    }
    if has("month") && !has("year") && !has("day") {
        report.expect_at("month", "accompanied by \"year\" or \"day\"");
    }
}

/// Sections 2.2.1 and 2.5.1: separators need an order, and some component must be more than one.
pub(crate) fn components(parent: &Map<String, Value>, report: &mut Report) {
    let ordered = parent.get("isOrdered") == Some(&Value::Bool(true));
    let components = parent.get("components").and_then(Value::as_array);
    if parent.contains_key("defaultSeparator") && !(ordered && components.is_some()) {
        report.expect_at(
            "defaultSeparator",
            "absent, or accompanied by \"components\" and \"isOrdered\": true",
        );
    }
    if parent.contains_key("sortAs") && components.is_none() {
        report.expect_at("sortAs", "absent, or accompanied by \"components\"");
    }
    let Some(components) = components.filter(|components| !components.is_empty()) else {
        return;
    };
    let scripted = parent.contains_key("phoneticScript") || parent.contains_key("phoneticSystem");
    let separator = |component: &Value| {
        component
            .get("kind")
            .is_some_and(|kind| kind == "separator")
    };
    report.at("components", |report| {
        if components.iter().all(separator) {
            report.expect("at least one component that is no separator");
        }
        for (index, component) in components.iter().enumerate() {
            report.at(&index.to_string(), |report| {
                if separator(component) && !ordered {
                    report.expect("no separator, unless \"isOrdered\" is true");
                }
                if component.get("phonetic").is_some() && !scripted {
                    report.expect_at(
                        "phonetic",
                        "absent, or \"phoneticScript\" or \"phoneticSystem\" given beside \"components\"",
                    );
                }
            });
        }
    });
}
