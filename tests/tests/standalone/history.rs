//! The figures of a real process, and those that it keeps.

use std::time::Duration;

use contacts_tests::client::{Client, Request};
use tempfile::TempDir;
use tokio::time::interval;

use crate::support::{run, send, serve};

#[tokio::test]
async fn a_process_shows_its_machine_and_keeps_its_last_minute() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    let mut looks = interval(Duration::from_millis(50));
    // The share of the CPU is a difference of two readings.
    let now = loop {
        let answer = send(&client, Request::new("GET", "/v1/system")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json().unwrap();
        if body["cpu"]["used_ratio"].is_number() {
            break body;
        }
        looks.tick().await;
    };
    assert_eq!(now["target"], "standalone");
    for (part, figure) in [
        ("cpu", "cores"),
        ("memory", "used_bytes"),
        ("memory", "limit_bytes"),
        ("disk", "used_bytes"),
        ("disk", "size_bytes"),
        ("network", "received_bytes"),
        ("network", "sent_bytes"),
        ("process", "cpu_seconds"),
        ("process", "open_files"),
        ("process", "threads"),
    ] {
        assert!(now[part][figure].is_number(), "{part} {figure}: {now}");
    }
    let scrape = Client::new(server.metrics)
        .send(&Request::new("GET", "/metrics"))
        .await
        .unwrap();
    let scrape = String::from_utf8(scrape.body).unwrap();
    for metric in [
        "system_cpu_utilization_ratio ",
        "system_memory_used_bytes ",
        "system_memory_limit_bytes ",
        "system_disk_used_bytes ",
        "system_disk_size_bytes ",
        "system_network_bytes_total{direction=\"sent\"} ",
    ] {
        let line = scrape.lines().find(|line| line.starts_with(metric));
        assert!(line.is_some(), "{metric}: {scrape}");
    }

    // A stop writes the minute that is not over.
    server
        .process
        .terminate(Duration::from_secs(30))
        .await
        .unwrap();
    let server = serve(&data).await;
    let client = Client::new(server.address);
    let history = Request::new("GET", "/v1/system/history?step=1m");
    let history = send(&client, history).await.json().unwrap();
    let series = &history["tasks"][0];
    assert_eq!(series["task"], now["task"], "{history}");
    assert_eq!(series["target"], "standalone");
    assert!(series["figures"]["memory_max_bytes"][0].is_number());
}

#[tokio::test]
async fn wrong_settings_of_the_history_stop_the_start() {
    let folder = TempDir::new().unwrap();
    for (name, value, should) in [
        ("CONTACTS_OBJECTS_URL", "s3://Bucket", "s3://bucket"),
        ("CONTACTS_HISTORY_DAYS", "6", "from 7 to 3650"),
        ("CONTACTS_FUNCTIONS", "api,", "separated by commas"),
    ] {
        let (code, output) = run(folder.path(), &[], &[(name, value)]).await;
        assert_eq!(code, Some(2), "{output}");
        let said = output.to_string();
        assert!(said.contains(name) && said.contains(should), "{said}");
    }
}
