use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use contacts_embedded::Engine;
use tempfile::tempdir;

use crate::{create_table, get, n, put};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn the_folder_and_its_files_are_private() {
    let parent = tempdir().unwrap();
    let dir = parent.path().join("a/data");
    let engine = Engine::open(&dir).unwrap();
    let client = engine.client();
    create_table(&client).await;
    put(&client, "a", "b", n(1)).await;
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let expected = [
        "contacts.lock",
        "contacts.sqlite",
        "contacts.sqlite-shm",
        "contacts.sqlite-wal",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_folder_that_was_opened_up_is_closed_again() {
    let dir = tempdir().unwrap();
    drop(Engine::open(dir.path()).unwrap());
    set_mode(dir.path(), 0o755);
    set_mode(&dir.path().join("contacts.sqlite"), 0o644);
    let _engine = Engine::open(dir.path()).unwrap();
    assert_eq!(mode(dir.path()), 0o700);
    assert_eq!(mode(&dir.path().join("contacts.sqlite")), 0o600);
}

#[test]
fn a_folder_with_other_files_keeps_its_permissions_and_is_refused() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "not ours").unwrap();
    set_mode(dir.path(), 0o755);
    let error = Engine::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
    assert_eq!(mode(dir.path()), 0o755);
}

#[test]
fn a_second_opening_is_refused_with_one_line_that_names_the_folder() {
    let dir = tempdir().unwrap();
    let first = Engine::open(dir.path()).unwrap();
    let error = format!("{:#}", Engine::open(dir.path()).unwrap_err());
    assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
    assert!(error.contains("in use by another process"), "{error}");
    assert!(!error.contains('\n'));
    let clone = first.clone();
    drop(first);
    assert!(Engine::open(dir.path()).is_err());
    drop(clone);
    assert!(Engine::open(dir.path()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_written_is_one_line_that_says_what_to_do() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = format!("{:#}", Engine::open(&file.join("data")).unwrap_err());
    assert!(error.contains("make it writable"), "{error}");
    assert!(!error.contains('\n'));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempdir().unwrap();
    drop(Engine::open(dir.path()).unwrap());
    let file = dir.path().join("contacts.sqlite");
    let junk = "junk ".repeat(1000);
    fs::write(&file, &junk).unwrap();
    let error = format!("{:#}", Engine::open(dir.path()).unwrap_err());
    assert!(error.contains("cannot open the database"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), junk);
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let dir = tempdir().unwrap();
    {
        let client = Engine::open(dir.path()).unwrap().client();
        create_table(&client).await;
        put(&client, "a", "b", n(1)).await;
    }
    let client = Engine::open(dir.path()).unwrap().client();
    assert_eq!(get(&client, "a", "b").await, Some(n(1)));
}

/// The engine leaves `synchronous` as `SQLite` was built; were that to change, a power cut could lose
/// answered writes.
#[test]
fn the_write_ahead_log_is_flushed_at_each_commit() {
    let dir = tempdir().unwrap();
    let _engine = Engine::open(dir.path()).unwrap();
    let file = dir.path().join("contacts.sqlite");
    let connection = rusqlite::Connection::open(file).unwrap();
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    // 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
    assert_eq!(pragma("synchronous"), 2.into());
}
