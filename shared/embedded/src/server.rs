//! The engine on a loopback port, for processes that use the SDK's own HTTP client.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::config::{Builder, Credentials};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Engine;
use crate::dispatch::{AMZ_JSON, Answer};
use crate::engine::{REGION, local_config};
use crate::signature::Credential;

/// DynamoDB's own limit on a request, in bytes.
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// A running server; it stops when this value is dropped.
pub struct Server {
    address: SocketAddr,
    credential: Credential,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Serves the engine on `listener`, which must be bound to a loopback address.
///
/// Every start draws a new random credential. A request that is not signed with it (AWS Signature
/// Version 4, over its body and operation) is refused with 403: to know the key id, which shows in
/// a process list, is not enough.
///
/// # Errors
/// When the listener is bound to anything but loopback, or no random bits can be had.
pub async fn serve(engine: Engine, listener: TcpListener) -> Result<Server> {
    let address = listener.local_addr()?;
    ensure!(
        address.ip().is_loopback(),
        "the embedded database must not be served on {address}: bind 127.0.0.1"
    );
    let credential = Credential::random()?;
    let router = Router::new()
        .fallback(answer)
        .with_state((engine, credential.clone()));
    let (stop, stopped) = oneshot::channel();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // An error means that the server was dropped, which is a reason to stop as well.
        let _ = stopped.await;
    });
    Ok(Server {
        address,
        credential,
        stop,
        task: tokio::spawn(serving.into_future()),
    })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of this start's credential.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.credential.access_key_id
    }

    /// The secret of this start's credential.
    #[must_use]
    pub fn secret_access_key(&self) -> &str {
        &self.credential.secret_access_key
    }

    /// The environment variables by which an AWS SDK in another process finds this server.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key_id().to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key().to_owned()),
        ]
    }

    /// An SDK configuration that reaches this server, to be adjusted before it is built.
    #[must_use]
    pub fn config(&self) -> Builder {
        let (id, secret) = (self.access_key_id(), self.secret_access_key());
        local_config(Credentials::new(id, secret, None, None, "embedded")).endpoint_url(self.url())
    }

    /// Takes no more connections, finishes the requests under way, and returns.
    ///
    /// # Errors
    /// When the server had already failed.
    pub async fn shutdown(self) -> Result<()> {
        // An error means that it has ended already.
        let _ = self.stop.send(());
        Ok(self.task.await??)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

async fn answer(
    State((engine, credential)): State<(Engine, Credential)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    if head.method != Method::POST || head.uri.path() != "/" || head.uri.query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(body) = to_bytes(body, MAX_REQUEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if !credential.signed(&head.headers, &body) {
        return json(Answer {
            status: 403,
            body: br#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"Sign the request with the credential that was given at this start."}"#.to_vec(),
        });
    }
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    match engine.answer(target.to_owned(), body.to_vec()).await {
        Ok(answer) => json(answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn json(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, AMZ_JSON)], Body::from(answer.body)).into_response()
}
