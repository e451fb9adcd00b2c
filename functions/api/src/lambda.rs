//! The router behind AWS Lambda: an event becomes a request, an answer becomes a response document.
//!
//! Events of an Application Load Balancer, with multi-value headers as deployed and without them, and
//! of API Gateway v2, which is what `cargo lambda watch` sends.
//!
//! `lambda_http` brings the runtime and the types of the response documents. Its own way in,
//! `lambda_http::run`, is not used: it turns an event into a request before any code of ours runs,
//! and there it panics on a body that is not the base64 the event promises, on a path that is no URI
//! and on a long query; it resolves dot segments, shuffles query keys and decodes `%FF` to U+FFFD.
//! The container does none of that. Reading the event here is smaller than the guards it would take:
//! strings keep their bytes, and what no request can be made of gets an answer, so that nothing a
//! client sends ends the process.

mod answer;
mod event;

use axum::Router;
use http::{Response, StatusCode, header};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde_json::value::RawValue;
use tower::ServiceExt as _;

pub use answer::Answer;
use event::{Event, Refusal};

/// Takes invocations from the runtime API until the sandbox ends, one at a time.
///
/// `after` runs when an answer is ready and before it is handed over: the process may be frozen from
/// then on.
///
/// # Errors
/// The runtime API is out of reach.
///
/// # Panics
/// Outside a Lambda sandbox: the runtime reads its variables there.
pub async fn run(router: Router, after: impl AsyncFn()) -> Result<(), Error> {
    let (router, after) = (&router, &after);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        let answer = answer(router, event.payload.get()).await;
        after().await;
        Ok::<_, Error>(answer)
    }))
    .await
}

/// Answers one invocation: `event` is the JSON document that the runtime API hands over.
pub async fn answer(router: &Router, event: &str) -> Answer {
    let (shape, request) = match serde_json::from_str::<Event>(event) {
        Ok(event) => (event.shape(), event.into_request()),
        Err(_) => (event::Shape::MultiValue, Err(Refusal::NotHttp)),
    };
    let response = match request {
        // A router does not fail: its error type has no values.
        Ok(request) => match router.clone().oneshot(request).await {
            Ok(response) => answer::read(response).await,
            Err(never) => match never {},
        },
        Err(refusal) => refuse(refusal),
    };
    Answer::new(shape, response)
}

/// A bare 400 about an event that is no request: what hyper answers to such bytes on the container's
/// side, where they do not reach the router either.
fn refuse(refusal: Refusal) -> Response<Vec<u8>> {
    tracing::warn!(reason = %refusal, "event refused");
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, 0.into());
    response
}
