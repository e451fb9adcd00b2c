//! Secrets and personal data in every route and every error, and none of them in logs, metrics or
//! problems.

use contacts_tests::client::{Client, Request, Response};
use contacts_tests::contract::{DOCUMENT, operation};
use contacts_tests::process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{CONTACTS, TOKEN, binary, card, environment, text};

/// In everything that is somebody's: nothing else has this in it.
const MARK: &str = "qzmarkqz";

struct Tour {
    client: Client,
    /// Routes and methods that were answered well.
    tried: Vec<(String, String)>,
    /// Ids and secrets that the service gave out.
    given: Vec<String>,
    /// Ids of jobs, which say nothing of anybody: by them the lines of a job are found in the log.
    jobs: Vec<String>,
    problems: Vec<(String, Value)>,
}

impl Tour {
    async fn send(&mut self, request: Request) -> Response {
        let authorized = request.first("authorization").is_some();
        let request = if authorized {
            request
        } else {
            request.bearer(TOKEN)
        };
        let answer = self.client.send(&request).await.unwrap();
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let path = target.split('?').next().unwrap();
        if answer.status < 400 {
            if let Some((template, _)) = operation(&request.method, path) {
                self.tried
                    .push((template.to_owned(), request.method.clone()));
            }
        } else if request.method != "HEAD" {
            let problem = answer
                .json()
                .unwrap_or_else(|error| panic!("{error}: {target} {answer:?}"));
            self.problems
                .push((format!("{} {target}", request.method), problem));
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Value {
        self.send(Request::new("GET", path))
            .await
            .json()
            .unwrap_or_default()
    }

    async fn post(&mut self, path: &str, body: &Value) -> Value {
        let key = format!("{MARK}-{}", self.tried.len());
        let request = Request::new("POST", path).json(body);
        let request = if path == "/v1/tokens" {
            request
        } else {
            request.header("idempotency-key", key)
        };
        let answer = self.send(request).await.json().unwrap_or_default();
        for member in ["id", "token"] {
            if let Some(given) = answer[member].as_str() {
                let ids = if path == "/v1/jobs" {
                    &mut self.jobs
                } else {
                    &mut self.given
                };
                ids.push(given.to_owned());
            }
        }
        answer
    }
}

fn marked() -> Value {
    let mut marked = card(&format!("Person {MARK}"));
    marked["uid"] = json!(format!("urn:{MARK}"));
    marked["emails"] = json!({"e": {"address": format!("{MARK}@{MARK}.example")}});
    marked["organizations"] = json!({"o": {"name": MARK}});
    marked["phones"] = json!({"p": {"number": "+99 71717 71717"}});
    marked["keywords"] = json!({MARK: true});
    marked["notes"] = json!({"n": {"note": MARK}});
    marked
}

async fn successes(tour: &mut Tour) {
    let book = tour.post("/v1/books", &json!({"name": MARK})).await;
    let book = format!("/v1/books/{}", text(&book["id"]));
    let contact = tour.post(CONTACTS, &marked()).await;
    let contact = format!("{CONTACTS}/{}", text(&contact["id"]));
    let items = json!({"items": [{"op": "create", "card": card(MARK)}, {"op": MARK}, {"op": "create", "card": marked()}]});
    tour.post(&format!("{CONTACTS}/batch"), &items).await;
    let vcard = format!(
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{MARK}\r\nEMAIL:{MARK}@x.example\r\nX-{MARK}:{MARK}\r\nEND:VCARD\r\n"
    );
    tour.send(Request::new("POST", CONTACTS).body("text/vcard", vcard))
        .await;
    for path in [
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/v1/books",
        &book,
        &contact,
        "/v1/system",
        "/v1/system/history",
        "/v1/tokens",
    ] {
        tour.get(path).await;
        tour.send(Request::new("HEAD", path)).await;
    }
    tour.send(Request::new("GET", &contact).header("accept", "text/vcard"))
        .await;
    for query in [
        format!("?q={MARK}&limit=1"),
        format!("?group={MARK}&limit=1"),
        "?limit=1".to_owned(),
    ] {
        let page = tour.get(&format!("{CONTACTS}{query}")).await;
        if let Some(cursor) = page["cursor"].as_str() {
            tour.get(&format!("{CONTACTS}{query}&cursor={cursor}"))
                .await;
            tour.given.push(cursor.to_owned());
        }
    }
    let changes = tour.get("/v1/books/default/changes").await;
    let since = text(&changes["token"]).to_owned();
    tour.get(&format!("/v1/books/default/changes?since={since}"))
        .await;
    tour.given.push(since);
    tour.send(Request::new("PATCH", &book).json(&json!({"name": format!("{MARK} 2")})))
        .await;
    tour.send(Request::new("PATCH", &contact).json(&json!({"notes": {"m": {"note": MARK}}})))
        .await;
    let mut other = marked();
    other["name"]["full"] = json!(format!("Other {MARK}"));
    tour.send(Request::new("PUT", &contact).json(&other)).await;
    failures(tour, &contact).await;
    jobs(tour).await;
    subscriptions(tour).await;
    tour.send(Request::new("DELETE", &contact)).await;
    tour.send(Request::new("DELETE", &book)).await;
    let token = tour
        .post(
            "/v1/tokens",
            &json!({"name": MARK, "scopes": ["contacts:read"]}),
        )
        .await;
    let secret = text(&token["token"]).to_owned();
    tour.send(
        Request::new("POST", CONTACTS)
            .bearer(&secret)
            .json(&marked()),
    )
    .await;
    let path = format!("/v1/tokens/{}", text(&token["id"]));
    tour.send(Request::new("DELETE", &path)).await;
    tour.send(Request::new("GET", "/v1/books").bearer(&secret))
        .await;
}

async fn jobs(tour: &mut Tour) {
    for kind in ["verify-book", "reindex-book", MARK] {
        let wish = json!({"kind": kind, "book": "default"});
        let job = tour.post("/v1/jobs", &wish).await;
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap_or(MARK));
        for path in ["/v1/jobs", &path, &format!("{path}/report")] {
            tour.get(path).await;
        }
        tour.send(Request::new("DELETE", &path)).await;
    }
    let book = tour.post("/v1/books", &json!({"name": MARK})).await;
    let book = format!("/v1/books/{}", text(&book["id"]));
    tour.post(&format!("{book}/contacts"), &marked()).await;
    let gone = tour.send(Request::new("DELETE", &book)).await;
    let job = text(&gone.json().unwrap()["id"]).to_owned();
    let mut state = json!("queued");
    while state != "succeeded" {
        state = tour.get(&format!("/v1/jobs/{job}")).await["state"].clone();
    }
    tour.jobs.push(job);
}

async fn subscriptions(tour: &mut Tour) {
    let wish = json!({
        "book": "default", "kinds": ["contact.created"], "channel": "https", "detail": "name",
        "endpoint": format!("http://127.0.0.1:9/{MARK}"),
    });
    let made = tour.post("/v1/subscriptions", &wish).await;
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap_or(MARK));
    for path in ["/v1/subscriptions", &path] {
        tour.get(path).await;
    }
    // Nobody listens at the endpoint.
    tour.post(CONTACTS, &card(MARK)).await;
    tour.send(Request::new("DELETE", &path)).await;
}

