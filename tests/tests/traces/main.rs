//! The real programs under a real collector: what they tell of a request, and that nothing depends on its
//! being heard.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod collector;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use contacts_jobs::Message;
use contacts_tests::alb::alb_event;
use contacts_tests::calls::Role;
use contacts_tests::client::{Client, Request};
use contacts_tests::lambda_runtime::{Function, Sandboxes};
use contacts_tests::process::{Server, build, free_address};
use contacts_tests::worker::Site;
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use collector::{Collector, Span};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SAMPLE: &str = "OTEL_TRACES_SAMPLER_ARG";
const TRACE: &str = "1-67891233-abcdef012345678912345678";
const TRACE_HEX: &str = "67891233abcdef012345678912345678";
/// What OpenTelemetry calls kinds of spans.
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;
/// A word that is in everything somebody may want to hide.
const MARK: &str = "Xq7marked";

/// The API, on either target.
enum Api {
    Container(Box<Server>),
    Lambda(Arc<Sandboxes>),
}

impl Api {
    async fn container(site: &Site) -> Self {
        let path = tokio::task::spawn_blocking(|| build("api", "api-container", &["container"]));
        let mut environment = site.environment_of(Role::Api);
        environment.push(("CONTACTS_DRAIN_S".to_owned(), "0".to_owned()));
        let path = path.await.unwrap().unwrap();
        Self::Container(Box::new(Server::start(&path, &environment).await.unwrap()))
    }

    async fn lambda(site: &Site) -> Self {
        let path = tokio::task::spawn_blocking(|| build("api", "api-lambda", &["lambda"]));
        let mut function = Function::new(path.await.unwrap().unwrap());
        function.environment = site.environment_of(Role::Api);
        // Lambda's own credentials come with one, the database's without.
        let function = function.env("AWS_SESSION_TOKEN", "");
        Self::Lambda(Arc::new(Sandboxes::start(function, 1).await.unwrap()))
    }

    /// Status and body of the answer.
    async fn send(&self, request: Request) -> (u64, Value) {
        match self {
            Self::Container(server) => {
                let answer = Client::new(server.address).send(&request).await.unwrap();
                let body = answer.json().unwrap_or_default();
                (answer.status.into(), body)
            }
            Self::Lambda(sandboxes) => {
                let answer = sandboxes.invoke(&alb_event(&request)).await.unwrap();
                let answer = answer.json().unwrap();
                let body = answer["body"].as_str().unwrap_or_default();
                let body = match answer["isBase64Encoded"].as_bool() {
                    Some(true) => BASE64.decode(body.as_bytes()).unwrap(),
                    _ => body.as_bytes().to_vec(),
                };
                let body = serde_json::from_slice(&body).unwrap_or_default();
                (answer["statusCode"].as_u64().unwrap(), body)
            }
        }
    }

    /// What it has written.
    fn log(&self) -> String {
        match self {
            Self::Container(server) => server.process.output().to_string(),
            Self::Lambda(sandboxes) => sandboxes.output().to_string(),
        }
    }

    /// Ends a container, which sends what is left.
    async fn end(&mut self) {
        if let Self::Container(server) = self {
            let end = server.process.terminate(Duration::from_secs(30)).await;
            assert!(end.unwrap().success());
        }
    }
}

async fn token(site: &Site) -> String {
    let (code, token) = site.command(&["token", "ada"]).await.unwrap();
    assert_eq!(code, Some(0), "{token}");
    token.trim().to_owned()
}

/// Makes a book with a contact and deletes it, with a mark wherever a client can put one; the ids that
/// this brought about, of which the last is the job's.
async fn delete_a_book(api: &Api, token: &str) -> Vec<String> {
    let send = async |method: &str, path: &str, body: Option<Value>, status: u64| {
        let request = Request::new(method, path)
            .bearer(token)
            .header("x-request-id", format!("{MARK}-request"))
            .header("x-amzn-trace-id", format!("Root={TRACE};Sampled=0"))
            .header("traceparent", format!("00-{:032x}-{:016x}-00", 7, 7))
            .header("user-agent", MARK);
        let request = body
            .iter()
            .fold(request, |request, body| request.json(body));
        let (got, body) = api.send(request).await;
        assert_eq!(got, status, "{body}");
        body
    };
    let id = |body: &Value| body["id"].as_str().unwrap().to_owned();
    let book = id(&send("POST", "/v1/books", Some(json!({"name": MARK})), 201).await);
    let contacts = format!("/v1/books/{book}/contacts");
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": MARK}});
    let contact = id(&send("POST", &contacts, Some(card), 201).await);
    send("GET", &format!("{contacts}?q={MARK}"), None, 200).await;
    send("GET", &format!("/{MARK}"), None, 404).await;
    let job = send("DELETE", &format!("/v1/books/{book}"), None, 202).await;
    vec![book, contact, id(&job)]
}

/// The one span of this name.
fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut named = spans.iter().filter(|span| span.name == name);
    let first = named
        .next()
        .unwrap_or_else(|| panic!("{name} of {spans:#?}"));
    assert!(named.next().is_none(), "{name} of {spans:#?}");
    first
}

