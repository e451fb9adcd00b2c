//! The same requests leave the same traces: metrics, and logs without anybody's data.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use contacts_tests::client::{Client, Request};
use contacts_tests::contract::DOCUMENT;
use contacts_tests::process::{Line, Output};
use contacts_tests::twins::{Twins, member};
use serde_json::{Value, json};

use crate::support::{CONTACTS, get, patch, post, simple_vcard, twins, vcard};

/// Requests by route, method and status.
type Counts = BTreeMap<[String; 3], u64>;

/// Words that only the requests below hold, in names, addresses, queries, headers and secrets.
const MARK: &str = "Xq7marked";

/// The last request of a run: when it has left its trace, all before it have.
fn last() -> Request {
    Request::new("DELETE", "/v1/tokens/last").header("x-request-id", "last-of-all")
}

/// Every operation, and some failures, with marked data wherever a client can put some.
async fn drive(twins: &Twins) {
    let name = format!("{MARK} Person");
    let person = json!({
        "@type": "Card", "version": "1.0", "name": {"full": name},
        "emails": {"e": {"address": format!("{MARK}@example.org")}},
        "phones": {"p": {"number": "+49 30 7654321987"}},
    });
    let made = twins
        .each(|_| {
            post(CONTACTS, &person)
                .header("idempotency-key", uuid::Uuid::new_v4().to_string() + MARK)
        })
        .await;
    let paths = member(&made, "id")
        .unwrap()
        .map(|id| format!("{CONTACTS}/{id}"));
    let text = simple_vcard(&name, MARK);
    twins
        .each(|_| vcard("POST", CONTACTS, text.as_bytes()))
        .await;
    twins
        .each(|_| vcard("POST", &format!("{CONTACTS}/batch"), text.as_bytes()))
        .await;
    twins
        .each(|side| patch(&paths[side], &json!({"notes": {"n": {"note": MARK}}})))
        .await;
    twins
        .each(|side| {
            Request::new("PUT", &paths[side])
                .json(&person)
                .header("if-match", format!("\"{MARK}\""))
        })
        .await;
    for path in &paths {
        twins.same(get(path)).await;
        twins.same(get(path).header("accept", "text/vcard")).await;
    }
    let books = twins
        .each(|_| post("/v1/books", &json!({"name": MARK})))
        .await;
    let books = member(&books, "id")
        .unwrap()
        .map(|id| format!("/v1/books/{id}"));
    twins
        .each(|side| patch(&books[side], &json!({"name": MARK})))
        .await;
    twins.each(|side| get(&books[side])).await;
    twins
        .each(|side| Request::new("DELETE", &books[side]))
        .await;
    let tokens = twins
        .each(|_| {
            post(
                "/v1/tokens",
                &json!({"name": MARK, "scopes": ["contacts:read"]}),
            )
        })
        .await;
    let tokens = member(&tokens, "id").unwrap();
    twins
        .each(|side| Request::new("DELETE", format!("/v1/tokens/{}", tokens[side])))
        .await;
    let wish = json!({
        "book": "default", "kinds": ["book.renamed"], "channel": "https",
        "endpoint": format!("https://1.1.1.1/{MARK}"),
    });
    let made = twins.each(|_| post("/v1/subscriptions", &wish)).await;
    let made = member(&made, "id").unwrap();
    let made = made.map(|id| format!("/v1/subscriptions/{id}"));
    for subscription in &made {
        twins.same(get(subscription)).await;
    }
    twins.each(|side| Request::new("DELETE", &made[side])).await;
    let jobs = twins
        .each(|_| {
            post(
                "/v1/jobs",
                &json!({"kind": "verify-book", "book": "default"}),
            )
        })
        .await;
    for id in member(&jobs, "id").unwrap() {
        let job = format!("/v1/jobs/{id}");
        twins.same(get(&job)).await;
        twins.same(get(&format!("{job}/report"))).await;
        twins.same(Request::new("DELETE", &job)).await;
    }
    for path in [
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/v1/books",
        "/v1/jobs",
        "/v1/subscriptions",
        "/v1/system",
        "/v1/system/history",
        "/v1/tokens",
        "/v1/books/default/changes",
    ] {
        twins.same(get(path)).await;
        twins.same(get(&format!("{path}/{MARK}"))).await;
        twins.same(get(&format!("{path}?{MARK}={MARK}"))).await;
        twins.same(Request::new(MARK, path)).await;
    }
    twins.same(get(&format!("{CONTACTS}?q={MARK}"))).await;
    twins.same(get(&format!("{CONTACTS}?cursor={MARK}"))).await;
    twins
        .same(get(CONTACTS).bearer(&format!("cm_{MARK}")))
        .await;
    twins
        .same(get(CONTACTS).bearer(&format!("{MARK}.{MARK}.{MARK}")))
        .await;
    for (name, value) in [
        ("cookie", MARK),
        ("user-agent", MARK),
        ("accept", MARK),
        ("referer", MARK),
        ("x-request-id", ""),
    ] {
        twins.same(get(CONTACTS).header(name, value)).await;
    }
    twins
        .same(Request::new("POST", CONTACTS).body("application/json", format!("{{\"{MARK}")))
        .await;
    twins
        .same(post(CONTACTS, &json!({"@type": MARK, "emails": {MARK: 1}})))
        .await;
    twins
        .same(vcard(
            "POST",
            CONTACTS,
            format!("BEGIN:VCARD\r\n{MARK}").as_bytes(),
        ))
        .await;
    twins
        .each(|side| Request::new("DELETE", &paths[side]))
        .await;
    twins.same(last()).await;
}