/// Every way in which a request can be wrong, each with something of somebody's in it.
async fn failures(tour: &mut Tour, contact: &str) {
    tour.post(CONTACTS, &marked()).await;
    tour.post("/v1/books", &json!({"name": [MARK]})).await;
    tour.post("/v1/tokens", &json!({"name": MARK, "scopes": [MARK]}))
        .await;
    let mut wrong = marked();
    wrong["kind"] = json!({"x": MARK});
    wrong["emails"] = json!(MARK);
    wrong["version"] = json!(MARK);
    wrong["phones"] = json!({"p": {"number": MARK, "pref": MARK}});
    tour.post(CONTACTS, &wrong).await;
    let key = |key: &str| Request::new("POST", CONTACTS).header("idempotency-key", key);
    let bearer = |value: &str| Request::new("GET", "/v1/books").header("authorization", value);
    let basic = data_encoding::BASE64.encode(format!("{MARK}:{MARK}").as_bytes());
    for request in [
        Request::new("PUT", contact).json(&json!({"@type": "Card", "version": "1.0", "uid": MARK})),
        Request::new("PATCH", contact).json(&json!({"uid": MARK})),
        Request::new("PATCH", contact).json(&json!({"emails": MARK})),
        Request::new("PATCH", contact).body("application/json", format!("{{\"{MARK}\": ")),
        Request::new("POST", CONTACTS).body("application/json", format!("[\"{MARK}\"")),
        Request::new("POST", CONTACTS).body(MARK, MARK),
        Request::new("POST", CONTACTS).body("text/vcard", MARK),
        Request::new("POST", CONTACTS).body(
            "text/vcard",
            format!("BEGIN:VCARD\r\nVERSION:{MARK}\r\nFN:{MARK}\r\nEND:VCARD\r\n"),
        ),
        Request::new("POST", CONTACTS).body(
            "text/vcard",
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{MARK}\r\nEND:VCARD\r\n"),
        ),
        Request::new("POST", CONTACTS).body(
            "text/vcard",
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{MARK}\r\n"),
        ),
        Request::new("POST", CONTACTS).body("text/vcard", format!("\u{feff}{MARK}")),
        Request::new("POST", CONTACTS)
            .json(&json!({"@type": "Card", "version": "1.0", "note": MARK.repeat(40_000)})),
        Request::new("POST", CONTACTS).body("application/json", MARK.repeat(140_000)),
        key(&format!("{MARK} with space")).json(&card(MARK)),
        key(MARK).json(&card("one")),
        key(MARK).json(&card("other")),
        bearer(MARK),
        bearer(&format!("Bearer {MARK}")),
        bearer(&format!("Bearer cm_{MARK}{}", "x".repeat(40))),
        bearer(&format!("Bearer {MARK}.{MARK}.{MARK}")),
        bearer(&format!("Basic {basic}")),
        Request::new("GET", format!("{CONTACTS}?cursor={MARK}")),
        Request::new("GET", format!("{CONTACTS}?limit={MARK}")),
        Request::new(
            "GET",
            format!(
                "{CONTACTS}?q={}",
                format!("{MARK}+x").repeat(9).replace("xq", "x+q")
            ),
        ),
        Request::new("GET", format!("/v1/books/default/changes?since={MARK}")),
        Request::new("GET", format!("/v1/system/history?from={MARK}&step={MARK}")),
        Request::new("GET", format!("/v1/books/{MARK}")),
        Request::new("GET", format!("/v1/{MARK}")),
        Request::new("GET", format!("/{MARK}//..")),
        Request::new("GET", format!("{CONTACTS}/{MARK}")),
        Request::new("DELETE", format!("/v1/tokens/{MARK}")),
        Request::new(&MARK.to_uppercase(), contact),
        Request::new("GET", contact).header("if-match", MARK),
        Request::new("GET", contact).header("if-match", format!("\"{MARK}\"")),
        Request::new("GET", contact).header("accept", format!("{MARK}/{MARK}")),
        Request::new("GET", contact).header("x-amzn-trace-id", format!("Root={MARK}")),
        Request::new("GET", contact)
            .header("user-agent", MARK)
            .header("referer", MARK)
            .header("cookie", MARK),
        Request::new("GET", "/v1/books").header("x-wide", MARK.repeat(2_100)),
        Request::new("GET", format!("/v1/books?{}", MARK.repeat(1_100))),
    ] {
        tour.send(request).await;
    }
}

