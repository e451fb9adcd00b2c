//! A graceful end.

use std::time::Duration;

use contacts_tests::client::{Client, Request};
use contacts_tests::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{CONTACTS, TOKEN, card, check, list, serve};

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_ready_turns_503() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let mut server = serve(&data).await;
        let ready = Client::new(server.address)
            .send(&Request::new("GET", "/ready"))
            .await
            .unwrap();
        assert_eq!(ready.status, 200);
        // Two requests whose heads the service has seen and whose bodies are not there yet; it says so
        // itself. The one is a write, the other asks whether it is ready.
        let body = card("Under way").to_string();
        let begin = async |head: String, length: usize| {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let head = format!(
                "{head}Host: localhost\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut go_on = [0; 25];
            stream.read_exact(&mut go_on).await.unwrap();
            assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream
        };
        let head = format!(
            "POST {CONTACTS} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        );
        let mut write = begin(head, body.len()).await;
        let mut probe = begin("GET /ready HTTP/1.1\r\n".to_owned(), 1).await;
        server.process.signal(signal);
        // It has begun to stop when nobody new is let in.
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while TcpStream::connect(server.address).await.is_ok() {
            ticks.tick().await;
        }
        probe.write_all(b"x").await.unwrap();
        let probe = answer(&mut probe).await;
        assert!(probe.starts_with("HTTP/1.1 503 "), "{probe}");
        assert!(probe.contains("/docs#problem-not-ready"), "{probe}");
        write.write_all(body.as_bytes()).await.unwrap();
        let written = answer(&mut write).await;
        assert!(written.starts_with("HTTP/1.1 201 "), "{written}");
        assert!(
            written.to_lowercase().contains("connection: close"),
            "{written}"
        );
        let ended = tokio::time::timeout(Duration::from_secs(30), server.process.wait());
        assert_eq!(ended.await.unwrap().unwrap().code(), Some(0));
        check(&data).await;
        let server = serve(&data).await;
        assert_eq!(list(&Client::new(server.address)).await.len(), 1);
    }
}
