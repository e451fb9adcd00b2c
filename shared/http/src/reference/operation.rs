//! One operation: parameters, bodies, answers, and a line to paste into a shell.

use serde_json::{Map, Value};

use super::Operation;
use super::html::{Page, text};
use super::schema::{self, resolve};

pub(super) fn render(page: &mut Page, openapi: &Value, operation: &Operation<'_>) {
    let value = operation.value;
    page.raw("<article id=\"")
        .text(&operation.anchor())
        .raw("\"><h3>");
    page.raw("<a href=\"#")
        .text(&operation.anchor())
        .raw("\">")
        .inline(operation.title());
    page.raw("</a></h3><p class=\"line\">")
        .badge(operation.method);
    page.element("code", operation.path).raw("</p>");
    page.prose(&value["description"]);
    if is_public(openapi, value) {
        page.raw("<p class=\"quiet\">Needs no token.</p>");
    }
    let parameters = parameters(openapi, operation);
    render_parameters(page, &parameters);
    let body = resolve(openapi, &value["requestBody"]);
    if body.is_object() {
        page.raw("<h4>Body</h4>").prose(&body["description"]);
        contents(page, body);
    }
    page.raw("<h4>Answers</h4>");
    for (status, response) in value["responses"].as_object().into_iter().flatten() {
        answer(page, status, resolve(openapi, response));
    }
    page.raw("<h4>Try it</h4>")
        .code_block(&curl(openapi, operation, &parameters, body));
    page.raw("</article>");
}

fn is_public(openapi: &Value, operation: &Value) -> bool {
    let security = operation
        .get("security")
        .or_else(|| openapi.get("security"));
    security.and_then(Value::as_array).is_none_or(|schemes| {
        schemes.is_empty()
            || schemes
                .iter()
                .any(|scheme| scheme.as_object().is_some_and(Map::is_empty))
    })
}

fn parameters<'a>(openapi: &'a Value, operation: &Operation<'a>) -> Vec<&'a Value> {
    let of = |value: &'a Value| value["parameters"].as_array().into_iter().flatten();
    of(operation.item)
        .chain(of(operation.value))
        .map(|parameter| resolve(openapi, parameter))
        .collect()
}

fn render_parameters(page: &mut Page, parameters: &[&Value]) {
    if parameters.is_empty() {
        return;
    }
    page.raw("<h4>Parameters</h4><dl class=\"members\">");
    for parameter in parameters {
        page.raw("<dt>")
            .element("code", text(&parameter["name"]).unwrap_or_default());
        page.raw(" <span class=\"quiet\">")
            .text(text(&parameter["in"]).unwrap_or_default());
        page.raw(", ");
        schema::type_of(page, &parameter["schema"]);
        if parameter["required"] == true {
            page.raw(", required");
        }
        page.raw("</span></dt><dd>")
            .prose(&parameter["description"])
            .raw("</dd>");
    }
    page.raw("</dl>");
}

fn answer(page: &mut Page, status: &str, response: &Value) {
    page.raw("<details class=\"answer\"><summary>")
        .status(status);
    // The badge says it already.
    let description = text(&response["description"]).unwrap_or_default();
    page.inline(&description.replace(&format!("{status}: "), ""))
        .raw("</summary>");
    let headers = response["headers"]
        .as_object()
        .filter(|headers| !headers.is_empty());
    if let Some(headers) = headers {
        page.raw("<dl class=\"members\">");
        for (name, header) in headers {
            page.raw("<dt>").element("code", name).raw("</dt><dd>");
            page.prose(&header["description"]).raw("</dd>");
        }
        page.raw("</dl>");
    }
    contents(page, response);
    page.raw("</details>");
}

/// The media types of a body or an answer, each with its schema and its examples.
fn contents(page: &mut Page, holder: &Value) {
    for (media_type, content) in holder["content"].as_object().into_iter().flatten() {
        page.raw("<p class=\"line\">")
            .element("code", media_type)
            .raw(" <span class=\"quiet\">");
        schema::type_of(page, &content["schema"]);
        page.raw("</span></p>");
        for (title, example) in examples(content) {
            if let Some(title) = title {
                page.raw("<p class=\"quiet\">").text(title).raw("</p>");
            }
            page.code_block(&pretty(example));
        }
    }
}

/// The examples of a media type with their titles: `example`, `examples`, or the schema's own.
fn examples(content: &Value) -> Vec<(Option<&str>, &Value)> {
    if let Some(example) = content.get("example") {
        return vec![(None, example)];
    }
    match content["examples"].as_object() {
        Some(examples) => examples
            .iter()
            .map(|(name, example)| (text(&example["summary"]).or(Some(name)), &example["value"]))
            .collect(),
        None => content["schema"]
            .get("example")
            .map(|example| (None, example))
            .into_iter()
            .collect(),
    }
}

pub(super) fn pretty(example: &Value) -> String {
    match example {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// A command that works as pasted once `URL` and `TOKEN` are set.
fn curl(openapi: &Value, operation: &Operation<'_>, parameters: &[&Value], body: &Value) -> String {
    let mut path = operation.path.to_owned();
    let mut query = Vec::new();
    for parameter in parameters {
        let name = text(&parameter["name"]).unwrap_or_default();
        let example = parameter
            .get("example")
            .or_else(|| parameter["schema"].get("example"));
        match (text(&parameter["in"]), example) {
            (Some("path"), Some(example)) => {
                path = path.replace(&format!("{{{name}}}"), &encode(&pretty(example)));
            }
            (Some("query"), Some(example)) => {
                query.push(format!("{}={}", encode(name), encode(&pretty(example))));
            }
            _ => {}
        }
    }
    let mut command = match operation.method {
        "get" => "curl".to_owned(),
        "head" => "curl --head".to_owned(),
        other => format!("curl -X {}", other.to_uppercase()),
    };
    if !is_public(openapi, operation.value) {
        command.push_str(" -H \"Authorization: Bearer $TOKEN\"");
    }
    let content = body["content"]
        .as_object()
        .and_then(|types| types.iter().next());
    if let Some((media_type, content)) = content {
        command.push_str(" \\\n  -H ");
        command.push_str(&quote(&format!("Content-Type: {media_type}")));
        if let Some((_, example)) = examples(content).first() {
            command.push_str(" \\\n  --data-binary ");
            command.push_str(&quote(&match example {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }));
        }
    }
    let target = if query.is_empty() {
        path
    } else {
        format!("{path}?{}", query.join("&"))
    };
    // The variable is left to the shell; the rest is quoted.
    format!("{command} \\\n  \"$URL\"{}", quote(&target))
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        // The unreserved characters (RFC 3986 section 2.3) read better as themselves.
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_")
        .replace("%7E", "~")
}

/// In single quotes for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
