//! The load balancer as a listener, and traffic that moves between targets.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use contacts_tests::{
    alb::{Alb, Target},
    client::{Client, Request},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{RawContainer, axum_container, echo_lambda, text};

#[tokio::test]
async fn clients_reach_a_container_through_the_listener() {
    let container = RawContainer::echo().await;
    let listener = Alb::new(Target::Container(container.address))
        .listen()
        .await
        .unwrap();
    let client = Client::new(listener.address);
    for target in ["//a/../b?c=%FF", "/second-on-the-same-connection"] {
        let response = client.send(&Request::new("GET", target)).await.unwrap();
        let text = text(&response);
        assert!(
            text.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{text}"
        );
        assert!(text.contains("x-forwarded-for: 127.0.0.1\r\n"), "{text}");
        assert!(text.contains("x-forwarded-proto: http\r\n"), "{text}");
        assert!(text.contains(&format!(
            "x-forwarded-port: {}\r\n",
            listener.address.port()
        )));
    }
}

#[tokio::test]
async fn uploads_in_chunks_and_those_that_wait_reach_a_function_whole() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    let listener = alb.listen().await.unwrap();
    let mut stream = TcpStream::connect(listener.address).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\nexpect: 100-continue\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
        .write_all(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\nbody hello\n"), "{answer}");
    assert!(!answer.contains("chunked"), "{answer}");
}

#[tokio::test]
async fn what_is_not_http_is_400() {
    let container = RawContainer::echo().await;
    let listener = Alb::new(Target::Container(container.address))
        .listen()
        .await
        .unwrap();
    for garbage in [
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\n: x\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        stream.write_all(garbage.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn weights_share_requests_out() {
    let (one, two) = (axum_container("one").await, axum_container("two").await);
    let alb = Alb::weighted(vec![
        (Target::Container(one), 3),
        (Target::Container(two), 1),
    ]);
    let mut served: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..40 {
        let response = alb.send(Request::new("GET", "/").header("host", "h")).await;
        *served.entry(text(&response)).or_default() += 1;
    }
    assert_eq!(
        served,
        BTreeMap::from([("one".to_owned(), 30), ("two".to_owned(), 10)])
    );
    alb.switch(&[0, 0]);
    assert_eq!(
        alb.send(Request::new("GET", "/").header("host", "h"))
            .await
            .status,
        503
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_moves_from_a_container_to_a_function_without_a_failed_request() {
    let container = axum_container("container").await;
    let (_alb, sandboxes) = echo_lambda(2).await;
    let alb = Alb::weighted(vec![
        (Target::Container(container), 1),
        (Target::Lambda(sandboxes), 0),
    ]);
    let listener = alb.listen().await.unwrap();
    let (stop, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
        let client = Client::new(listener.address);
        clients.spawn(async move {
            let mut last = String::new();
            while !stop.load(Ordering::SeqCst) {
                let response = client.send(&Request::new("GET", "/x")).await.unwrap();
                assert_eq!(response.status, 200);
                last = text(&response);
                served.fetch_add(1, Ordering::SeqCst);
            }
            last
        });
    }
    for weights in [[90, 10], [50, 50], [0, 100]] {
        alb.switch(&weights);
        let goal = served.load(Ordering::SeqCst) + 200;
        while served.load(Ordering::SeqCst) < goal {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(last) = clients.join_next().await {
        assert!(
            last.unwrap().starts_with("GET /x\n"),
            "the last answer is not the function's"
        );
    }
}
