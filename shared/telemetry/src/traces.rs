//! Traces by OpenTelemetry: who called whom for one request, and how long each took.
//!
//! The functions of this module make the spans, with names and attributes of OpenTelemetry's semantic
//! conventions (opentelemetry.io, "HTTP spans", "Semantic conventions for Amazon DynamoDB", "Messaging
//! spans"). All are of one target, which the logs leave out and the exporter alone takes: so no log line
//! and no field of one reaches a trace. Attributes are words of our code, route templates and numbers;
//! no path, query, header or id of anything in a book is among them.
//!
//! Without [`Traces`] nothing listens to that target, and a span costs the look at a flag.
//!
//! `opentelemetry-otlp` is not used: it reads variables of its own beside our settings and exports from a
//! thread of its own, which on Lambda is frozen between two requests. What it does beyond the crates
//! below it is a `POST`.

mod collector;
mod ids;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contacts_settings::TraceSettings;
use opentelemetry::trace::{
    Link, SpanContext, SpanKind, TraceContextExt as _, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, Sampler, SamplingDecision, SamplingResult,
    SdkTracerProvider, ShouldSample, SpanData, SpanProcessor,
};
use tokio::sync::Notify;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use collector::Collector;
pub use collector::EndpointError;

use crate::{Outcome, StepOutcome};

/// The target of all spans that are for traces.
pub(crate) const TARGET: &str = "traces";
/// Spans that wait to be sent; those beyond are dropped.
const MOST: usize = 2_048;
/// So many are sent without waiting for the next time.
const MANY: usize = 512;
/// How long spans of a container wait.
const EVERY: Duration = Duration::from_secs(5);
/// For a collector that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For a collector for which an answer waits, or the end of the process.
const HURRY: Duration = Duration::from_millis(300);
const LAST: Duration = Duration::from_secs(2);

/// What is traced in this process, on its way to the collector. Nothing by default. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Pipeline>>);

struct Pipeline {
    provider: SdkTracerProvider,
    pending: Pending,
    collector: Collector,
    /// Whoever sends: the end of the process waits for what is under way.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipeline")
    }
}

impl Traces {
    /// Traces as `settings` say; none: nothing is traced, and nothing is called. They begin with
    /// [`crate::init_logs`]. `version` is of what is running.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub fn new(
        settings: Option<&TraceSettings>,
        version: &'static str,
    ) -> Result<Self, EndpointError> {
        let Some(settings) = settings else {
            return Ok(Self::default());
        };
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", settings.service.clone()),
                KeyValue::new("service.version", version),
            ])
            .build();
        let collector = Collector::new(&settings.endpoint, &resource)?;
        let pending = Pending::default();
        let provider = SdkTracerProvider::builder()
            .with_id_generator(ids::Ids)
            .with_sampler(Share::of(settings.sample))
            .with_resource(resource)
            .with_span_processor(pending.clone())
            .build();
        Ok(Self(Some(Arc::new(Pipeline {
            provider,
            pending,
            collector,
            turn: tokio::sync::Mutex::default(),
        }))))
    }

    /// What takes the spans, beside the logs.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let pipeline = self.0.as_ref()?;
        let ours = filter_fn(|metadata| metadata.target() == TARGET);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(pipeline.provider.tracer("contact-manager"))
            .with_context_activation(false)
            .with_level(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(ours.with_max_level_hint(LevelFilter::INFO)))
    }

    /// Sends what has ended, every few seconds, for as long as the process lives: for a door that runs
    /// between requests. Needs a Tokio runtime.
    pub fn send_in_background(&self) {
        let Some(pipeline) = self.0.clone() else {
            return;
        };
        tokio::spawn(async move {
            loop {
                // Whichever is first: the time, or many spans.
                let _ = tokio::time::timeout(EVERY, pipeline.pending.many.notified()).await;
                pipeline.send(PATIENCE).await;
            }
        });
    }

    /// Sends what has ended: for a door that is frozen after its answer. A collector that is away or slow
    /// costs the answer at most 300 ms, and is left alone for ten seconds then.
    pub async fn flush(&self) {
        if let Some(pipeline) = &self.0 {
            pipeline.send(HURRY).await;
        }
    }

    /// Sends what is left, within two seconds: for the end of the process.
    pub async fn finish(&self) {
        if let Some(pipeline) = &self.0 {
            pipeline.collector.end_pause();
            // What is left then is lost.
            let _ = tokio::time::timeout(LAST, pipeline.send(LAST)).await;
        }
    }
}

impl Pipeline {
    async fn send(&self, patience: Duration) {
        let _turn = self.turn.lock().await;
        if self.collector.is_left_alone() {
            return;
        }
        let spans = self.pending.take();
        if !spans.is_empty() {
            self.collector.send(spans, patience).await;
        }
    }
}

/// Spans that have ended and are not sent.
#[derive(Clone, Debug, Default)]
struct Pending {
    spans: Arc<Mutex<Vec<SpanData>>>,
    many: Arc<Notify>,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Vec<SpanData>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<SpanData> {
        mem::take(&mut *self.lock())
    }
}

