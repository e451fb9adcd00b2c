//! Backup under writes, and restore.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use contacts_tests::client::{Client, Request};
use tempfile::TempDir;

use crate::support::{CONTACTS, card, check, list, run, send, serve, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_writes_has_what_was_answered_before_it_began() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = serve(&data).await;
    let client = Arc::new(Client::new(server.address));
    let answered = Arc::new(Mutex::new(Vec::<String>::new()));
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (client, answered, done) = (
                Arc::clone(&client),
                Arc::clone(&answered),
                Arc::clone(&done),
            );
            tokio::spawn(async move {
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    let card = card(&format!("Writer {writer} {number}"));
                    let made = send(&client, Request::new("POST", CONTACTS).json(&card)).await;
                    assert_eq!(made.status, 201, "{made:?}");
                    let id = text(&made.json().unwrap()["id"]).to_owned();
                    answered.lock().unwrap().push(id);
                }
            })
        })
        .collect();
    let mut copies = Vec::new();
    for number in 0..5 {
        let file = folder.path().join(format!("copy-{number}"));
        // Some writes between one copy and the next.
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
        while answered.lock().unwrap().len() < 10 * (number + 1) {
            ticks.tick().await;
        }
        let before: BTreeSet<String> = answered.lock().unwrap().iter().cloned().collect();
        let (code, output) = run(&data, &["backup", file.to_str().unwrap()], &[]).await;
        assert_eq!(code, Some(0), "{output}");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        copies.push((file, before));
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    for (file, before) in copies {
        let elsewhere = folder
            .path()
            .join(format!("from-{}", file.file_name().unwrap().display()));
        let (code, output) = run(&elsewhere, &["restore", file.to_str().unwrap()], &[]).await;
        assert_eq!(code, Some(0), "{output}");
        check(&elsewhere).await;
        let copy = serve(&elsewhere).await;
        let there: BTreeSet<String> = list(&Client::new(copy.address))
            .await
            .iter()
            .map(|item| text(&item["id"]).to_owned())
            .collect();
        assert!(
            there.is_superset(&before),
            "an answered write is not in the copy"
        );
    }
}

#[tokio::test]
async fn a_restore_brings_the_old_state_back_and_keeps_the_newer_one_beside_it() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("copy");
    let file = file.to_str().unwrap();
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    send(&client, Request::new("POST", CONTACTS).json(&card("Old"))).await;
    assert_eq!(run(&data, &["backup", file], &[]).await.0, Some(0));
    send(&client, Request::new("POST", CONTACTS).json(&card("New"))).await;
    // Not while it runs, and a backup overwrites nothing.
    assert_eq!(run(&data, &["restore", file], &[]).await.0, Some(2));
    assert_eq!(run(&data, &["backup", file], &[]).await.0, Some(2));
    server.process.kill().await.unwrap();
    let (code, output) = run(&data, &["restore", file], &[]).await;
    assert_eq!(code, Some(0), "{output}");
    let said = output
        .wait_for(|line| line.text.contains("before"))
        .await
        .unwrap();
    let previous = said
        .text
        .rsplit(' ')
        .next()
        .unwrap()
        .trim_end_matches('.')
        .to_owned();
    check(&data).await;
    let names = async || -> Vec<String> {
        let mut server = serve(&data).await;
        let items = list(&Client::new(server.address)).await;
        server.process.kill().await.unwrap();
        items
            .iter()
            .map(|item| text(&item["summary"]["name"]).to_owned())
            .collect()
    };
    assert_eq!(names().await, ["Old"]);
    let (code, output) = run(&data, &["restore", &previous], &[]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(names().await, ["New", "Old"]);
}
