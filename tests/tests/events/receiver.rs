//! A receiver of POSTs on this machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

/// Answers as it was told, and 204 after that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver {
    url: String,
    state: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    answers: VecDeque<u16>,
    bodies: Vec<Value>,
    paths: Vec<String>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self {
            url,
            ..Self::default()
        };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next answers have these statuses.
    pub(crate) fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    /// What has come, in order.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.state.lock().unwrap().bodies.clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().paths.clone()
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["content-type"], "application/json");
    let mut log = receiver.state.lock().unwrap();
    log.bodies.push(serde_json::from_slice(&body).unwrap());
    log.paths.push(uri.path().to_owned());
    let status = log.answers.pop_front().unwrap_or(204);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("location", "/elsewhere")]).into_response()
}