async fn scrape(twins: &Twins) -> String {
    let client = Client::new(twins.container.metrics);
    let answer = client.send(&get("/metrics")).await.unwrap();
    assert_eq!(
        answer.text("content-type"),
        Some("text/plain; version=0.0.4")
    );
    String::from_utf8(answer.body).unwrap()
}

fn label(line: &str, name: &str) -> String {
    let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn prometheus_counts(text: &str) -> Counts {
    text.lines()
        .filter(|line| line.starts_with("contacts_http_requests_total{"))
        .map(|line| {
            let key = ["route", "method", "status"].map(|name| label(line, name));
            (key, line.rsplit(' ').next().unwrap().parse().unwrap())
        })
        .collect()
}

fn prometheus_names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

fn documents(output: &Output) -> Vec<Value> {
    let parse = |line: Line| {
        serde_json::from_str(&line.text).unwrap_or_else(|error| panic!("{error}: {}", line.text))
    };
    output.lines().into_iter().map(parse).collect()
}

/// Waits for the line of the last request's metrics, and gives all lines of metrics.
async fn emf(twins: &Twins) -> Vec<Value> {
    let output = twins.sandboxes.output();
    let is_last = |line: &Line| {
        line.text.contains("_aws")
            && line.text.contains("contacts_http_requests_total")
            && line.text.contains("/v1/tokens/{token}")
            && line.text.contains("404")
    };
    output.wait_for(is_last).await.unwrap();
    documents(output)
        .into_iter()
        .filter(|line| line.get("_aws").is_some())
        .collect()
}

fn emf_counts(lines: &[Value]) -> Counts {
    let mut counts = Counts::new();
    for line in lines
        .iter()
        .filter(|line| line.get("contacts_http_requests_total").is_some())
    {
        let key = ["route", "method", "status"].map(|name| line[name].as_str().unwrap().to_owned());
        *counts.entry(key).or_default() += line["contacts_http_requests_total"].as_u64().unwrap();
    }
    counts
}

fn emf_names(lines: &[Value]) -> BTreeSet<String> {
    let directives = lines
        .iter()
        .flat_map(|line| line["_aws"]["CloudWatchMetrics"].as_array().unwrap());
    let metrics = directives.flat_map(|directive| directive["Metrics"].as_array().unwrap());
    metrics
        .map(|metric| metric["Name"].as_str().unwrap().to_owned())
        .collect()
}

/// The limits of "Specification: Embedded metric format".
fn is_within_limits(line: &Value) {
    let text = line.to_string();
    assert!(text.len() < 1_048_576);
    let aws = &line["_aws"];
    assert!(
        aws["Timestamp"]
            .as_u64()
            .is_some_and(|at| at > 1_600_000_000_000),
        "{text}"
    );
    for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
        let namespace = directive["Namespace"].as_str().unwrap();
        assert!((1..=255).contains(&namespace.len()) && !namespace.starts_with("AWS/"));
        for set in directive["Dimensions"].as_array().unwrap() {
            let set = set.as_array().unwrap();
            assert!((1..=30).contains(&set.len()));
            for name in set {
                let value = line[name.as_str().unwrap()].as_str().unwrap();
                assert!(
                    (1..=1024).contains(&value.len()) && value.is_ascii(),
                    "{text}"
                );
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let value = &line[metric["Name"].as_str().unwrap()];
            let numbers = value
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]);
            assert!(
                (1..=100).contains(&numbers.len()) && numbers.iter().all(Value::is_number),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn both_exporters_have_the_same_names_and_counts() {
    let twins = twins().await;
    let before = prometheus_counts(&scrape(&twins).await);
    drive(&twins).await;
    let text = scrape(&twins).await;
    let mut prometheus = prometheus_counts(&text);
    for (key, count) in before {
        // The requests by which the test waited for the container.
        *prometheus.get_mut(&key).unwrap() -= count;
    }
    let lines = emf(&twins).await;
    lines.iter().for_each(is_within_limits);
    assert_eq!(prometheus, emf_counts(&lines));
    let (mut in_container, mut on_lambda) = (prometheus_names(&text), emf_names(&lines));
    // A container has a machine, and a function begins cold.
    in_container.retain(|name| !name.starts_with("system_"));
    assert!(on_lambda.remove("contacts_cold_starts_total"));
    assert_eq!(in_container, on_lambda);

    let templates = DOCUMENT["paths"].as_object().unwrap();
    for [route, method, _] in prometheus.keys() {
        assert!(
            route == "unmatched" || templates.contains_key(route),
            "{route}"
        );
        assert!(
            [
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"
            ]
            .contains(&method.as_str())
        );
    }
    for (path, methods) in templates {
        for method in methods.as_object().unwrap().keys() {
            let driven = prometheus
                .keys()
                .any(|[route, known, _]| route == path && *known == method.to_uppercase());
            assert!(driven, "drive {method} {path} here");
        }
    }
    promtool(&text);
}

/// Holds the text against the linter of Prometheus, which the Makefile installs.
fn promtool(text: &str) {
    let installed = std::env::var_os("HOME")
        .map(|home| PathBuf::from(home).join(".cache/contact-manager/tools/promtool/promtool"));
    let program = installed
        .filter(|path| path.is_file())
        .unwrap_or_else(|| "promtool".into());
    let mut promtool = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: `make test-tools` installs it");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

/// The access log: route, method and status of each line, in order.
fn access(lines: &[Value]) -> Vec<(String, String, u64)> {
    let text = |line: &Value, name: &str| {
        line[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {line}"))
            .to_owned()
    };
    let access = lines.iter().filter(|line| line["target"] == "access");
    access
        .map(|line| {
            assert!(!text(line, "request_id").is_empty());
            assert!(text(line, "trace_id").starts_with("1-"), "{line}");
            assert!(line["duration_ms"].is_number(), "{line}");
            assert!(
                line["timestamp"]
                    .as_str()
                    .is_some_and(|at| at.ends_with('Z')),
                "{line}"
            );
            (
                text(line, "route"),
                text(line, "method"),
                line["status"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn logs_are_the_same_lines_of_json_and_hold_nobodys_data() {
    let twins = twins().await;
    drive(&twins).await;
    let mut logs = Vec::new();
    for output in [twins.container.process.output(), twins.sandboxes.output()] {
        output
            .wait_for(|line| line.text.contains("last-of-all"))
            .await
            .unwrap();
        emf(&twins).await;
        logs.push(access(&documents(output)));
        let all = output.to_string();
        let secret = twins.token.trim_start_matches("cm_");
        for marked in [
            MARK,
            &MARK.to_lowercase(),
            "7654321987",
            secret,
            &secret[..20],
            "cm_",
        ] {
            assert!(!all.contains(marked), "{marked} in {all}");
        }
    }
    assert!(logs[0].iter().any(|(_, _, status)| *status == 500) || logs[0].len() > 30);
    assert_eq!(logs[0], logs[1]);
    let metrics = scrape(&twins).await;
    assert!(!metrics.contains(MARK) && !metrics.contains(&MARK.to_lowercase()));
}

#[tokio::test]
async fn the_trace_id_of_the_load_balancer_is_in_the_log() {
    let twins = twins().await;
    let root = "1-67891233-abcdef012345678912345678";
    twins
        .same(last().header("x-amzn-trace-id", format!("Root={root};Sampled=1")))
        .await;
    for output in [twins.container.process.output(), twins.sandboxes.output()] {
        let line = output
            .wait_for(|line| line.text.contains("last-of-all"))
            .await
            .unwrap();
        assert!(line.text.contains(root), "{}", line.text);
    }
}
