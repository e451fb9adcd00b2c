use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use contacts_embedded::{Engine, backup, stage};
use tempfile::tempdir;

use crate::{TABLE, create_table, get, n, put, s};

fn restore(dir: &Path, file: &Path) -> anyhow::Result<Option<PathBuf>> {
    stage(dir, file)?.commit()
}

/// Writes the number to two items in one transaction.
async fn write_pair(client: &Client, number: u64) {
    let put = |sk: &str| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", s("pair"))
            .item("sk", s(sk))
            .item("value", n(number))
            .build()
            .unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    client
        .transact_write_items()
        .transact_items(put("left"))
        .transact_items(put("right"))
        .send()
        .await
        .unwrap();
}

fn number(value: Option<AttributeValue>) -> u64 {
    value.unwrap().as_n().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_writes_is_one_moment_and_comes_back() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    let client = Engine::open(dir.path()).unwrap().client();
    create_table(&client).await;
    write_pair(&client, 1).await;

    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let mut last = 1;
            while !stop.load(Ordering::Relaxed) {
                last += 1;
                write_pair(&client, last).await;
            }
            last
        }
    });
    for i in 0..5 {
        let before = number(get(&client, "pair", "left").await);
        let file = other.path().join(format!("backup-{i}.sqlite"));
        let (from, to) = (dir.path().to_owned(), file.clone());
        tokio::task::spawn_blocking(move || backup(&from, &to))
            .await
            .unwrap()
            .unwrap();
        let after = number(get(&client, "pair", "left").await);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );

        let target = other.path().join(format!("restored-{i}"));
        assert_eq!(restore(&target, &file).unwrap(), None);
        let restored = Engine::open(&target).unwrap().client();
        let left = number(get(&restored, "pair", "left").await);
        assert_eq!(left, number(get(&restored, "pair", "right").await));
        assert!((before..=after).contains(&left), "{before} {left} {after}");
    }
    stop.store(true, Ordering::Relaxed);
    let last = writer.await.unwrap();
    assert_eq!(number(get(&client, "pair", "right").await), last);
}

#[tokio::test]
async fn a_restore_keeps_what_it_replaces() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    let file = other.path().join("backup.sqlite");
    {
        let client = Engine::open(dir.path()).unwrap().client();
        create_table(&client).await;
        put(&client, "a", "b", n(1)).await;
        backup(dir.path(), &file).unwrap();
        put(&client, "a", "b", n(2)).await;
        let refusal = restore(dir.path(), &file).unwrap_err().to_string();
        assert!(refusal.contains("in use by another process"), "{refusal}");
        assert_eq!(get(&client, "a", "b").await, Some(n(2)));
    }
    let previous = restore(dir.path(), &file).unwrap().unwrap();
    let client = Engine::open(dir.path()).unwrap().client();
    assert_eq!(get(&client, "a", "b").await, Some(n(1)));
    drop(client);

    restore(dir.path(), &previous).unwrap();
    let client = Engine::open(dir.path()).unwrap().client();
    assert_eq!(get(&client, "a", "b").await, Some(n(2)));
}

#[tokio::test]
async fn a_backup_never_overwrites_and_leaves_no_litter() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    let _engine = Engine::open(dir.path()).unwrap();
    let file = other.path().join("backup.sqlite");
    fs::write(&file, "precious").unwrap();
    let refusal = backup(dir.path(), &file).unwrap_err().to_string();
    assert!(refusal.contains("exists already"), "{refusal}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}

#[test]
fn a_restore_of_something_else_changes_nothing() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    drop(Engine::open(dir.path()).unwrap());
    let before = fs::read(dir.path().join("contacts.sqlite")).unwrap();
    let junk = other.path().join("junk");
    fs::write(&junk, "junk").unwrap();
    assert!(restore(dir.path(), &junk).is_err());
    assert!(restore(dir.path(), &other.path().join("missing")).is_err());
    assert_eq!(
        fs::read(dir.path().join("contacts.sqlite")).unwrap(),
        before
    );
}

#[test]
fn a_backup_of_a_folder_without_a_database_says_so() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    let refusal = backup(dir.path(), &other.path().join("b")).unwrap_err();
    assert!(refusal.to_string().contains("name the data folder"));
    assert!(!dir.path().join("contacts.sqlite").exists());
}
