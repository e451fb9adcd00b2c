//! The server over real sockets.

use std::net::SocketAddr;

use super::*;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct TestServer {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    draining: Arc<AtomicBool>,
    /// One permit for each request that `/waits` has begun.
    begun: Arc<Notify>,
    gate: Arc<Notify>,
    ended: JoinHandle<Drained>,
}

async fn start(options: Options) -> TestServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (reached, opened) = (Arc::clone(&begun), Arc::clone(&gate));
    let waits = move || {
        let (reached, opened) = (Arc::clone(&reached), Arc::clone(&opened));
        async move {
            reached.notify_one();
            opened.notified().await;
            "waited"
        }
    };
    let routes = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/waits", get(waits));
    let app = crate::layers::finish(routes, &crate::layers::Options::default());
    let (shutdown, signalled) = oneshot::channel();
    let draining = Arc::new(AtomicBool::new(false));
    let shutdown_future = async {
        let _ = signalled.await;
    };
    let ended = tokio::spawn(serve(
        listener,
        app,
        options,
        Arc::clone(&draining),
        shutdown_future,
    ));
    TestServer {
        address,
        shutdown,
        draining,
        begun,
        gate,
        ended,
    }
}

fn options() -> Options {
    Options {
        linger: Duration::ZERO,
        ..Options::default()
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> (String, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The head, in lower case, and the body.
    async fn answer(&mut self) -> (String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).await.unwrap();
            assert_ne!(read, 0, "the connection ended within the head: {head}");
        }
        let head = head.to_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Whether the server closes the connection without another byte.
    async fn is_closed(&mut self) -> bool {
        // A reset is an end too.
        self.0.read(&mut [0]).await.unwrap_or(0) == 0
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = start(options()).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..3 {
        let (head, body) = client.get("/").await;
        assert!(head.starts_with("http/1.1 200") && !head.contains("connection: close"));
        assert_eq!(body, "hello");
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_off_while_an_idle_connection_stays() {
    let server = start(Options {
        head: Duration::from_millis(20),
        ..options()
    })
    .await;
    let mut idle = Client::connect(server.address).await;
    idle.get("/").await;
    for start_of_head in ["G", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut slow = Client::connect(server.address).await;
        slow.send(start_of_head).await;
        assert!(slow.is_closed().await);
    }
    // A second head on a connection that has served one is timed as well.
    let mut slow = Client::connect(server.address).await;
    slow.get("/").await;
    slow.send("GET /").await;
    assert!(slow.is_closed().await);
    assert_eq!(idle.get("/").await.1, "hello");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let server = start(Options {
        idle: Duration::from_millis(20),
        ..options()
    })
    .await;
    let mut client = Client::connect(server.address).await;
    client.get("/").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_head_above_16_kib_is_a_problem_and_not_a_bare_answer() {
    let server = start(options()).await;
    let mut client = Client::connect(server.address).await;
    let large = "x".repeat(20_000);
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-large: {large}\r\n\r\n"
        ))
        .await;
    let (head, body) = client.answer().await;
    assert!(head.starts_with("http/1.1 431"), "{head}");
    assert!(body.contains("/docs#problem-header-too-large"));
}

#[tokio::test]
async fn the_answer_to_a_body_that_is_too_large_can_be_read() {
    let server = start(options()).await;
    let mut client = Client::connect(server.address).await;
    let body = vec![b'x'; 3 << 20];
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
    client.send(&body).await;
    let (head, answer) = client.answer().await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert!(answer.contains("request body bytes"));
    // Everything was read, so the connection is still good.
    assert_eq!(client.get("/").await.1, "hello");
}

#[tokio::test]
async fn a_shutdown_finishes_the_request_in_flight_and_then_closes() {
    let server = start(options()).await;
    let mut client = Client::connect(server.address).await;
    let mut idle = Client::connect(server.address).await;
    idle.get("/").await;
    client.send("GET /waits HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.begun.notified().await;
    server.shutdown.send(()).unwrap();
    assert!(idle.is_closed().await);
    assert!(server.draining.load(Ordering::Acquire));
    assert!(!server.ended.is_finished());
    server.gate.notify_one();
    let (head, body) = client.answer().await;
    assert!(head.contains("connection: close"));
    assert_eq!(body, "waited");
    assert!(client.is_closed().await);
    assert_eq!(server.ended.await.unwrap(), Drained { cut_off: 0 });
}

#[tokio::test]
async fn a_connection_that_has_sent_nothing_does_not_hold_the_shutdown_up() {
    let server = start(options()).await;
    let mut silent = Client::connect(server.address).await;
    // Connections are accepted in order, so the silent one has been once this is answered.
    Client::connect(server.address).await.get("/").await;
    server.shutdown.send(()).unwrap();
    assert!(silent.is_closed().await);
    assert_eq!(server.ended.await.unwrap(), Drained { cut_off: 0 });
}

#[tokio::test]
async fn while_it_lingers_new_connections_are_answered_with_connection_close() {
    let server = start(Options {
        linger: Duration::from_secs(3_600),
        ..options()
    })
    .await;
    server.shutdown.send(()).unwrap();
    until(|| server.draining.load(Ordering::Acquire)).await;
    let mut client = Client::connect(server.address).await;
    let (head, body) = client.get("/").await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(body, "hello");
    assert!(client.is_closed().await);
    server.ended.abort();
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_cut_off_and_counted() {
    let server = start(Options {
        drain: Duration::from_millis(20),
        ..options()
    })
    .await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /waits HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.begun.notified().await;
    server.shutdown.send(()).unwrap();
    assert_eq!(server.ended.await.unwrap(), Drained { cut_off: 1 });
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn above_the_limit_a_connection_waits_for_another_to_end() {
    let server = start(Options {
        max_connections: 1,
        ..options()
    })
    .await;
    let mut first = Client::connect(server.address).await;
    first.get("/").await;
    let mut second = Client::connect(server.address).await;
    second.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(first.get("/").await.1, "hello");
    drop(first);
    assert_eq!(second.answer().await.1, "hello");
}
