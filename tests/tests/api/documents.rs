//! The OpenAPI document and the reference page.

use std::collections::BTreeSet;

use contacts_tests::contract::{DOCUMENT, conforms};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{ok, somebody, text};

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

pub(crate) fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                visit(name, value);
                walk(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is() {
    let me = somebody().await;
    assert_eq!(ok(&me.get("/openapi.json").await), *DOCUMENT);
}

#[test]
fn the_document_has_the_structure_of_openapi_3_1() {
    let document = &*DOCUMENT;
    assert!(text(&document["openapi"]).starts_with("3.1."));
    assert!(!text(&document["info"]["title"]).is_empty());
    assert!(!text(&document["info"]["version"]).is_empty());
    let tags: BTreeSet<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| text(&tag["name"]))
        .collect();
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        let what = format!("{method} {path}");
        assert!(METHODS.contains(&method), "{what}");
        assert!(path.starts_with('/') && !path.ends_with('/'), "{what}");
        assert!(
            ids.insert(text(&operation["operationId"])),
            "{what}: the id is not unique"
        );
        assert!(!text(&operation["summary"]).is_empty(), "{what}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(text(tag)), "{what}: {tag}");
        }
        let requirements = operation.get("security").unwrap_or(&document["security"]);
        for requirement in requirements.as_array().unwrap() {
            for name in requirement.as_object().unwrap().keys() {
                assert!(schemes.contains_key(name), "{what}: {name}");
            }
        }
        let named: BTreeSet<_> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let mut in_path = BTreeSet::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let place = text(&parameter["in"]);
            assert!(
                ["path", "query", "header"].contains(&place),
                "{what}: {parameter}"
            );
            assert!(parameter["schema"].is_object(), "{what}: {parameter}");
            assert!(
                !text(&parameter["description"]).is_empty(),
                "{what}: {parameter}"
            );
            if place == "path" {
                assert_eq!(parameter["required"], true, "{what}");
                in_path.insert(text(&parameter["name"]));
            }
        }
        assert_eq!(named, in_path, "{what}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let number: u16 = status.parse().unwrap();
            assert!((200..600).contains(&number), "{what}");
            assert!(
                !text(&response["description"]).is_empty(),
                "{what} {status}"
            );
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                assert!(
                    kind.contains('/') && content["schema"].is_object(),
                    "{what} {status} {kind}"
                );
                assert_eq!(
                    kind == "application/problem+json",
                    number >= 400,
                    "{what} {status}"
                );
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let mut references = 0;
    walk(&DOCUMENT, &mut |name, value| {
        if name == "$ref" {
            references += 1;
            let pointer = text(value).strip_prefix('#').unwrap();
            assert!(DOCUMENT.pointer(pointer).is_some(), "{pointer}");
        }
    });
    assert!(references > 10);
}

#[test]
fn every_operation_shows_success_and_its_problems_with_examples() {
    for (path, method, operation) in operations() {
        let what = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        let mut successes = 0;
        for (status, response) in responses
            .iter()
            .filter(|(status, _)| status.starts_with('2'))
        {
            successes += 1;
            assert!(status == "204" || response["content"].is_object(), "{what}");
        }
        assert!(successes > 0, "{what}");
        let expected: &[&str] = match path {
            "/health" | "/ready" => &["431", "500"],
            path if path.starts_with("/v1") => {
                &["400", "401", "403", "414", "431", "500", "503", "504"]
            }
            _ => &["414", "431", "500"],
        };
        for status in expected {
            let content = &responses[*status]["content"]["application/problem+json"];
            assert_eq!(
                content["schema"]["$ref"], "#/components/schemas/Problem",
                "{what} {status}"
            );
            let examples = content["examples"].as_object().unwrap();
            assert!(!examples.is_empty(), "{what} {status}");
            for example in examples.values() {
                conforms(&content["schema"], &example["value"], "").unwrap();
                assert_eq!(example["value"]["status"].to_string(), *status, "{what}");
            }
        }
        if let Some(body) = operation.get("requestBody") {
            for (kind, content) in body["content"].as_object().unwrap() {
                assert!(
                    content.get("example").is_some(),
                    "{what} has no example for {kind}"
                );
            }
        }
    }
}

#[test]
fn both_ways_to_present_a_token_are_described() {
    let schemes = &DOCUMENT["components"]["securitySchemes"];
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    assert_eq!(schemes["basic"]["scheme"], "basic");
    assert_eq!(DOCUMENT["security"], json!([{"bearer": []}, {"basic": []}]));
}

#[tokio::test]
async fn the_reference_page_lists_everything_and_needs_nothing_else() {
    let me = somebody().await;
    let response = me.get("/docs").await;
    assert_eq!(
        response.text("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = String::from_utf8(response.body.clone()).unwrap();
    for (path, method, operation) in operations() {
        assert!(
            page.contains(&format!(
                "id=\"operation-{}\"",
                text(&operation["operationId"])
            )),
            "{method} {path}"
        );
    }
    let mut problems = BTreeSet::new();
    walk(&DOCUMENT, &mut |name, value| {
        if let (true, Some(kind)) = (name == "type", value.as_str())
            && let Some(slug) = kind.strip_prefix("/docs#")
        {
            problems.insert(slug.to_owned());
        }
    });
    assert!(problems.len() > 20);
    for slug in problems {
        assert!(page.contains(&format!("id=\"{slug}\"")), "{slug}");
    }
    for anchor in page
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(
            page.contains(&format!("id=\"{anchor}\"")),
            "{anchor} leads nowhere"
        );
    }
    for foreign in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "src=",
        "@import",
        "url(",
        "javascript:",
        "style=\"",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for link in page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(link.starts_with('#') || link.starts_with('/'), "{link}");
    }
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let hash = BASE64.encode(&Sha256::digest(style.as_bytes()));
    let policy = response.text("content-security-policy").unwrap();
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
}
