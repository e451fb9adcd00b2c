//! What only a process with a listener does: it stops, is overloaded, and cuts off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contacts_tests::alb::{Alb, Target};
use contacts_tests::client::{Client, Request};
use contacts_tests::faults::{Fault, Gate, Rule};
use contacts_tests::process::{Server, Signal, build};
use contacts_tests::twins::{TABLE, Twins};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{CONTACTS, card, contact_of_each, get, has_status, post, twins};

/// Another container over the same table.
async fn another(twins: &Twins) -> Server {
    let path = build("api", "api-container", &["container"]).unwrap();
    let mut environment = twins.faults.endpoint().environment();
    environment.push(("CONTACTS_TABLE".to_owned(), TABLE.to_owned()));
    environment.push(("CONTACTS_RATE_LIMIT".to_owned(), "0".to_owned()));
    Server::start(&path, &environment).await.unwrap()
}

#[tokio::test]
async fn a_container_stops_under_load_without_a_failed_request() {
    let twins = twins().await;
    let [contact, _] = contact_of_each(&twins, "Ada").await;
    let mut leaving = another(&twins).await;
    let staying = twins.container.address;
    let alb = Alb::weighted(vec![
        (Target::Container(leaving.address), 1),
        (Target::Container(staying), 1),
    ]);

    // One write waits at the database from before the signal until after the switch.
    let gate = Gate::closed();
    let held = |body: &serde_json::Value| body.to_string().contains("Held");
    twins.faults.inject(
        Rule::new(Fault::Wait(gate.clone()))
            .on("TransactWriteItems")
            .when(held)
            .times(1),
    );
    let request = twins.dressed(post(CONTACTS, &card("Held")));
    let direct = Arc::new(Client::new(leaving.address));
    let held = tokio::spawn({
        let direct = Arc::clone(&direct);
        async move { direct.send(&request).await }
    });
    gate.arrived(1).await;

    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..8 {
        let (alb, over, request) = (alb.clone(), Arc::clone(&over), twins.dressed(get(&contact)));
        load.spawn(async move {
            let mut answers = 0;
            while !over.load(Ordering::Relaxed) {
                has_status(&alb.send(request.clone()).await, 200);
                answers += 1;
            }
            answers
        });
    }
    let probe = Client::new(leaving.address);
    has_status(&probe.send(&get("/ready")).await.unwrap(), 200);
    leaving.process.signal(Signal::TERM);
    let unready = loop {
        let answer = probe.send(&get("/ready")).await.unwrap();
        if answer.status == 503 {
            break answer;
        }
    };
    assert_eq!(unready.text("connection"), Some("close"));
    let fresh = probe.send(&twins.dressed(get(&contact))).await.unwrap();
    has_status(&fresh, 200);
    assert_eq!(fresh.text("connection"), Some("close"));
    has_status(&probe.send(&get("/health")).await.unwrap(), 200);
    // The load balancer has seen enough.
    alb.switch(&[0, 1]);
    gate.open();
    has_status(&held.await.unwrap().unwrap(), 201);
    assert!(leaving.process.wait().await.unwrap().success());
    over.store(true, Ordering::Relaxed);
    let answers: Vec<u32> = load.join_all().await;
    assert!(answers.iter().all(|count| *count > 0), "{answers:?}");
}

/// Sends bytes and reads until the server hangs up.
async fn until_hung_up(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_cut_off() {
    let twins = twins().await;
    let head = until_hung_up(
        &twins.container,
        b"GET /health HTTP/1.1\r\nHost: h\r\nX-Slow",
    );
    let request = format!(
        "POST {CONTACTS} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        twins.token
    );
    let body = until_hung_up(&twins.container, request.as_bytes());
    let (head, body) = tokio::join!(head, body);
    assert!(!head.contains("200"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(body.contains("/docs#problem-request-timeout"), "{body}");
    assert!(body.to_lowercase().contains("connection: close"), "{body}");
    let alive = Client::new(twins.container.address);
    has_status(&alive.send(&get("/health")).await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_its_limit_a_container_says_so_and_stays_healthy() {
    const LIMIT: usize = 512;
    let twins = twins().await;
    let [contact, _] = contact_of_each(&twins, "Ada").await;
    let client = Arc::new(Client::new(twins.container.address));
    let request = twins.dressed(get(&contact));
    let gate = Gate::closed();
    for operation in ["GetItem", "Query", "BatchGetItem", "TransactGetItems"] {
        twins
            .faults
            .inject(Rule::new(Fault::Wait(gate.clone())).on(operation));
    }
    let mut held = JoinSet::new();
    for _ in 0..LIMIT {
        let (client, request) = (Arc::clone(&client), request.clone());
        held.spawn(async move { client.send(&request).await.unwrap().status });
    }
    // Retries of those that waited too long come again, so it may be more.
    gate.arrived(LIMIT).await;
    let refused = loop {
        let answer = client.send(&request).await.unwrap();
        if answer.status == 503 && answer.json().unwrap()["type"] == "/docs#problem-overloaded" {
            break answer;
        }
    };
    assert!(refused.text("retry-after").is_some());
    has_status(&client.send(&get("/health")).await.unwrap(), 200);
    gate.open();
    twins.faults.clear();
    let statuses = held.join_all().await;
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    let again = client.send(&request).await.unwrap();
    has_status(&again, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_for_the_load_balancer_is_its_504() {
    let twins = twins().await;
    let [contact, _] = contact_of_each(&twins, "Ada").await;
    let gate = Gate::closed();
    twins.faults.inject(Rule::new(Fault::Wait(gate.clone())));
    let alb = Alb::new(Target::Container(twins.container.address))
        .with_idle_timeout(Duration::from_millis(1));
    let answer = alb.send(twins.dressed(Request::new("GET", &contact))).await;
    has_status(&answer, 504);
    gate.open();
}
