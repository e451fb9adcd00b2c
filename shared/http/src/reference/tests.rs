//! The page for a small document.

use super::*;
use serde_json::json;

fn sample() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Contacts", "version": "0.1.0",
            "description": "An address book for a team.\n\nSend a token as `Authorization: Bearer`."
        },
        "security": [{"token": []}],
        "tags": [{"name": "Contacts", "description": "Cards of a book."}, {"name": "Unused"}],
        "paths": {
            "/v1/books/{book}/contacts": {
                "parameters": [{"$ref": "#/components/parameters/Book"}],
                "get": {
                    "tags": ["Contacts"], "operationId": "list_contacts", "summary": "List contacts",
                    "parameters": [{
                        "name": "q", "in": "query", "example": "jörg m",
                        "description": "Words to look for.", "schema": {"type": ["string", "null"], "maxLength": 200}
                    }],
                    "responses": {"200": {
                        "description": "A page of contacts.",
                        "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Contact"}}}}
                    }}
                },
                "post": {
                    "tags": ["Contacts"], "operationId": "create_contact", "summary": "Create a contact",
                    "requestBody": {"required": true, "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Contact"},
                                             "example": {"name": "O'Brien <script>"}},
                        "text/vcard": {"schema": {"type": "string"}, "examples": {
                            "small": {"summary": "A small card", "value": "BEGIN:VCARD\nEND:VCARD"}}}
                    }},
                    "responses": {
                        "201": {"description": "Created.", "headers": {"ETag": {"description": "The tag."}}},
                        "409": {"description": "See [`uid-taken`].", "content": {"application/problem+json": {
                            "schema": {"type": "object"}, "example": crate::problem::Problem::uid_taken("x").document(None)}}}
                    }
                }
            },
            "/health": {"get": {"tags": ["System"], "summary": "Health", "security": [], "responses": {}}}
        },
        "components": {
            "parameters": {"Book": {"name": "book", "in": "path", "required": true, "example": "default", "schema": {"type": "string"}}},
            "schemas": {"Contact": {
                "type": "object", "description": "A <b>contact</b>.", "required": ["id"],
                "properties": {"id": {"type": "string"}, "kind": {"type": "string", "enum": ["individual", "org"]}}
            }}
        }
    })
}

fn page() -> String {
    String::from_utf8(Reference::render(&sample()).html().to_vec()).unwrap()
}

#[test]
fn operations_are_grouped_by_tag_with_anchors() {
    let page = page();
    for wanted in [
        "id=\"tag-Contacts\"",
        "id=\"tag-System\"",
        "id=\"operation-list_contacts\"",
        "id=\"schema-Contact\"",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(!page.contains("Unused"));
}

#[test]
fn every_problem_type_leads_to_an_anchor() {
    let page = page();
    for kind in Kind::ALL {
        let (path, fragment) = kind
            .uri()
            .split_once('#')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!(path, "/docs");
        assert!(page.contains(&format!("id=\"{fragment}\"")), "{fragment}");
    }
}

#[test]
fn every_error_of_a_job_leads_to_an_anchor() {
    let page = page();
    for failure in Failure::ALL {
        let anchor = format!("id=\"job-{}\"", failure.code());
        assert!(page.contains(&anchor), "{anchor}");
        assert!(failure.uri().ends_with(&format!("#job-{}", failure.code())));
    }
}

#[test]
fn everything_in_the_document_is_escaped() {
    let page = page();
    assert!(!page.contains("<script") && !page.contains("<b>contact"));
    assert!(page.contains("O&#39;Brien &lt;script&gt;"));
}

#[test]
fn each_operation_has_a_command_that_a_shell_understands() {
    let page = page();
    let list = "curl -H &quot;Authorization: Bearer $TOKEN&quot; \\\n  &quot;$URL&quot;&#39;/v1/books/default/contacts?q=j%C3%B6rg%20m&#39;";
    assert!(page.contains(list));
    assert!(page.contains("--data-binary &#39;{&quot;name&quot;:&quot;O&#39;\\&#39;&#39;Brien"));
    // Without security there is no header.
    assert!(page.contains("curl \\\n  &quot;$URL&quot;&#39;/health&#39;"));
}

#[test]
fn the_style_is_allowed_by_its_hash_and_nothing_else_is() {
    let response = Reference::render(&sample()).into_response();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    let hash = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(policy.starts_with("default-src 'none'"));
    let page = page();
    assert_eq!(page.matches("<style>").count(), 1);
    for outside in ["style=", "<link", "<img", "src=", "http://", "https://"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn an_empty_document_is_a_page_too() {
    assert!(
        Reference::render(&json!({}))
            .html()
            .starts_with(b"<!doctype html>")
    );
}
