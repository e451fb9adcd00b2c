//! What other processes and users of the machine can reach.

use std::collections::BTreeSet;

use contacts_tests::client::{Client, Request};
use contacts_tests::process::Server;
use tempfile::TempDir;

use crate::support::{send, serve};

/// The local ports on which a process listens, by its sockets (proc(5), /proc/PID/net/tcp).
fn listening(pid: u32) -> BTreeSet<u16> {
    let sockets: BTreeSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| {
            let target = target.to_string_lossy().into_owned();
            Some(
                target
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let listens = fields[3] == "0A" || table.starts_with("udp");
            if listens && sockets.contains(fields[9]) {
                let (_, port) = fields[1].rsplit_once(':').unwrap();
                ports.insert(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    let unix = std::fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap_or_default();
    for line in unix.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        // Flag 0x10000: it accepts connections. A name, if it has one, comes last.
        let accepts = fields[3] == "00010000";
        assert!(
            !(accepts && sockets.contains(fields[6])),
            "a socket is open: {line}"
        );
    }
    ports
}

#[tokio::test]
async fn nothing_listens_but_the_api_and_the_metrics() {
    let folder = TempDir::new().unwrap();
    let server = serve(&folder.path().join("data")).await;
    let client = Client::new(server.address);
    send(&client, Request::new("GET", "/v1/books")).await;
    let ports = listening(server.process.pid());
    assert_eq!(ports, [server.address.port(), server.metrics.port()].into());
}

#[tokio::test]
async fn the_database_answers_nobody() {
    let folder = TempDir::new().unwrap();
    let Server {
        process: _process,
        address,
        metrics,
    } = serve(&folder.path().join("data")).await;
    for address in [address, metrics] {
        let request = Request::new("POST", "/")
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=embedded/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00")
            .body("application/x-amz-json-1.0", "{}");
        let answer = Client::new(address).send(&request).await.unwrap();
        assert!([404, 405].contains(&answer.status), "{answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("TableNames"));
    }
}

#[tokio::test]
async fn metrics_are_on_their_own_port_and_nothing_else_is() {
    let folder = TempDir::new().unwrap();
    let server = serve(&folder.path().join("data")).await;
    let (api, metrics) = (Client::new(server.address), Client::new(server.metrics));
    let on_api = send(&api, Request::new("GET", "/metrics")).await;
    assert_eq!(on_api.status, 404);
    assert!(!String::from_utf8_lossy(&on_api.body).contains("contacts_http"));
    let text = metrics
        .send(&Request::new("GET", "/metrics"))
        .await
        .unwrap();
    assert_eq!(text.status, 200);
    assert!(String::from_utf8_lossy(&text.body).contains("contacts_http_requests_total"));
    for path in ["/", "/health", "/v1/books", "/metrics/"] {
        let answer = metrics.send(&Request::new("GET", path)).await.unwrap();
        assert_eq!(answer.status, 404, "{path}");
    }
}
