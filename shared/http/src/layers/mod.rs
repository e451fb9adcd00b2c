//! The frame around every route: what happens to each request before its handler, and to each answer
//! after it. [`finish`] puts it on; `Frame::answer` and `Frame::dress` are its two halves, in the
//! order of their lines.
//!
//! It is one layer rather than a stack of them, so that a request costs one boxed future, and so that
//! the order can be read. It needs no server: behind hyper and behind `lambda_http` it does the same.

mod arrival;
mod body;
mod cors;
mod limits;
mod path;
mod rate;
mod security;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::Semaphore;
use tracing::Instrument;

use arrival::Arrival;
pub use arrival::RequestId;
pub use body::MAX_BODY;
use cors::Cors;
pub use limits::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET};
pub use path::RawPath;
pub(crate) use rate::Meter;
pub use rate::{Peer, Rates};

use crate::problem::{PROBLEM_JSON, Problem, Result};

/// What can be set about the frame.
#[derive(Clone, Debug)]
pub struct Options {
    /// The origins that browsers may call from, as they send them (`https://app.example.org`);
    /// empty: CORS is off.
    pub cors_origins: Vec<String>,
    /// Requests handled at once; further ones get 503. `/health` and `/ready` do not count.
    pub concurrency: usize,
    /// From the first line of the request to the answer; below the 60 s of the ALB.
    pub timeout: Duration,
    /// For the body to arrive, as a part of `timeout`.
    pub body_timeout: Duration,
    /// How much a token or an address may ask for; none: anything.
    pub rates: Option<Rates>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            concurrency: 512,
            timeout: Duration::from_secs(25),
            body_timeout: Duration::from_secs(20),
            rates: None,
        }
    }
}

/// Puts the frame on: after this, every failure of `routes` and of the router itself is a problem,
/// and every answer has its request id, its security headers, a log line and its metrics.
pub fn finish(routes: Router, options: &Options) -> Router {
    let frame = Arc::new(Frame {
        cors: Cors::new(&options.cors_origins),
        slots: Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS)),
        timeout: options.timeout,
        body_timeout: options.body_timeout,
        rates: options.rates.clone(),
    });
    routes
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(middleware::from_fn_with_state(frame, run))
}

struct Frame {
    cors: Cors,
    slots: Semaphore,
    timeout: Duration,
    body_timeout: Duration,
    rates: Option<Rates>,
}

async fn run(State(frame): State<Arc<Frame>>, mut request: Request, next: Next) -> Response {
    let arrival = Arrival::note(&mut request);
    let (traced, span) = (arrival.traced(), arrival.span());
    async move {
        let in_flight = contacts_telemetry::http_in_flight();
        let meter = frame.meter(&arrival, &mut request);
        let mut response = frame.answer(&arrival, &meter, request, next).await;
        meter.tell(response.headers_mut());
        frame.dress(&arrival, &mut response);
        drop(in_flight);
        arrival.record(response.status());
        response
    }
    .instrument(span)
    .instrument(traced)
    .await
}

impl Frame {
    /// What counts the request, left with it for the handler.
    fn meter(&self, arrival: &Arrival, request: &mut Request) -> Meter {
        let Some(rates) = &self.rates else {
            return Meter::default();
        };
        let meter = rates.meter(arrival, request.headers(), request.extensions());
        request.extensions_mut().insert(meter.clone());
        meter
    }

    async fn answer(
        &self,
        arrival: &Arrival,
        meter: &Meter,
        request: Request,
        next: Next,
    ) -> Response {
        let slot = self.slots.try_acquire();
        if slot.is_err() && !arrival.is_probe() {
            return Problem::overloaded().into_response();
        }
        let handle = self.handle(arrival, meter, request, next);
        let handled = tokio::time::timeout(self.timeout, handle).await;
        match handled {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => problem.into_response(),
            Err(_) => Problem::timeout().into_response(),
        }
    }

    async fn handle(
        &self,
        arrival: &Arrival,
        meter: &Meter,
        request: Request,
        next: Next,
    ) -> Result<Response> {
        let judged = limits::check(&request).and_then(|()| path::check(&request));
        // A refused request's body is read all the same: a client that is still sending when the
        // connection closes would see a reset instead of the answer.
        let received = body::receive(request, self.body_timeout).await;
        judged?;
        let request = received?;
        if !arrival.asks_who() || !rate::presents_credential(request.headers()) {
            meter.admit_address().await?;
        }

        let asks_options = request.method() == Method::OPTIONS;
        let response = AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            // The panic hook has logged where it was.
            .map_err(|_| Problem::internal("handling a request", &"it panicked"))?;
        if asks_options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
            // The router adds Allow, as it does to the 405.
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(response)
    }

    fn dress(&self, arrival: &Arrival, response: &mut Response) {
        write_problem(arrival, response);
        security::apply(arrival.secure, response.headers_mut());
        self.cors.apply(arrival, response.headers_mut());
        response
            .headers_mut()
            .insert("x-request-id", arrival.id.header());
    }
}

/// Writes the body of a problem, and makes one of a bare error answer (an extractor of axum's).
fn write_problem(arrival: &Arrival, response: &mut Response) {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_error(response) => Problem::from_status(status),
        None => return,
    };
    *response.status_mut() = problem.kind().status();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    *response.body_mut() = Body::from(problem.body(&arrival.id));
}

fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

#[cfg(test)]
mod tests;
