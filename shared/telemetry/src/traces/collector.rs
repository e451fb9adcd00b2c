//! The collector that takes the spans: OTLP over HTTP with protobuf (OpenTelemetry Protocol
//! Specification, "OTLP/HTTP").

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use http::Uri;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use tokio::time::Instant;

/// For how long a collector that took nothing is left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// The endpoint is no URL.
#[derive(Debug, thiserror::Error)]
#[error(
    "OTEL_EXPORTER_OTLP_ENDPOINT should be the URL of a collector, such as http://127.0.0.1:4318: {0}"
)]
pub struct EndpointError(http::uri::InvalidUri);

/// Without the cause as a source: its text is in this one's already.
impl From<http::uri::InvalidUri> for EndpointError {
    fn from(cause: http::uri::InvalidUri) -> Self {
        Self(cause)
    }
}

/// Reached by the HTTP client of the AWS SDK, which is there already.
pub(super) struct Collector {
    http: SharedHttpConnector,
    url: Uri,
    resource: ResourceAttributesWithSchema,
    pause: Mutex<Option<Instant>>,
    is_failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(endpoint: &str, resource: &Resource) -> Result<Self, EndpointError> {
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .sleep_impl(TokioSleep::new())
            .build();
        Ok(Self {
            http: SharedHttpConnector::new(connector),
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse()?,
            resource: resource.into(),
            pause: Mutex::default(),
            is_failing: AtomicBool::default(),
        })
    }

    pub(super) fn is_left_alone(&self) -> bool {
        let pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn end_pause(&self) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends the spans. Those that are not taken within `patience` are lost: they are for looking at, and
    /// not worth memory or a second try. The log hears of the first time, and of the end.
    pub(super) async fn send(&self, spans: Vec<SpanData>, patience: Duration) {
        let count = spans.len();
        let posted = tokio::time::timeout(patience, self.post(spans)).await;
        let failure = match posted {
            Ok(Ok(())) => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes traces again");
                }
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Late,
        };
        let until = Instant::now() + PAUSE;
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(spans = count, %failure, "the collector does not take traces; until it does, this is not said again");
        }
    }

    async fn post(&self, spans: Vec<SpanData>) -> Result<(), Failure> {
        let spans = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(spans, &self.resource),
        };
        let request = http::Request::post(self.url.clone())
            .header("content-type", "application/x-protobuf")
            .body(SdkBody::from(spans.encode_to_vec()));
        let request = request
            .ok()
            .and_then(|request| HttpRequest::try_from(request).ok());
        let answer = self.http.call(request.ok_or(Failure::Away)?).await;
        match answer.map_err(|_| Failure::Away)?.status() {
            status if status.is_success() => Ok(()),
            status => Err(Failure::Status(status.as_u16())),
        }
    }
}

/// Why spans were not taken. Without a cause: what an HTTP client says may hold what it sent.
enum Failure {
    Away,
    Late,
    Status(u16),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away => f.write_str("it could not be reached"),
            Self::Late => f.write_str("it did not answer in time"),
            Self::Status(status) => write!(f, "it answered {status}"),
        }
    }
}
