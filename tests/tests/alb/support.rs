//! Toy targets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::Request as AxumRequest, routing::any};
use contacts_tests::{
    alb::{Alb, Target},
    client::Response,
    lambda_runtime::{Function, Sandboxes},
    process::build_example,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The echo function, with 2 seconds for each event.
pub(crate) fn echo_function() -> Function {
    let mut function = Function::new(build_example("echo_lambda").expect("the example compiles"));
    function.timeout = Duration::from_secs(2);
    function
}

/// A load balancer in front of `count` sandboxes of the echo function.
pub(crate) async fn echo_lambda(count: usize) -> (Alb, Arc<Sandboxes>) {
    let sandboxes = Arc::new(
        Sandboxes::start(echo_function(), count)
            .await
            .expect("the echo function starts"),
    );
    (Alb::new(Target::Lambda(Arc::clone(&sandboxes))), sandboxes)
}

/// A container that answers every request with its `name`, and `/echo` with the request's body.
pub(crate) async fn axum_container(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("loopback has a free port");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    let app = Router::new()
        .route("/echo", any(|body: Bytes| async move { body }))
        .fallback(move |_: AxumRequest| async move { name });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A container made of bytes. It reads a request up to the end of its head and of a body of the
/// stated length, and answers what `answer` makes of those bytes; `None` hangs up.
pub(crate) struct RawContainer {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl RawContainer {
    pub(crate) async fn start(
        answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answer.clone()));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// One that answers with the bytes it got.
    pub(crate) async fn echo() -> Self {
        Self::start(|request| {
            let mut answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                request.len()
            )
            .into_bytes();
            answer.extend_from_slice(request);
            Some(answer)
        })
        .await
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut bytes = Vec::new();
    loop {
        while !is_complete(&bytes) {
            if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
                return;
            }
        }
        let Some(answer) = answer(&bytes) else { return };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        bytes.clear();
    }
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return bytes.ends_with(b"0\r\n\r\n");
    }
    let length = head.split("content-length: ").nth(1);
    let length = length
        .and_then(|rest| rest.lines().next())
        .map_or(0, |digits| digits.parse().expect("digits"));
    bytes.len() >= end + 4 + length
}

/// The body as text.
pub(crate) fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// The lines of an echoed request.
pub(crate) fn lines(response: &Response) -> Vec<String> {
    text(response).lines().map(str::to_owned).collect()
}
