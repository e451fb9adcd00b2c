//! Schemas: a short name where they are used, and a list of members where they are defined.

use serde_json::Value;

use super::html::{Page, text};
use super::operation::pretty;

/// What a `$ref` within the document points at; anything else is itself.
pub(super) fn resolve<'a>(openapi: &'a Value, value: &'a Value) -> &'a Value {
    text(&value["$ref"])
        .and_then(|reference| openapi.pointer(reference.strip_prefix('#')?))
        .unwrap_or(value)
}

/// The type in a few words, with links to named schemas.
pub(super) fn type_of(page: &mut Page, schema: &Value) {
    if let Some(reference) = text(&schema["$ref"]) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        page.raw("<a href=\"#schema-")
            .text(name)
            .raw("\">")
            .text(name)
            .raw("</a>");
        return;
    }
    let choices = ["oneOf", "anyOf", "allOf"]
        .iter()
        .find_map(|word| schema[word].as_array());
    if let Some(choices) = choices {
        for (index, choice) in choices.iter().enumerate() {
            if index > 0 {
                page.raw(" or ");
            }
            type_of(page, choice);
        }
        return;
    }
    match &schema["type"] {
        Value::Array(types) => {
            let names: Vec<&str> = types.iter().filter_map(text).collect();
            page.text(&names.join(" or "));
        }
        Value::String(name) if name == "array" => {
            page.raw("array of ");
            type_of(page, &schema["items"]);
        }
        Value::String(name) => {
            page.text(name);
        }
        _ => {
            page.raw("any");
        }
    }
    constraints(page, schema);
}

fn constraints(page: &mut Page, schema: &Value) {
    if let Some(format) = text(&schema["format"]) {
        page.raw(" (").text(format).raw(")");
    }
    if let Some(values) = schema["enum"]
        .as_array()
        .filter(|values| values.len() <= 12)
    {
        let names: Vec<String> = values.iter().map(pretty).collect();
        page.raw(": ").text(&names.join(" | "));
    }
    range(page, schema, "minimum", "maximum", "");
    range(page, schema, "minLength", "maxLength", " characters");
    range(page, schema, "minItems", "maxItems", " entries");
    if let Some(value) = schema.get("default") {
        page.raw(", default ").text(&pretty(value));
    }
}

fn range(page: &mut Page, schema: &Value, lowest: &str, highest: &str, unit: &'static str) {
    match (schema.get(lowest), schema.get(highest)) {
        (Some(low), Some(high)) => {
            page.raw(", ")
                .text(&pretty(low))
                .raw(" to ")
                .text(&pretty(high))
                .raw(unit);
        }
        (Some(low), None) => {
            page.raw(", at least ").text(&pretty(low)).raw(unit);
        }
        (None, Some(high)) => {
            page.raw(", at most ").text(&pretty(high)).raw(unit);
        }
        (None, None) => {}
    }
}

/// The section of named schemas.
pub(super) fn all(page: &mut Page, openapi: &Value) {
    page.raw("<section><h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in openapi["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        page.raw("<article id=\"schema-")
            .text(name)
            .raw("\"><h3><a href=\"#schema-")
            .text(name);
        page.raw("\">")
            .text(name)
            .raw("</a></h3>")
            .prose(&schema["description"]);
        match schema["properties"].as_object() {
            Some(_) => members(page, schema),
            None => {
                page.raw("<p class=\"quiet\">");
                type_of(page, schema);
                page.raw("</p>");
            }
        }
        if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
            page.code_block(&pretty(example));
        }
        page.raw("</article>");
    }
    page.raw("</section>");
}

fn members(page: &mut Page, schema: &Value) {
    let required = schema["required"].as_array();
    page.raw("<dl class=\"members\">");
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        page.raw("<dt>")
            .element("code", name)
            .raw(" <span class=\"quiet\">");
        type_of(page, member);
        let always = required.is_some_and(|names| names.iter().any(|given| given == name));
        page.raw(if always { "" } else { ", optional" })
            .raw("</span></dt><dd>");
        page.prose(&member["description"]).raw("</dd>");
    }
    page.raw("</dl>");
}
