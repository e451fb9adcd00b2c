//! What is noted about a request when it comes in, and recorded when it is answered.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use contacts::Origin;
use contacts_telemetry::traces;
use data_encoding::HEXLOWER;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tracing::Span;

/// The id of a request: the client's `x-request-id` if it is 1 to 64 characters of `A-Z a-z 0-9 . _
/// -`, else 32 random hexadecimal digits. A request extension, `x-request-id` of the answer,
/// `request_id` of a problem and of every log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok())
            .filter(|id| {
                (1..=64).contains(&id.len())
                    && id
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            });
        Self(given.map_or_else(random, Arc::from))
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("its characters are allowed in a header")
    }
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

fn random() -> Arc<str> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the kernel's random source does not fail once it is up");
    HEXLOWER.encode(&bytes).into()
}

/// What the log line, the metrics and the answer's headers need of a request.
pub(super) struct Arrival {
    pub(super) id: RequestId,
    pub(super) method: Method,
    /// The client reached the load balancer by TLS.
    pub(super) secure: bool,
    pub(super) origin: Option<HeaderValue>,
    pub(super) preflight: bool,
    trace: Option<String>,
    traced: Span,
    route: Option<MatchedPath>,
    start: Instant,
}

impl Arrival {
    /// Notes them and leaves the [`RequestId`] and the [`Origin`] of jobs with the request.
    pub(super) fn note(request: &mut Request) -> Self {
        let start = Instant::now();
        let headers = request.headers();
        let mut arrival = Self {
            id: RequestId::of(headers),
            method: request.method().clone(),
            secure: is_secure(headers),
            origin: headers.get(header::ORIGIN).cloned(),
            preflight: request.method() == Method::OPTIONS
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
            trace: trace_root(headers),
            traced: Span::none(),
            route: request.extensions().get().cloned(),
            start,
        };
        // Those who ask every few seconds would be most of what is traced.
        if !arrival.is_probe() {
            let route = arrival.matched();
            arrival.traced = traces::request(arrival.method(), route, arrival.trace.as_deref());
            if arrival.trace.is_none() {
                arrival.trace = traces::trace_id(&arrival.traced);
            }
        }
        request.extensions_mut().insert(arrival.id.clone());
        request.extensions_mut().insert(Origin {
            request_id: Some(arrival.id.to_string()),
            trace_id: arrival.trace.clone(),
            parent: traces::parent(&arrival.traced),
        });
        arrival
    }

    fn matched(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }

    /// The route's template: paths hold ids, and are never logged.
    fn route(&self) -> &str {
        self.matched().unwrap_or("unmatched")
    }

    /// The method, or `other`: anybody can invent methods.
    fn method(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        }
    }

    /// A health check, which is answered while everything else is overloaded.
    pub(super) fn is_probe(&self) -> bool {
        matches!(self.route(), "/health" | "/ready")
    }

    /// A request of an operation that asks who is calling: all others are open to everybody.
    pub(super) fn asks_who(&self) -> bool {
        self.route().starts_with("/v1/")
    }

    /// The span that stands for the request in traces.
    pub(super) fn traced(&self) -> Span {
        self.traced.clone()
    }

    /// The span that every log line of the request is in.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!(
            "request",
            request_id = &*self.id,
            trace_id = self.trace,
            route = self.route(),
        )
    }

    /// One log line and the metrics.
    pub(super) fn record(&self, status: StatusCode) {
        let (method, status) = (self.method(), status.as_u16());
        traces::answered(&self.traced, status);
        let elapsed = self.start.elapsed().as_secs_f64();
        contacts_telemetry::http_request(self.route(), method, status, elapsed);
        let duration_ms = (elapsed * 1e6).round() / 1e3;
        // The load balancer and the orchestrator ask every few seconds: at INFO their lines would
        // bury, and cost more than, those of people's requests.
        if self.is_probe() {
            tracing::debug!(target: "access", method, status, duration_ms, "answered");
        } else {
            tracing::info!(target: "access", method, status, duration_ms, "answered");
        }
    }
}

/// The last hop is the one the load balancer wrote.
fn is_secure(headers: &HeaderMap) -> bool {
    headers
        .get_all("x-forwarded-proto")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok()?.rsplit(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

/// The `Root` of `X-Amzn-Trace-Id` (`Root=1-67891233-abcdef012345678912345678;…`), if it looks like
/// one. The load balancer writes it, or leaves it as it came from in front. W3C's `traceparent` it hands on
/// as the client sent it, with the client's word on whether to trace: that one is not read.
fn trace_root(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-amzn-trace-id")?
        .to_str()
        .ok()?
        .split(';')
        .find_map(|field| field.trim().strip_prefix("Root="))
        .filter(|root| traces::is_trace_id(root))
        .map(str::to_owned)
}
