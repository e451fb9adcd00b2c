use std::fs;

use contacts_tests::dynamodb_local::{DynamoDbLocal, Endpoint, shared};
use tokio::net::TcpStream;

use crate::{create_table, s};

/// The network namespaces of the DynamoDB Locals that descend from this process.
fn running() -> Vec<String> {
    let parent = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        line.trim().parse::<u32>().ok()
    };
    let ours = |pid| {
        std::iter::successors(Some(pid), |pid| parent(*pid))
            .any(|ancestor| ancestor == std::process::id())
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            command.starts_with("java") && command.contains("DynamoDBLocal.jar") && ours(*pid)
        })
        .filter_map(|pid| fs::read_link(format!("/proc/{pid}/ns/net")).ok())
        .map(|namespace| namespace.to_string_lossy().into_owned())
        .collect()
}

async fn write_and_read(endpoint: &Endpoint, table: &str) {
    let client = endpoint.client();
    create_table(&client, table).await;
    client
        .put_item()
        .table_name(table)
        .item("pk", s("a"))
        .item("sk", s("b"))
        .send()
        .await
        .unwrap();
    let read = client.scan().table_name(table).send().await.unwrap();
    assert_eq!(read.count, 1);
}

#[tokio::test]
async fn dynamodb_local_works_behind_loopback_and_ends_when_dropped() {
    let local = tokio::task::spawn_blocking(DynamoDbLocal::start)
        .await
        .unwrap()
        .unwrap();
    write_and_read(local.endpoint(), "first").await;

    let here = fs::read_link("/proc/self/ns/net").unwrap();
    let elsewhere = running();
    assert_eq!(elsewhere.len(), 1);
    assert_ne!(elsewhere, [here.to_string_lossy()]);
    let address = local.endpoint().url.replace("http://", "");
    assert!(address.starts_with("127.0.0.1:"), "{address}");

    drop(local);
    assert_eq!(running(), <[String; 0]>::default());
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }

    let endpoint = shared().await;
    write_and_read(&endpoint, "second").await;
    assert_eq!(shared().await.url, endpoint.url);
    assert_eq!(running().len(), 1);
}
