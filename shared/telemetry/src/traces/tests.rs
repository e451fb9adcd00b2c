//! Tests of traces as a collector sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as Exported;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;

use super::*;

const ROOT: &str = "1-67891233-abcdef012345678912345678";
const ROOT_HEX: &str = "67891233abcdef012345678912345678";

/// A collector on loopback that answers this status, or never if it is none.
struct Receiver {
    endpoint: String,
    taken: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    calls: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Receiver {
    async fn start(status: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (taken, calls) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let (into, counter) = (Arc::clone(&taken), Arc::clone(&calls));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (into, counter) = (Arc::clone(&into), Arc::clone(&counter));
                connections.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Ok(body) = body(&mut stream).await {
                        counter.fetch_add(1, Ordering::SeqCst);
                        let Some(status) = status else {
                            continue;
                        };
                        let spans = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                        into.lock().unwrap().push(spans);
                        let answer = format!("HTTP/1.1 {status} .\r\ncontent-length: 0\r\n\r\n");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self {
            endpoint,
            taken,
            calls,
            _server: server,
        }
    }

    fn spans(&self) -> Vec<Exported> {
        let taken = self.taken.lock().unwrap();
        let resources = taken.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

/// The body of the next request, of which this checks what is fixed.
async fn body(stream: &mut BufReader<tokio::net::TcpStream>) -> io::Result<Vec<u8>> {
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" => assert_eq!(value, "application/x-protobuf"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn traced_to(endpoint: &str, sample: f64) -> (Traces, DefaultGuard) {
    let settings = TraceSettings {
        endpoint: endpoint.to_owned(),
        sample,
        service: "contact-manager-api".to_owned(),
    };
    let traces = Traces::new(Some(&settings), "1.2.3").unwrap();
    let subscriber = Registry::default().with(traces.layer());
    (traces, tracing::subscriber::set_default(subscriber))
}

/// Counts what the log hears of a collector.
#[derive(Clone, Default)]
struct Said(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target().ends_with("traces::collector") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn attributes(span: &Exported) -> BTreeMap<&str, String> {
    let pairs = span.attributes.iter().map(|pair| {
        let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
        let value = match value.unwrap() {
            Value::StringValue(text) => text.clone(),
            Value::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        (pair.key.as_str(), value)
    });
    pairs.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_request_and_what_it_calls_are_one_trace_under_the_load_balancers_id() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&format!("{}/", receiver.endpoint), 1.0);
    let request = request("GET", Some("/v1/books/{book}"), Some(ROOT));
    assert_eq!(trace_id(&request).as_deref(), Some(ROOT));
    async {
        let call = database("GetItem");
        database_answered(&call, Outcome::Throttled);
    }
    .instrument(request.clone())
    .await;
    answered(&request, 503);
    drop(request);
    traces.flush().await;

    let spans = receiver.spans();
    let [call, request] = &spans[..] else {
        panic!("{spans:?}")
    };
    for span in &spans {
        assert_eq!(hex(&span.trace_id), ROOT_HEX);
        assert_eq!(span.status.as_ref().unwrap().code, 2, "{span:?}");
        assert_eq!(span.events, []);
    }
    assert_eq!(
        (request.name.as_str(), request.kind),
        ("GET /v1/books/{book}", 2)
    );
    assert_eq!(request.parent_span_id, Vec::<u8>::new());
    let expected = [
        ("error.type", "503"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "503"),
        ("http.route", "/v1/books/{book}"),
    ];
    let text = |pairs: &[(&'static str, &str)]| -> BTreeMap<_, _> {
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        pairs.collect()
    };
    assert_eq!(attributes(request), text(&expected));
    assert_eq!((call.name.as_str(), call.kind), ("DynamoDB.GetItem", 3));
    assert_eq!(call.parent_span_id, request.span_id);
    let expected = [
        ("db.operation.name", "GetItem"),
        ("db.system.name", "aws.dynamodb"),
        ("error.type", "throttled"),
    ];
    assert_eq!(attributes(call), text(&expected));

    let taken = receiver.taken.lock().unwrap();
    let resource = taken[0].resource_spans[0].resource.as_ref().unwrap();
    let resource = Exported {
        attributes: resource.attributes.clone(),
        ..Exported::default()
    };
    let expected = [
        ("service.name", "contact-manager-api"),
        ("service.version", "1.2.3"),
    ];
    assert_eq!(attributes(&resource), text(&expected));
}

#[tokio::test]
async fn whoever_goes_on_with_the_work_is_in_the_same_trace() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    let asked = request("DELETE", Some("/v1/books/{book}"), None);
    let told = parent(&asked).unwrap();
    drop(asked);
    // The share is for what begins here.
    let (worker, _guard) = traced_to(&receiver.endpoint, 0.0);
    let work = process(Carrier::Sqs, "jobs", Some(&told));
    work.in_scope(|| {
        let step = step("delete-book");
        step_ended(&step, StepOutcome::Failed);
    });
    drop(work);
    traces.flush().await;
    worker.flush().await;
    let spans = receiver.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "DELETE /v1/books/{book}",
            "step delete-book",
            "process jobs"
        ]
    );
    let [asked, step, work] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert!(spans.iter().all(|span| span.trace_id == asked.trace_id));
    assert_eq!(work.parent_span_id, asked.span_id);
    assert_eq!(work.kind, 5);
    assert_eq!(attributes(work)["messaging.system"], "aws_sqs");
    assert_eq!(step.parent_span_id, work.span_id);
    assert_eq!(attributes(step)["contacts.job.outcome"], "failed");
    assert_eq!(step.status.as_ref().unwrap().code, 2);
}

#[tokio::test]
async fn of_what_is_not_kept_nothing_is_kept_by_whoever_goes_on() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 0.0);
    let asked = request("DELETE", Some("/v1/books/{book}"), Some(ROOT));
    let told = parent(&asked).unwrap();
    assert!(told.starts_with(&format!("00-{ROOT_HEX}-")), "{told}");
    assert!(told.ends_with("-00"), "{told}");
    drop(asked);
    traces.flush().await;
    let (worker, _guard) = traced_to(&receiver.endpoint, 1.0);
    drop(process(Carrier::Sqs, "jobs", Some(&told)));
    worker.flush().await;
    assert_eq!(receiver.spans(), []);
    // A parent that cannot be read begins a trace.
    drop(process(Carrier::Table, "queue", Some("nonsense")));
    worker.flush().await;
    assert_eq!(receiver.spans().len(), 1);
}

#[tokio::test]
async fn a_share_of_the_requests_is_kept_whatever_ids_clients_choose() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 0.5);
    for _ in 0..400 {
        drop(request("GET", None, Some(ROOT)));
    }
    traces.flush().await;
    let kept = receiver.spans().len();
    // Six standard deviations.
    assert!((140..=260).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_call_that_nobody_asked_for_begins_no_trace() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    drop(database("Query"));
    let sent = send(Carrier::Sns, "events");
    sent.in_scope(|| drop(database("GetItem")));
    drop(sent);
    traces.flush().await;
    assert_eq!(receiver.spans(), []);
}

