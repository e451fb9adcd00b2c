//! Workers without SQS: the queue is in the table.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts_embedded::Engine;
use contacts_jobs::Message;
use contacts_store::{JobState, Store};
use contacts_tests::client::{Client, Request};
use contacts_tests::process::{Server, build};
use contacts_tests::worker::Site;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::interval;

const TOKEN: &str = "cm_0123456789012345678901234567890123456789abc";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_sqs_takes_its_messages_from_the_table() {
    let site = Site::without_sqs().await.unwrap();
    let book = site.book(120).await.unwrap();
    let job = site.delete(book).await.unwrap();
    site.tell(&Message::job(job.id)).await.unwrap();
    let mut first = site.container().await.unwrap();
    site.until(job.id, |job| job.step > 0).await.unwrap();
    first.process.kill().await.unwrap();
    // As if the time had passed after which its message comes again.
    for mut item in site.items().await.unwrap() {
        if item["pk"].as_s().unwrap() == "Q" {
            item.insert("visible".to_owned(), AttributeValue::N("0".to_owned()));
            site.put(item).await.unwrap();
        }
    }
    let mut second = site.container().await.unwrap();
    site.until_done(job.id).await.unwrap();
    site.nothing_remains_of(book).await.unwrap();
    let status = second
        .process
        .terminate(Duration::from_secs(15))
        .await
        .unwrap();
    assert!(status.success());
    let rows = site.items().await.unwrap();
    let is_message = |pk: &str| pk == "Q" || pk == "QD";
    assert!(!rows.iter().any(|row| is_message(row["pk"].as_s().unwrap())));
    let (code, said) = site.command(&["redrive"]).await.unwrap();
    assert_eq!(
        (code, said.trim()),
        (Some(0), "0 messages are back in the queue.")
    );
}

async fn serve(data: &TempDir) -> Server {
    let path = tokio::task::spawn_blocking(|| build("standalone", "standalone", &[]));
    let environment = [
        ("CONTACTS_DATA_DIR", data.path().to_str().unwrap()),
        ("CONTACTS_TOKEN", TOKEN),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Server::start(&path.await.unwrap().unwrap(), &environment)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_standalone_outlives_a_kill() {
    let data = TempDir::new().unwrap();
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    let send = async |request: Request| client.send(&request.bearer(TOKEN)).await.unwrap();
    let book = send(Request::new("POST", "/v1/books").json(&json!({"name": "Full"}))).await;
    let path = format!("/v1/books/{}", book.json().unwrap()["id"].as_str().unwrap());
    let items: Vec<_> = (0..200)
        .map(|number| {
            let name = json!({"full": format!("Person {number}")});
            json!({"op": "create", "card": {"@type": "Card", "version": "1.0", "name": name}})
        })
        .collect();
    let batch = Request::new("POST", format!("{path}/contacts/batch"));
    assert_eq!(send(batch.json(&json!({"items": items}))).await.status, 200);
    let job = send(Request::new("DELETE", &path)).await;
    assert_eq!(job.status, 202);
    let job = job.text("location").unwrap().to_owned();
    let mut tries = interval(Duration::from_millis(2));
    loop {
        tries.tick().await;
        let now = send(Request::new("GET", &job)).await.json().unwrap();
        assert_ne!(now["state"], "succeeded", "it is killed before");
        if now["progress"]["done"].as_u64().unwrap() > 0 {
            break;
        }
    }
    server.process.kill().await.unwrap();
    drop(server);
    {
        let engine = Engine::open(data.path()).unwrap();
        let database = engine.client();
        let id = job.rsplit('/').next().unwrap().parse().unwrap();
        let store = Store::new(database.clone(), "contacts", 90);
        assert_eq!(
            store.job(id).await.unwrap().unwrap().state,
            JobState::Running
        );
        // As if the time had passed after which its message comes again.
        let scan = database.scan().table_name("contacts").send().await.unwrap();
        for mut item in scan.items.unwrap() {
            if item["pk"].as_s().unwrap() == "Q" {
                item.insert("visible".to_owned(), AttributeValue::N("0".to_owned()));
                let put = database.put_item().table_name("contacts");
                put.set_item(Some(item)).send().await.unwrap();
            }
        }
    }
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    loop {
        tries.tick().await;
        let now = client
            .send(&Request::new("GET", &job).bearer(TOKEN))
            .await
            .unwrap();
        let now = now.json().unwrap();
        assert!(
            now["state"] == "running" || now["state"] == "succeeded",
            "{now}"
        );
        if now["state"] == "succeeded" {
            break;
        }
    }
    assert!(
        server
            .process
            .terminate(Duration::from_secs(20))
            .await
            .unwrap()
            .success()
    );
    let engine = Engine::open(data.path()).unwrap();
    let report = Store::new(engine.client(), "contacts", 90)
        .check()
        .await
        .unwrap();
    assert_eq!((report.findings, report.leftovers), (vec![], 0));
}