/// That these spans lead from the request through the queue to the worker.
fn assert_one_trace(spans: &[Span]) {
    let spans: Vec<_> = spans
        .iter()
        .filter(|span| span.trace == TRACE_HEX)
        .cloned()
        .collect();
    let asked = one(&spans, "DELETE /v1/books/{book}");
    assert_eq!((asked.kind, asked.parent.as_str()), (SERVER, ""));
    assert_eq!(asked.service, "contact-manager-api");
    assert_eq!(asked.attributes["http.response.status_code"], json!("202"));
    let sent = spans.iter().find(|span| span.kind == PRODUCER).unwrap();
    assert_eq!(sent.parent, asked.id);
    assert_eq!(sent.attributes["messaging.system"], "aws_sqs");
    let work = spans.iter().find(|span| span.kind == CONSUMER).unwrap();
    assert_eq!(work.parent, asked.id);
    assert_eq!(work.service, "contact-manager-worker");
    let queue = &work.attributes["messaging.destination.name"];
    assert_eq!(queue, &sent.attributes["messaging.destination.name"]);
    let steps: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "step delete-book")
        .collect();
    assert!(!steps.is_empty(), "{spans:#?}");
    for step in &steps {
        assert_eq!((step.kind, &step.parent), (INTERNAL, &work.id));
    }
    for parent in [asked, steps[0]] {
        let is_call = |span: &&Span| span.kind == CLIENT && span.parent == parent.id;
        let call = spans.iter().find(is_call);
        let call = call.unwrap_or_else(|| panic!("{} calls the database: {spans:#?}", parent.name));
        assert_eq!(call.attributes["db.system.name"], "aws.dynamodb");
    }
    // Every span hangs on another one, but those of requests.
    for span in &spans {
        let hangs = spans.iter().any(|other| other.id == span.parent);
        assert_eq!(hangs, span.kind != SERVER, "{span:#?}");
    }
}

/// That what left the programs holds words of ours and nothing of anybody's.
fn assert_nothing_personal(collector: &Collector, secrets: &[&str]) {
    let text = collector.text();
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let known = [
        "contacts.job.kind",
        "contacts.job.outcome",
        "db.operation.name",
        "db.system.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "messaging.destination.name",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.system",
    ];
    for span in collector.spans() {
        for name in span.attributes.keys() {
            assert!(known.contains(&name.as_str()), "{name} of {span:#?}");
        }
    }
}

async fn site_traced_by(collector: &Collector, sample: &str) -> Site {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    site.with(&[(ENDPOINT, &collector.endpoint), (SAMPLE, sample)])
}