#[tokio::test]
async fn neither_log_lines_nor_other_spans_reach_a_trace() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    let request = request("other", None, None);
    request.in_scope(|| {
        tracing::error!(error = "secret", "secret");
        tracing::info_span!("secret", id = "secret").in_scope(|| drop(database("Query")));
    });
    drop(request);
    traces.flush().await;
    let spans = receiver.spans();
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["DynamoDB.Query", "HTTP"]));
    assert!(!format!("{spans:?}").contains("secret"), "{spans:?}");
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
}

#[tokio::test]
async fn a_collector_that_takes_nothing_is_asked_once_and_then_left_alone() {
    for (status, answered) in [(Some(500), 1), (None, 1)] {
        let receiver = Receiver::start(status).await;
        let said = Said::default();
        let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
        let subscriber = Registry::default().with(traces.layer()).with(said.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        for _ in 0..3 {
            drop(request("GET", None, None));
            traces.flush().await;
        }
        assert_eq!(
            receiver.calls.load(Ordering::SeqCst),
            answered,
            "{status:?}"
        );
        // What is left is tried all the same.
        drop(request("GET", None, None));
        traces.finish().await;
        assert_eq!(said.0.load(Ordering::SeqCst), 1, "{status:?}");
        assert_eq!(
            receiver.calls.load(Ordering::SeqCst),
            answered + 1,
            "{status:?}"
        );
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (traces, _guard) = traced_to(&endpoint, 1.0);
    drop(request("GET", None, None));
    traces.flush().await;
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    for _ in 0..MOST + 10 {
        drop(request("GET", None, None));
    }
    traces.finish().await;
    assert_eq!(receiver.spans().len(), MOST);
}

#[tokio::test]
async fn many_spans_are_sent_before_the_time() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    let many = &traces.0.as_ref().unwrap().pending.many;
    let asked = async || {
        let asked = tokio::time::timeout(Duration::ZERO, many.notified()).await;
        asked.is_ok()
    };
    for _ in 1..MANY {
        drop(request("GET", None, None));
    }
    assert!(!asked().await);
    drop(request("GET", None, None));
    assert!(asked().await);
}

#[tokio::test]
async fn what_has_ended_is_sent_without_anybody_asking() {
    let receiver = Receiver::start(Some(200)).await;
    let (traces, _guard) = traced_to(&receiver.endpoint, 1.0);
    traces.send_in_background();
    drop(request("GET", None, None));
    let begun = tokio::time::Instant::now();
    while receiver.spans().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_settings_nothing_is_traced() {
    let traces = Traces::new(None, "1.2.3").unwrap();
    assert!(traces.layer::<Registry>().is_none());
    let _guard = tracing::subscriber::set_default(Registry::default().with(traces.layer()));
    traces.send_in_background();
    traces.flush().await;
    traces.finish().await;
}

#[test]
fn an_endpoint_that_is_no_url_is_an_error_that_names_the_variable() {
    let settings = TraceSettings {
        endpoint: "http://127.0.0.1:4318/<>".to_owned(),
        sample: 1.0,
        service: "contact-manager-api".to_owned(),
    };
    let error = Traces::new(Some(&settings), "1.2.3").unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT should be "),
        "{error}"
    );
}
