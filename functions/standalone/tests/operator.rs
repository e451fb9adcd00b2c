//! The binary as an operator meets it: first start, what stops a start, backup and restore.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A running service; killed when the test ends, however it ends.
struct Standalone {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    api: SocketAddr,
    metrics: SocketAddr,
}

impl Drop for Standalone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

fn command(data: &Path, api: SocketAddr, metrics: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standalone"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("CONTACTS_DATA_DIR", data)
        .env("CONTACTS_LISTEN", api.to_string())
        .env("CONTACTS_METRICS_LISTEN", metrics.to_string());
    command
}

impl Standalone {
    /// Starts the service and returns once it has said where it answers.
    fn start(data: &Path, token: Option<&str>) -> (Self, String) {
        let (api, metrics) = (free(), free());
        let mut command = command(data, api, metrics);
        if let Some(token) = token {
            command.env("CONTACTS_TOKEN", token);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut service = Self {
            child,
            output,
            api,
            metrics,
        };
        let mut line = String::new();
        service.output.read_line(&mut line).expect("it is text");
        assert_eq!(line, format!("contact-manager answers on http://{api}\n"));
        (service, line)
    }

    /// Stops the service; what else it has written to standard output.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").arg(pid).status();
        assert!(kill.is_ok_and(|status| status.success()));
        let status = self.child.wait().expect("it was started");
        assert_eq!(status.code(), Some(0));
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("it is text");
        rest
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn succeeded(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

/// Asserts that the start is refused with exit code 2 and one line that has `word`.
fn refused(mut command: Command, word: &str) {
    let output = command.output().expect("the binary runs");
    let line = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(word), "{word} in {line}");
}

#[test]
fn only_the_first_start_prints_the_token() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let (service, _) = Standalone::start(&data, None);
    assert!(get(service.api, "/health").starts_with("HTTP/1.1 200 "));
    assert!(get(service.metrics, "/metrics").starts_with("HTTP/1.1 200 "));
    let first = service.stop();
    assert_eq!(first.matches("\ncm_").count(), 1, "{first}");
    assert_eq!(
        first
            .lines()
            .filter(|line| line.starts_with("curl "))
            .count(),
        3
    );

    let (service, _) = Standalone::start(&data, None);
    assert_eq!(service.stop(), "");
}

#[test]
fn a_token_that_was_given_is_not_printed() {
    let folder = TempDir::new().unwrap();
    let token = format!("cm_{}", "a".repeat(43));
    for _ in 0..2 {
        let (service, _) = Standalone::start(&folder.path().join("data"), Some(&token));
        assert_eq!(service.stop(), "");
    }
}

#[test]
fn what_stops_a_start_is_one_line_and_2() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let (service, _) = Standalone::start(&data, None);

    refused(command(&data, free(), free()), "in use");
    let other = folder.path().join("other");
    refused(command(&other, service.api, free()), "CONTACTS_LISTEN");
    refused(
        command(&other, free(), service.api),
        "CONTACTS_METRICS_LISTEN",
    );

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    refused(command(&file, free(), free()), "file");

    let mut wrong = command(&other, free(), free());
    wrong.env("CONTACTS_CHANGES_DAYS", "many");
    refused(wrong, "CONTACTS_CHANGES_DAYS");

    let mut unknown = command(&other, free(), free());
    unknown.arg("serve");
    refused(unknown, "backup FILE");
}

#[test]
fn a_backup_of_a_running_service_brings_its_token_back() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("copy");
    let run = |data: &Path, word: &str| {
        let mut command = command(data, free(), free());
        command.arg(word).arg(&file);
        command
    };
    let (service, _) = Standalone::start(&data, None);
    succeeded(&run(&data, "backup").output().unwrap());
    // A backup never overwrites a file, and the data of a running service is never replaced.
    refused(run(&data, "backup"), "exists");
    refused(run(&data, "restore"), "in use");
    drop(service);

    let elsewhere = folder.path().join("elsewhere");
    succeeded(&run(&elsewhere, "restore").output().unwrap());
    let (service, _) = Standalone::start(&elsewhere, None);
    assert_eq!(service.stop(), "", "the owner of the copy has a token");
}

#[test]
fn a_command_finds_the_database_in_its_environment_and_gives_its_exit_code() {
    let folder = TempDir::new().unwrap();
    let mut database = command(&folder.path().join("data"), free(), free());
    database
        .env("AWS_PROFILE", "somebody")
        .args(["database", "sh", "-c"])
        .arg("env >&2; exit 7");
    let output = database.output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let environment = String::from_utf8(output.stderr).unwrap();
    for variable in [
        "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:",
        "AWS_ACCESS_KEY_ID=",
        "AWS_SECRET_ACCESS_KEY=",
        "AWS_REGION=",
        "CONTACTS_TABLE=contacts",
    ] {
        assert!(
            environment.contains(variable),
            "{variable} in {environment}"
        );
    }
    assert!(!environment.contains("AWS_PROFILE"));
}

#[test]
fn a_command_is_stopped_with_the_database() {
    let folder = TempDir::new().unwrap();
    let mut database = command(&folder.path().join("data"), free(), free())
        .args(["database", "sh", "-c", "echo ready >&2; sleep 600 & wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(database.stderr.take().unwrap());
    let mut line = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let pid = database.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert!(database.wait().unwrap().success());
    // Everyone who could write to it is gone when it ends: the database, the shell and its child.
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
}
