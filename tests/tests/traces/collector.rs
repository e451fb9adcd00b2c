//! The real collector, and behind it a stand-in of what keeps traces.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use contacts_tests::client::{Client, Request};
use contacts_tests::process::{Process, free_address};
use contacts_tests::tools::program;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

/// How long spans may take from a program through the collector.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was sent, each with who signed it.
type Documents = Arc<Mutex<Vec<(String, Bytes)>>>;

pub(crate) struct Collector {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) endpoint: String,
    documents: Documents,
    _process: Process,
    _kept: JoinSet<()>,
}

#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) attributes: BTreeMap<String, Value>,
}

impl Collector {
    /// One that hands on all it gets, as JSON.
    pub(crate) async fn start() -> Self {
        Self::with(|otlp, health, keeper| {
            format!(
                "{{extensions: {{health_check: {{endpoint: '{health}'}}}},
                receivers: {{otlp: {{protocols: {{http: {{endpoint: '{otlp}'}}}}}}}},
                exporters: {{otlphttp: {{endpoint: 'http://{keeper}', encoding: json, compression: none}}}},
                service: {{
                  extensions: [health_check],
                  pipelines: {{traces: {{receivers: [otlp], exporters: [otlphttp]}}}},
                  telemetry: {{metrics: {{level: none}}}}}}}}"
            )
        })
        .await
    }

    /// One that is told this, of where it is to listen for traces, where for whoever asks after its health,
    /// and where traces are kept.
    pub(crate) async fn with(
        configuration: impl FnOnce(SocketAddr, SocketAddr, SocketAddr) -> String,
    ) -> Self {
        let documents = Documents::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keeper = listener.local_addr().unwrap();
        let keep = |State(documents): State<Documents>, headers: HeaderMap, body: Bytes| async move {
            let signed = headers
                .get("authorization")
                .map(|value| value.to_str().unwrap());
            let signed = signed.unwrap_or_default().to_owned();
            documents.lock().unwrap().push((signed, body));
            "{}"
        };
        let router = Router::new().route("/v1/traces", post(keep));
        let router = router.with_state(Arc::clone(&documents));
        let mut kept = JoinSet::new();
        kept.spawn(async move { axum::serve(listener, router).await.unwrap() });

        let (otlp, health) = (free_address().unwrap(), free_address().unwrap());
        let process = Process::start(
            &program(&["collector"]).unwrap(),
            &["--config=env:CONFIGURATION"],
            &[
                (
                    "CONFIGURATION".to_owned(),
                    configuration(otlp, health, keeper),
                ),
                ("AWS_ACCESS_KEY_ID".to_owned(), "AKIDEXAMPLE".to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), "example".to_owned()),
            ],
        );
        let process = process.unwrap();
        until_healthy(health, &process).await;
        Self {
            endpoint: format!("http://{otlp}"),
            documents,
            _process: process,
            _kept: kept,
        }
    }

    /// Waits for the next document: who signed it.
    pub(crate) async fn signed(&self) -> String {
        let begun = Instant::now();
        let mut looks = interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            if let Some((signed, _)) = self.documents.lock().unwrap().first() {
                return signed.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "nothing was sent");
        }
    }

    /// All that has arrived, as text.
    pub(crate) fn text(&self) -> String {
        let documents = self.documents.lock().unwrap();
        let texts = documents
            .iter()
            .map(|(_, body)| String::from_utf8_lossy(body));
        texts.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let documents = self.documents.lock().unwrap();
        let documents = documents
            .iter()
            .map(|(_, body)| serde_json::from_slice(body));
        let documents: Vec<Value> = documents.collect::<Result<_, _>>().unwrap();
        let resources = documents.iter().flat_map(|one| list(&one["resourceSpans"]));
        let spans = resources.flat_map(|resource| {
            let attributes = attributes(&resource["resource"]["attributes"]);
            let service = attributes["service.name"].as_str().unwrap().to_owned();
            let scopes = list(&resource["scopeSpans"]).iter();
            let spans = scopes.flat_map(|scope| list(&scope["spans"]));
            spans.map(move |span| Span::read(&service, span))
        });
        spans.collect()
    }

    /// Waits until spans of all these names have arrived.
    pub(crate) async fn until(&self, names: &[&str]) -> Vec<Span> {
        let begun = Instant::now();
        let mut looks = interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let spans = self.spans();
            let is_there = |name: &&str| spans.iter().any(|span| span.name == **name);
            if names.iter().all(is_there) {
                return spans;
            }
            assert!(begun.elapsed() < PATIENCE, "{names:?} of {spans:#?}");
        }
    }
}

impl Span {
    fn read(service: &str, span: &Value) -> Self {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        Self {
            service: service.to_owned(),
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            name: text("name"),
            kind: span["kind"].as_u64().unwrap(),
            attributes: attributes(&span["attributes"]),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn attributes(value: &Value) -> BTreeMap<String, Value> {
    let pairs = list(value).iter().map(|pair| {
        let value = pair["value"].as_object().unwrap().values().next().unwrap();
        (pair["key"].as_str().unwrap().to_owned(), value.clone())
    });
    pairs.collect()
}

async fn until_healthy(address: SocketAddr, process: &Process) {
    let client = Client::new(address);
    let begun = Instant::now();
    let mut tries = interval(Duration::from_millis(50));
    loop {
        tries.tick().await;
        let health = client.send(&Request::new("GET", "/")).await;
        if health.is_ok_and(|answer| answer.status == 200) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", process.output());
    }
}