impl SpanProcessor for Pending {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = self.lock();
        if spans.len() < MOST {
            spans.push(span);
        }
        if spans.len() == MANY {
            self.many.notify_one();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Which traces are kept: of those that begin here this share, of others those that their beginning
/// kept. A call that no request and no message asked for, such as asking the queue, begins none.
#[derive(Clone, Debug)]
struct Share(Sampler);

impl Share {
    fn of(share: f64) -> Self {
        Self(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            share,
        ))))
    }
}

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let begun = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        if !begun && matches!(kind, SpanKind::Client | SpanKind::Producer) {
            return SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            };
        }
        // By another id than the trace's: that one may be the client's choice, who could then have all
        // of its requests traced.
        let drawn = RandomIdGenerator::default().new_trace_id();
        self.0
            .should_sample(parent, drawn, name, kind, attributes, links)
    }
}

/// Whether this is an id of a trace as X-Ray and load balancers write it
/// (`1-67891233-abcdef012345678912345678`).
#[must_use]
pub fn is_trace_id(text: &str) -> bool {
    ids::from_load_balancer(text).is_some()
}

/// A request, by its method (`other` for one that HTTP does not know) and its route's template, if one
/// matched. `trace` is the id that the load balancer gave it (`1-67891233-abcdef012345678912345678`),
/// under which it is found in traces too.
#[must_use]
pub fn request(method: &str, route: Option<&str>, trace: Option<&str>) -> Span {
    let name = if method == "other" { "HTTP" } else { method };
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        "otel.name" = %format_args!("{name}{}{}", route.map_or("", |_| " "), route.unwrap_or_default()),
        "otel.kind" = "server",
        "otel.status_code" = Empty,
        "http.request.method" = if method == "other" { "_OTHER" } else { method },
        "http.route" = route,
        "http.response.status_code" = Empty,
        "error.type" = Empty,
    );
    if !span.is_disabled() {
        ids::begin(&span, trace);
    }
    span
}

/// The request of this span was answered.
pub fn answered(span: &Span, status: u16) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("error.type", status);
        span.record("otel.status_code", "ERROR");
    }
}

/// A call to DynamoDB. `operation` is the API action, such as `GetItem`.
#[must_use]
pub fn database(operation: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "database",
        "otel.name" = %format_args!("DynamoDB.{operation}"),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "db.system.name" = "aws.dynamodb",
        "db.operation.name" = operation,
        "error.type" = Empty,
    )
}

/// The call to DynamoDB of this span has ended. A condition that did not hold, or another transaction
/// that was faster, is no error of the call.
pub fn database_answered(span: &Span, outcome: Outcome) {
    if span.is_disabled() || outcome == Outcome::Ok {
        return;
    }
    span.record("error.type", outcome.label());
    if matches!(outcome, Outcome::Error | Outcome::Throttled) {
        span.record("otel.status_code", "ERROR");
    }
}

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Amazon SQS.
    Sqs,
    /// Amazon SNS.
    Sns,
    /// Rows of the table.
    Table,
}

impl Carrier {
    const fn system(self) -> &'static str {
        match self {
            Self::Sqs => "aws_sqs",
            Self::Sns => "aws.sns",
            Self::Table => "aws.dynamodb",
        }
    }
}

/// Putting messages into a queue or a topic of this name.
#[must_use]
pub fn send(carrier: Carrier, destination: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "send",
        "otel.name" = %format_args!("send {destination}"),
        "otel.kind" = "producer",
        "otel.status_code" = Empty,
        "messaging.system" = carrier.system(),
        "messaging.operation.name" = "send",
        "messaging.operation.type" = "send",
        "messaging.destination.name" = destination,
    )
}

/// The work for one message of a queue. `parent` is what [`parent`] said of who asked for it; without
/// one a trace begins.
#[must_use]
pub fn process(carrier: Carrier, destination: &str, parent: Option<&str>) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "process",
        "otel.name" = %format_args!("process {destination}"),
        "otel.kind" = "consumer",
        "otel.status_code" = Empty,
        "messaging.system" = carrier.system(),
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        "messaging.destination.name" = destination,
    );
    if !span.is_disabled()
        && let Some(parent) = parent.and_then(ids::read)
    {
        let context = Context::new().with_remote_span_context(parent);
        // It is not begun: nobody has entered it or asked for its id.
        let _ = span.set_parent(context);
    }
    span
}

/// A step of a job.
#[must_use]
pub fn step(kind: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "step",
        "otel.name" = %format_args!("step {kind}"),
        "otel.status_code" = Empty,
        "contacts.job.kind" = kind,
        "contacts.job.outcome" = Empty,
    )
}

/// The step of this span has ended.
pub fn step_ended(span: &Span, outcome: StepOutcome) {
    span.record("contacts.job.outcome", outcome.label());
    if outcome == StepOutcome::Failed {
        failed(span);
    }
}

/// What this span stands for has failed.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// What whoever goes on with the work of this span needs to know of it, as W3C Trace Context writes it
/// (`traceparent`, version 00); none where nothing is traced.
#[must_use]
pub fn parent(span: &Span) -> Option<String> {
    context(span).map(|context| ids::write(&context))
}

/// The id of this span's trace, as X-Ray and load balancers write it; none where nothing is traced.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    context(span).map(|context| ids::of_load_balancer(context.trace_id()))
}

fn context(span: &Span) -> Option<SpanContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}
