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

#[tokio::test]
async fn nothing_given_out_before_a_restore_comes_back_with_another_meaning() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("copy");
    let file = file.to_str().unwrap();
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    let patch = async |client: &Client, path: &str, name: &str| {
        let patch = serde_json::json!({"name": {"full": name}});
        let request = Request::new("PATCH", path);
        let request = request.body("application/merge-patch+json", patch.to_string());
        let changed = send(client, request).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        text(&changed.json().unwrap()["etag"]).to_owned()
    };
    let feed = async |client: &Client, since: &str| {
        let path = format!("/v1/books/default/changes?limit=500&since={since}");
        send(client, Request::new("GET", &path)).await
    };
    let made = send(&client, Request::new("POST", CONTACTS).json(&card("A"))).await;
    let path = format!("{CONTACTS}/{}", text(&made.json().unwrap()["id"]));
    assert_eq!(run(&data, &["backup", file], &[]).await.0, Some(0));
    for name in ["B", "C", "D"] {
        send(&client, Request::new("POST", CONTACTS).json(&card(name))).await;
    }
    let lost = patch(&client, &path, "A, before").await;
    let synced = async |client: &Client| {
        let mut token = String::new();
        loop {
            let since = if token.is_empty() {
                "/v1/books/default/changes?limit=500".to_owned()
            } else {
                format!("/v1/books/default/changes?limit=500&since={token}")
            };
            let page = send(client, Request::new("GET", &since)).await;
            assert_eq!(page.status, 200, "{page:?}");
            let page = page.json().unwrap();
            token = text(&page["token"]).to_owned();
            if page["more"] == false {
                return token;
            }
        }
    };
    let token = synced(&client).await;
    server.process.kill().await.unwrap();
    let (code, output) = run(&data, &["restore", file], &[]).await;
    assert_eq!(code, Some(0), "{output}");
    check(&data).await;

    let server = serve(&data).await;
    let client = Client::new(server.address);
    assert_eq!(feed(&client, &token).await.status, 410);
    let again = patch(&client, &path, "A, after").await;
    assert_ne!(again, lost);
    for number in 0..8 {
        let card = card(&format!("New {number}"));
        send(&client, Request::new("POST", CONTACTS).json(&card)).await;
        // However far the log has come again.
        assert_eq!(feed(&client, &token).await.status, 410);
    }
    let fresh = synced(&client).await;
    let quiet = feed(&client, &fresh).await.json().unwrap();
    assert_eq!(quiet["changes"], serde_json::json!([]));
    drop(server);
    check(&data).await;
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_a_damaged_database_is_replaced() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let good = folder.path().join("good");
    let mut server = serve(&data).await;
    let client = Client::new(server.address);
    for number in 0..200 {
        let card = card(&format!("Contact {number}"));
        send(&client, Request::new("POST", CONTACTS).json(&card)).await;
    }
    let backup = ["backup", good.to_str().unwrap()];
    assert_eq!(run(&data, &backup, &[]).await.0, Some(0));
    server.process.kill().await.unwrap();

    let bad = folder.path().join("bad");
    damage(&good, &bad);
    let kept = std::fs::read(data.join("contacts.sqlite")).unwrap();
    let junk = folder.path().join("junk");
    std::fs::write(&junk, "no database at all").unwrap();
    for file in [&bad, &junk] {
        let (code, output) = run(&data, &["restore", file.to_str().unwrap()], &[]).await;
        assert_eq!(code, Some(2), "{output}");
        let said = output.wait_for(|line| line.text.contains("damaged")).await;
        assert!(said.unwrap().text.contains("nothing was changed"));
    }
    assert_eq!(std::fs::read(data.join("contacts.sqlite")).unwrap(), kept);
    assert_eq!(
        leftovers(&data),
        0,
        "a refused restore leaves nothing behind"
    );

    let main = data.join("contacts.sqlite");
    let _ = std::fs::remove_file(data.join("contacts.sqlite-wal"));
    damage(&good, &main);
    let restore = ["restore", good.to_str().unwrap()];
    let (code, output) = run(&data, &restore, &[]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(leftovers(&data), 1, "the damaged one is kept");
    check(&data).await;
    let server = serve(&data).await;
    assert_eq!(list(&Client::new(server.address)).await.len(), 200);
}

/// A copy with noise in its middle.
fn damage(from: &std::path::Path, to: &std::path::Path) {
    let mut bytes = std::fs::read(from).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 3_000] {
        *byte ^= 0x5a;
    }
    std::fs::write(to, bytes).unwrap();
}

/// How many files or folders of restores lie in the data folder.
fn leftovers(data: &std::path::Path) -> usize {
    let names = std::fs::read_dir(data).unwrap();
    names
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains("restore-")
        })
        .count()
}