async fn tour(level: &str) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let settings = [("CONTACTS_TOKEN", TOKEN), ("RUST_LOG", level)];
    let mut server = Server::start(binary(), &environment(&data, &settings))
        .await
        .unwrap();
    let mut tour = Tour {
        client: Client::new(server.address),
        tried: Vec::new(),
        given: vec![TOKEN.to_owned(), TOKEN[3..].to_owned()],
        jobs: Vec::new(),
        problems: Vec::new(),
    };
    successes(&mut tour).await;

    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let tried = (path.clone(), method.to_uppercase());
            assert!(tour.tried.contains(&tried), "{tried:?} was not tried");
        }
    }
    let metrics = Client::new(server.metrics)
        .send(&Request::new("GET", "/metrics"))
        .await
        .unwrap();
    let metrics = String::from_utf8(metrics.body).unwrap();
    let ended = server
        .process
        .terminate(std::time::Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(ended.code(), Some(0));
    let logs = server.process.output().to_string();
    for mark in tour.given.iter().map(String::as_str).chain([
        MARK,
        &MARK.to_uppercase(),
        "71717 71717",
        "7171771717",
    ]) {
        for (name, text) in [("log", &logs), ("metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(mark));
            assert_eq!(line, None, "{mark} is in the {name}");
        }
    }
    for job in &tour.jobs {
        assert!(!metrics.contains(job.as_str()), "{job} is in the metrics");
    }
    judge_problems(&tour);
    judge_metrics(&tour, &metrics);
    assert!(
        logs.contains("answered") && logs.contains("request_id"),
        "{logs}"
    );
}

/// A problem may name what was sent as a parameter's name, the id of the other contact, nothing else.
fn judge_problems(tour: &Tour) {
    let kinds: std::collections::BTreeSet<_> = tour
        .problems
        .iter()
        .map(|(_, problem)| text(&problem["type"]))
        .collect();
    assert!(kinds.len() >= 18, "{kinds:?}");
    for (what, problem) in &tour.problems {
        let mut shown = problem.clone();
        if shown["type"] == "/docs#problem-invalid-parameter"
            && shown["parameter"]
                .as_str()
                .is_some_and(|name| name.starts_with(MARK))
        {
            continue;
        }
        if shown["type"] == "/docs#problem-uid-taken" {
            shown["contact"] = Value::Null;
        }
        let shown = shown.to_string();
        assert!(!shown.to_lowercase().contains(MARK), "{what}: {shown}");
        for given in &tour.given {
            assert!(!shown.contains(given.as_str()), "{what}: {shown}");
        }
    }
}

/// One line for each route by its template, and no label that has an id in it.
fn judge_metrics(tour: &Tour, metrics: &str) {
    for (path, method) in &tour.tried {
        let line = metrics.lines().find(|line| {
            line.starts_with("contacts_http_requests_total{")
                && line.contains(&format!("route=\"{path}\""))
                && line.contains(&format!("method=\"{method}\""))
        });
        assert!(line.is_some(), "{method} {path}");
    }
    assert!(
        metrics.contains("route=\"unmatched\"") && metrics.contains("method=\"other\""),
        "{metrics}"
    );
    for family in [
        "contacts_dynamodb_calls_total",
        "contacts_auth_failures_total",
        "contacts_http_request_duration_seconds_bucket",
        "contacts_build_info",
    ] {
        assert!(
            metrics.lines().any(|line| line.starts_with(family)),
            "{family}"
        );
    }
    for label in metrics.split('"').skip(1).step_by(2) {
        let longest = label
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::len)
            .max()
            .unwrap_or(0);
        assert!(longest < 20, "{label} looks like an id");
    }
}

#[tokio::test]
async fn nothing_of_anybodys_is_in_logs_metrics_or_problems_at_info() {
    tour("info").await;
}

#[tokio::test]
async fn nothing_of_anybodys_is_in_logs_metrics_or_problems_at_trace() {
    tour("trace").await;
}
