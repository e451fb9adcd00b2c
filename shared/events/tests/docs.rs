//! `docs/EVENTS.md` against the code. `UPDATE_DOCS=1 cargo test -p contacts-events --test docs` writes
//! the kinds and the schema into the document.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

use std::{env, fs};

use contacts_events::{EventKind, Message};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/EVENTS.md");

/// The text between the marks of this name.
fn part<'a>(document: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let at = document.find(&begin).unwrap() + begin.len();
    let to = document.find(&end).unwrap();
    (&document[..at], &document[at..to], &document[to..])
}

fn kinds() -> String {
    let mut table = String::from("| kind | when |\n|---|---|\n");
    for kind in EventKind::ALL {
        table += &format!("| `{kind}` | {} |\n", kind.summary());
    }
    table
}

fn schema() -> String {
    let mut schemas = Vec::new();
    Message::schemas(&mut schemas);
    let mut whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema"});
    let own = serde_json::to_value(Message::schema()).unwrap();
    whole
        .as_object_mut()
        .unwrap()
        .extend(own.as_object().unwrap().clone());
    for (name, schema) in schemas {
        whole["$defs"][name] = serde_json::to_value(schema).unwrap();
    }
    let text = serde_json::to_string_pretty(&whole).unwrap();
    format!(
        "```json\n{}\n```\n",
        text.replace("#/components/schemas/", "#/$defs/")
    )
}

#[test]
fn the_document_has_the_kinds_and_the_schema() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let mut wanted = document.clone();
    for (name, text) in [("kinds", kinds()), ("schema", schema())] {
        let (before, _, after) = part(&wanted, name);
        wanted = format!("{before}{text}{after}");
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, &wanted).unwrap();
    }
    let document = fs::read_to_string(DOCUMENT).unwrap();
    assert!(
        document == wanted,
        "UPDATE_DOCS=1 writes docs/EVENTS.md anew"
    );
}

/// Whether `value` has the members that `schema` asks for, and no others.
fn fits(schema: &Value, whole: &Value, value: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = whole.pointer(reference.trim_start_matches('#')).unwrap();
        return fits(schema, whole, value);
    }
    if let Some(several) = schema["oneOf"].as_array() {
        return fits(several.last().unwrap(), whole, value);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{value}");
    }
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(name.as_str().unwrap()), "{name}");
        }
        for (name, value) in members {
            let schema = &schema["properties"][name];
            assert!(schema.is_object(), "{name} is not in the schema");
            fits(schema, whole, value);
        }
    }
}

#[test]
fn every_message_fits_the_schema() {
    let text = schema();
    let text = text
        .trim_start_matches("```json\n")
        .trim_end_matches("```\n");
    let whole: Value = serde_json::from_str(text).unwrap();
    for kind in EventKind::ALL {
        let message: Value = serde_json::from_str(&Message::example(*kind).json()).unwrap();
        assert_eq!(message["kind"], kind.name());
        fits(&whole, &whole, &message);
    }
}
