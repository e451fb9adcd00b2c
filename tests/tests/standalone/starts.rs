//! Starting: the token, the first requests, and what stops a start.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use contacts_tests::client::{Client, Request};
use contacts_tests::process::{Server, Stream};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TOKEN, binary, environment, run, serve, text};

/// Standard output once the greeting is there.
async fn greeting(server: &Server) -> Vec<String> {
    let output = server.process.output();
    output
        .wait_for(|line| line.text.contains("answers on"))
        .await
        .unwrap();
    let lines = output.lines();
    let lines = lines.into_iter().filter(|line| line.stream == Stream::Out);
    lines.map(|line| line.text).collect()
}

#[tokio::test]
async fn the_first_start_prints_a_token_and_three_lines_that_work_as_pasted() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(binary(), &environment(&data, &[]))
        .await
        .unwrap();
    let output = server.process.output();
    output
        .wait_for(|line| line.text.ends_with("?q=ada'"))
        .await
        .unwrap();
    let lines = greeting(&server).await;
    let token = lines
        .iter()
        .find(|line| line.starts_with("cm_"))
        .unwrap()
        .clone();
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("cm_")).count(),
        1
    );
    let curls: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert_eq!(curls.len(), 3);
    let mut answers = Vec::new();
    for curl in curls {
        let done = Command::new("/bin/bash")
            .args(["-c", curl])
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stdout)));
        answers.push(answer);
    }
    assert_eq!(answers[0]["card"]["name"]["full"], "Ada Lovelace");
    for list in &answers[1..] {
        assert_eq!(list["items"][0]["id"], answers[0]["id"]);
    }
    let mut server = server;
    let ended = server
        .process
        .terminate(std::time::Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(ended.code(), Some(0));

    // The next start says nothing of a token, and the first one goes on working.
    let server = Server::start(binary(), &environment(&data, &[]))
        .await
        .unwrap();
    let lines = greeting(&server).await;
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("cm_") || line.contains("curl")),
        "{lines:?}"
    );
    let get = Request::new("GET", "/v1/books").bearer(&token);
    assert_eq!(
        Client::new(server.address).send(&get).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_given_token_works_and_is_not_printed() {
    let folder = TempDir::new().unwrap();
    let server = serve(&folder.path().join("data")).await;
    let lines = greeting(&server).await;
    assert!(
        !server.process.output().to_string().contains(TOKEN),
        "{lines:?}"
    );
    let client = Client::new(server.address);
    let books = client
        .send(&Request::new("GET", "/v1/books").bearer(TOKEN))
        .await
        .unwrap();
    assert_eq!(books.status, 200);
    assert_eq!(text(&books.json().unwrap()["items"][0]["name"]), "Contacts");
    let other = format!("cm_{}", "x".repeat(43));
    let refused = client
        .send(&Request::new("GET", "/v1/books").bearer(&other))
        .await
        .unwrap();
    assert_eq!(refused.status, 401);
}

/// Asserts that a start ends with 2 and one line that has all of `words`.
async fn is_refused(data: &Path, arguments: &[&str], more: &[(&str, &str)], words: &[&str]) {
    let (code, output) = run(data, arguments, more).await;
    // The last lines may still be on their way when the process has ended.
    let line = output
        .wait_for(|line| line.stream == Stream::Err)
        .await
        .unwrap();
    assert_eq!(code, Some(2), "{output}");
    for word in words {
        assert!(line.text.contains(word), "{word} in {output}");
    }
    assert_eq!(output.lines().len(), 1, "{output}");
}

#[tokio::test]
async fn a_second_process_on_the_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = serve(&data).await;
    is_refused(&data, &[], &[], &[data.to_str().unwrap(), "in use"]).await;
    is_refused(&data, &["database", "true"], &[], &["in use"]).await;
    // Nor is the first one disturbed by the attempts.
    let get = Request::new("GET", "/v1/books").bearer(TOKEN);
    assert_eq!(
        Client::new(server.address).send(&get).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_start_is_one_line_and_exit_code_2() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let held = std::net::TcpListener::bind(&taken);
    let server = serve(&folder.path().join("other")).await;
    let used = server.address.to_string();
    for name in ["CONTACTS_LISTEN", "CONTACTS_METRICS_LISTEN"] {
        is_refused(&data, &[], &[(name, &used)], &[name, &used]).await;
    }
    drop(held);
    for (name, value) in [
        ("CONTACTS_LISTEN", "8080"),
        ("CONTACTS_LISTEN", "localhost:http"),
        ("CONTACTS_METRICS_LISTEN", "127.0.0.1:99999"),
        ("CONTACTS_TOKEN", "secret-that-is-none"),
        ("CONTACTS_TABLE", "a b"),
        ("CONTACTS_CHANGES_DAYS", "0"),
        ("CONTACTS_CORS_ORIGINS", "*"),
        ("CONTACTS_OIDC_ISSUER", "http://id.example"),
        ("CONTACTS_OIDC_AUDIENCE", "alone"),
        ("CONTACTS_LISTENS", "127.0.0.1:1"),
        ("RUST_LOG", "a=b=c"),
    ] {
        is_refused(
            &data,
            &[],
            &[(name, value)],
            &[name.trim_end_matches("_AUDIENCE")],
        )
        .await;
    }
    let (_, output) = run(&data, &[], &[("CONTACTS_TOKEN", "secret-that-is-none")]).await;
    assert!(!output.to_string().contains("secret-that-is-none"));
    is_refused(&data, &["serve"], &[], &["backup FILE"]).await;

    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    is_refused(&file, &[], &[], &[file.to_str().unwrap()]).await;
    is_refused(&file.join("within"), &[], &[], &[file.to_str().unwrap()]).await;
    let damaged = folder.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::set_permissions(&damaged, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(
        damaged.join("contacts.sqlite"),
        "no database at all, whatever its name says",
    )
    .unwrap();
    is_refused(&damaged, &[], &[], &["contacts.sqlite"]).await;
}

#[tokio::test]
async fn the_folder_is_the_owners_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("a/b/data");
    let server = serve(&data).await;
    let client = Client::new(server.address);
    let book = Request::new("GET", "/v1/books").bearer(TOKEN);
    client.send(&book).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&data), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 2);
}
