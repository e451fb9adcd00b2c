//! `/docs`: the reference page, rendered once from the OpenAPI document.
//!
//! One HTML document with no script and no external resource; its stylesheet is inline and allowed by
//! its hash. All text of the document is escaped, examples and descriptions included.

mod html;
mod operation;
mod schema;

use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use http::header::{self, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::Kind;
use contacts_jobs::Failure;
use html::{Page, text};

const STYLE: &str = include_str!("reference/style.css");

/// The methods of a path item, in the order in which they are shown.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The rendered page; as an answer it brings its own `Content-Security-Policy`.
#[derive(Clone, Debug)]
pub struct Reference {
    html: bytes::Bytes,
    policy: HeaderValue,
}

impl Reference {
    /// Renders `openapi`, an OpenAPI 3.1 document.
    #[must_use]
    pub fn render(openapi: &Value) -> Self {
        let hash = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri \
             'none'; form-action 'none'"
        );
        Self {
            html: document(openapi).into(),
            policy: policy.try_into().expect("it is ASCII"),
        }
    }

    /// The document.
    #[must_use]
    pub fn html(&self) -> &[u8] {
        &self.html
    }
}

impl IntoResponse for Reference {
    fn into_response(self) -> Response {
        let mut response = Html(self.html).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, self.policy);
        response
    }
}

/// One operation and where it is.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    /// The path item, whose parameters count for each of its operations.
    item: &'a Value,
    value: &'a Value,
}

impl Operation<'_> {
    fn tag(&self) -> &str {
        text(&self.value["tags"][0]).unwrap_or("other")
    }

    /// Its anchor: the operation id, else method and path.
    fn anchor(&self) -> String {
        match text(&self.value["operationId"]) {
            Some(id) => format!("operation-{id}"),
            None => format!("operation-{}-{}", self.method, self.path.replace('/', "-")),
        }
    }

    fn title(&self) -> &str {
        text(&self.value["summary"]).unwrap_or(self.path)
    }
}

fn document(openapi: &Value) -> String {
    let operations = operations(openapi);
    let tags = tags(openapi, &operations);
    let title = text(&openapi["info"]["title"]).unwrap_or("API");

    let mut page = Page::default();
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    page.element("title", &format!("{title} reference"));
    // The style must be byte for byte what the policy's hash is of.
    page.raw("<style>").raw(STYLE).raw("</style></head><body>");
    contents(&mut page, title, &tags, &operations);
    page.raw("<main><header>");
    page.element("h1", title);
    if let Some(version) = text(&openapi["info"]["version"]) {
        page.raw("<p class=\"quiet\">Version ").text(version);
        page.raw(" · <a href=\"/openapi.json\">OpenAPI document</a></p>");
    }
    page.prose(&openapi["info"]["description"]);
    page.raw(
        "<p class=\"quiet\">The commands on this page use two variables of the shell: \
         <code>URL</code>, where the service is, and <code>TOKEN</code>.</p></header>",
    );
    for (tag, description) in &tags {
        page.raw("<section><h2 id=\"tag-")
            .text(tag)
            .raw("\">")
            .text(tag)
            .raw("</h2>");
        page.prose(description);
        for operation in operations
            .iter()
            .filter(|operation| operation.tag() == *tag)
        {
            operation::render(&mut page, openapi, operation);
        }
        page.raw("</section>");
    }
    schema::all(&mut page, openapi);
    problems(&mut page);
    job_errors(&mut page);
    page.raw("</main></body></html>");
    page.finish()
}

fn operations(openapi: &Value) -> Vec<Operation<'_>> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| {
                let value = item.get(method)?;
                Some(Operation {
                    method,
                    path,
                    item,
                    value,
                })
            })
        })
        .collect()
}

/// Names and descriptions: first those that the document lists, in its order.
fn tags<'a>(openapi: &'a Value, operations: &'a [Operation<'_>]) -> Vec<(&'a str, &'a Value)> {
    let listed = openapi["tags"].as_array().into_iter().flatten();
    let mut tags: Vec<(&str, &Value)> = listed
        .filter_map(|tag| Some((text(&tag["name"])?, &tag["description"])))
        .collect();
    for operation in operations {
        if !tags.iter().any(|(name, _)| *name == operation.tag()) {
            tags.push((operation.tag(), &Value::Null));
        }
    }
    tags.retain(|(name, _)| operations.iter().any(|operation| operation.tag() == *name));
    tags
}

fn contents(page: &mut Page, title: &str, tags: &[(&str, &Value)], operations: &[Operation<'_>]) {
    page.raw("<nav aria-label=\"Contents\"><details open><summary>")
        .text(title)
        .raw("</summary>");
    for (tag, _) in tags {
        page.raw("<a class=\"tag\" href=\"#tag-")
            .text(tag)
            .raw("\">")
            .text(tag)
            .raw("</a><ul>");
        for operation in operations
            .iter()
            .filter(|operation| operation.tag() == *tag)
        {
            page.raw("<li><a href=\"#")
                .text(&operation.anchor())
                .raw("\">");
            page.badge(operation.method)
                .inline(operation.title())
                .raw("</a></li>");
        }
        page.raw("</ul>");
    }
    page.raw("<a class=\"tag\" href=\"#schemas\">Schemas</a>");
    page.raw("<a class=\"tag\" href=\"#problems\">Problems</a>");
    page.raw("<a class=\"tag\" href=\"#job-errors\">Errors of jobs</a></details></nav>");
}

fn problems(page: &mut Page) {
    page.raw("<section><h2 id=\"problems\">Problems</h2><p>Every failure is an ");
    page.element("code", "application/problem+json");
    page.raw(
        " document (RFC 9457). Its <code>type</code> is the address of one of the entries below, \
         <code>detail</code> says what to do, and <code>request_id</code>, also in the header \
         <code>x-request-id</code>, names the occurrence.</p><dl>",
    );
    for kind in Kind::ALL {
        let status = kind.status().as_u16().to_string();
        page.raw("<dt id=\"problem-")
            .text(kind.slug())
            .raw("\"><a href=\"")
            .text(&kind.uri());
        page.raw("\">")
            .status(&status)
            .text(kind.title())
            .raw("</a> ");
        page.element("code", &kind.uri());
        let (_, meaning) = kind.meaning().split_once(": ").unwrap_or_default();
        page.raw("</dt><dd>")
            .inline(&html::sentence(meaning))
            .raw("</dd>");
    }
    page.raw("</dl></section>");
}

fn job_errors(page: &mut Page) {
    page.raw(
        "<section><h2 id=\"job-errors\">What a job's error can be</h2><p>The <code>error</code> of a job \
         whose state is <code>failed</code> has one of these as its <code>type</code>.</p><dl>",
    );
    for failure in Failure::ALL {
        page.raw("<dt id=\"job-").text(failure.code()).raw("\">");
        page.element("code", &failure.uri());
        page.raw("</dt><dd>").inline(&failure.detail()).raw("</dd>");
    }
    page.raw("</dl></section>");
}

#[cfg(test)]
mod tests;
