//! `make watch`, for real: a change of its port apart.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use contacts_tests::client::{Client, ExchangeError, Request, Response};
use contacts_tests::process::{Process, free_address};
use contacts_tests::repository;

use crate::support::{CONTACTS, card, get, has_status, post};

fn make(arguments: &[&str]) -> String {
    let done = Command::new("make")
        .args(arguments)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

/// A variable as the Makefile exports it to its recipes.
fn exported(name: &str) -> (String, String) {
    let rule = format!("show-{name}: ; @printf %s \"$${name}\"");
    (
        name.to_owned(),
        make(&["--silent", "--eval", &rule, &format!("show-{name}")]),
    )
}

/// What `make watch` runs once its tools are there.
fn recipe() -> String {
    let all = make(&["--dry-run", "watch"]);
    let start = all
        .find("cargo build --package standalone")
        .expect("the recipe builds standalone");
    all[start..].to_owned()
}

async fn until_answered(client: &Client, process: &Process, request: &Request) -> Response {
    loop {
        match client.send(request).await {
            Ok(answer) => return answer,
            // It does not listen yet.
            Err(ExchangeError::Connect(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}; it wrote:\n{}", process.output()),
        }
    }
}

#[tokio::test]
async fn make_watch_serves_a_create_and_a_read() {
    let address = free_address().unwrap();
    let (recipe, port) = (recipe(), address.port().to_string());
    assert!(recipe.contains("--invoke-port 9000"), "{recipe}");
    let recipe = recipe.replace("--invoke-port 9000", &format!("--invoke-port {port}"));
    let script = format!("set -e\ncd '{}'\n{recipe}", repository().display());
    let data = tempfile::tempdir().unwrap();
    let token = format!("cm_{}", "w".repeat(43));
    let mut environment = vec![
        exported("PATH"),
        exported("RUSTUP_HOME"),
        exported("CARGO_TARGET_DIR"),
        exported("HOME"),
        (
            "CONTACTS_DATA_DIR".to_owned(),
            data.path().display().to_string(),
        ),
        ("CONTACTS_TOKEN".to_owned(), token.clone()),
    ];
    // As they are, if they are: another place for the registry, another toolchain.
    for name in ["CARGO_HOME", "RUSTUP_TOOLCHAIN"] {
        environment.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
    }
    let mut process =
        Process::start(Path::new("/bin/bash"), &["-c", &script], &environment).unwrap();

    // The first request waits for the build.
    let client = Client::new(address).with_patience(Duration::from_mins(20));
    let create = post(CONTACTS, &card("Ada Lovelace")).bearer(&token);
    let made = until_answered(&client, &process, &create).await;
    has_status(&made, 201);
    let path = made.text("location").unwrap();
    let read = client.send(&get(path).bearer(&token)).await.unwrap();
    has_status(&read, 200);
    assert_eq!(read.json().unwrap(), made.json().unwrap());
    let found = client
        .send(&get(&format!("{CONTACTS}?q=ada")).bearer(&token))
        .await
        .unwrap();
    assert_eq!(found.json().unwrap()["items"].as_array().unwrap().len(), 1);
    let missing = client
        .send(&get("/v1/books/nobody").bearer(&token))
        .await
        .unwrap();
    has_status(&missing, 404);
    assert_eq!(
        missing.text("content-type"),
        Some("application/problem+json")
    );

    process.terminate(Duration::from_secs(60)).await.unwrap();
    let gone = Client::new(address).send(&get("/health")).await;
    assert!(matches!(gone, Err(ExchangeError::Connect(_))), "{gone:?}");
}