const LAST: [&str; 3] = ["DELETE /v1/books/{book}", "step delete-book", "GET"];

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_request_through_the_queue_to_the_worker() {
    let collector = Collector::start().await;
    let site = site_traced_by(&collector, "1").await;
    let token = token(&site).await;
    let mut api = Api::container(&site).await;
    let ids = delete_a_book(&api, &token).await;
    let mut worker = site.container().await.unwrap();
    site.until_done(ids[2].parse().unwrap()).await.unwrap();
    // Long before the next time to send.
    api.end().await;
    let end = worker.process.terminate(Duration::from_secs(30)).await;
    assert!(end.unwrap().success());
    let spans = collector.until(&LAST).await;
    assert_one_trace(&spans);
    let secrets: Vec<_> = ids
        .iter()
        .map(String::as_str)
        .chain([MARK, &token])
        .collect();
    assert_nothing_personal(&collector, &secrets);
    let log = api.log();
    assert!(log.contains(&format!(r#""trace_id":"{TRACE}""#)), "{log}");
    assert!(!log.contains("db.operation.name"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_send_their_part_of_the_trace_before_they_are_frozen() {
    let collector = Collector::start().await;
    let site = site_traced_by(&collector, "1").await;
    let token = token(&site).await;
    let api = Api::lambda(&site).await;
    let ids = delete_a_book(&api, &token).await;
    let worker = site.sandboxes(Duration::from_secs(30), 1).await.unwrap();
    let _mapping = site.map(&worker).unwrap();
    site.until_done(ids[2].parse().unwrap()).await.unwrap();
    let spans = collector.until(&LAST).await;
    assert_one_trace(&spans);
    let secrets: Vec<_> = ids
        .iter()
        .map(String::as_str)
        .chain([MARK, &token])
        .collect();
    assert_nothing_personal(&collector, &secrets);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_none_of_the_requests_nothing_is_traced_and_nothing_of_their_jobs() {
    let collector = Collector::start().await;
    let site = site_traced_by(&collector, "0").await;
    let token = token(&site).await;
    let api = Api::lambda(&site).await;
    let ids = delete_a_book(&api, &token).await;
    let site = site.with(&[(SAMPLE, "1")]);
    let worker = site.sandboxes(Duration::from_secs(30), 1).await.unwrap();
    let _mapping = site.map(&worker).unwrap();
    let done = site.until_done(ids[2].parse().unwrap()).await.unwrap();
    let parent = done.origin.parent.unwrap();
    assert!(parent.starts_with(&format!("00-{TRACE_HEX}-")), "{parent}");
    assert!(parent.ends_with("-00"), "{parent}");
    // A message after it that begins a trace of its own, which the worker keeps.
    let other = site.job("verify-book", None).await.unwrap();
    site.tell(&Message::job(other.id)).await.unwrap();
    site.until(other.id, |job| !job.state.is_open())
        .await
        .unwrap();
    let spans = collector.until(&["step verify-book"]).await;
    assert!(
        spans.iter().all(|span| span.trace != TRACE_HEX),
        "{spans:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_setting_nothing_is_traced() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let token = token(&site).await;
    let mut api = Api::container(&site).await;
    let ids = delete_a_book(&api, &token).await;
    let request = Request::new("GET", "/v1/books").bearer(&token);
    assert_eq!(api.send(request).await.0, 200);
    api.end().await;
    // Somebody who traces names every request and every job.
    let log = api.log();
    let listed = log
        .lines()
        .find(|line| line.contains(r#""/v1/books""#) && line.contains("GET"));
    assert!(!listed.unwrap().contains("trace_id"), "{log}");
    let job = site.look(ids[2].parse().unwrap()).await.unwrap();
    assert_eq!(job.origin.trace_id.as_deref(), Some(TRACE));
    assert_eq!(job.origin.parent, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_without_a_load_balancer_is_named_in_the_log() {
    let collector = Collector::start().await;
    let site = site_traced_by(&collector, "1").await;
    let token = token(&site).await;
    let api = Api::lambda(&site).await;
    let request = Request::new("GET", "/v1/books").bearer(&token);
    assert_eq!(api.send(request).await.0, 200);
    let spans = collector.until(&["GET /v1/books"]).await;
    let trace = &one(&spans, "GET /v1/books").trace;
    let named = format!(r#""trace_id":"1-{}-{}""#, &trace[..8], &trace[8..]);
    let log = api.log();
    assert!(log.contains(&named), "{named} in {log}");
}

/// The configuration as Terraform renders it for a task.
fn deployed() -> String {
    let template = contacts_tests::repository().join("infra/modules/config/collector.yaml");
    let expression = format!(
        "jsonencode(templatefile({:?}, {{region = \"eu-central-1\", suffix = \"amazonaws.com\", tracing = true, \
         remote_write_url = \"http://127.0.0.1:9/\", scrape_interval = 15000, scrape_timeout = 5000, memory_limit = 89}}))",
        template.canonicalize().unwrap()
    );
    let folder = tempfile::tempdir().unwrap();
    let mut terraform = Command::new("terraform")
        .arg("console")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    terraform
        .stdin
        .take()
        .unwrap()
        .write_all(expression.as_bytes())
        .unwrap();
    let said = terraform.wait_with_output().unwrap();
    let text: String = serde_json::from_slice(&said.stdout).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_that_is_deployed_hands_traces_on_signed_for_x_ray() {
    let configuration = tokio::task::spawn_blocking(deployed).await.unwrap();
    let collector = Collector::with(|otlp, health, keeper| {
        let places = [
            ("127.0.0.1:4318", otlp.to_string()),
            ("127.0.0.1:13133", health.to_string()),
            (
                "https://xray.eu-central-1.amazonaws.com",
                format!("http://{keeper}"),
            ),
        ];
        places.iter().fold(configuration, |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
            text.replace(from, to)
        })
    })
    .await;
    let site = site_traced_by(&collector, "1").await;
    let api = Api::lambda(&site).await;
    let nobody = api.send(Request::new("GET", "/v1/books")).await;
    assert_eq!(nobody.0, 401);
    let signed = collector.signed().await;
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{signed}"
    );
    assert!(
        signed.contains("/eu-central-1/xray/aws4_request"),
        "{signed}"
    );
}

/// Nobody, somebody who never answers, and somebody who always fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_nothing_costs_no_request_and_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let failing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoints = [
        free_address().unwrap(),
        silent.local_addr().unwrap(),
        failing.local_addr().unwrap(),
    ];
    let fails =
        axum::Router::new().fallback(async || axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    tokio::spawn(async move { axum::serve(failing, fails).await.unwrap() });
    for endpoint in endpoints {
        let site = Site::new(Duration::from_secs(30)).await.unwrap();
        let site = site.with(&[(ENDPOINT, &format!("http://{endpoint}")), (SAMPLE, "1")]);
        let token = token(&site).await;
        for mut api in [Api::container(&site).await, Api::lambda(&site).await] {
            delete_a_book(&api, &token).await;
            delete_a_book(&api, &token).await;
            api.end().await;
            let log = api.log();
            let said = log.matches("does not take traces").count();
            assert_eq!(said, 1, "{endpoint}: {log}");
            assert!(!log.contains("ERROR"), "{log}");
        }
    }
}
