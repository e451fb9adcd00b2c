//! The container's binary as an operator meets it: how it starts, is asked, and stops.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A container that is killed when the test ends, however it ends.
struct Container {
    child: Child,
    api: SocketAddr,
    metrics: SocketAddr,
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// The binary in an environment of its own, with a database that nobody serves.
fn command(api: SocketAddr, metrics: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-container"));
    command
        .env_clear()
        .env("AWS_REGION", "eu-central-1")
        .env("CONTACTS_TABLE", "contacts")
        .env("CONTACTS_LISTEN", api.to_string())
        .env("CONTACTS_METRICS_LISTEN", metrics.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn start() -> Container {
    let (api, metrics) = (free(), free());
    let child = command(api, metrics).spawn().expect("the binary starts");
    let mut container = Container {
        child,
        api,
        metrics,
    };
    let started = Instant::now();
    while TcpStream::connect(api).is_err() || TcpStream::connect(metrics).is_err() {
        assert!(
            container
                .child
                .try_wait()
                .expect("it can be asked")
                .is_none(),
            "it ended"
        );
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it does not listen"
        );
        std::thread::yield_now();
    }
    container
}

fn healthcheck(api: SocketAddr) -> ExitStatus {
    let mut command = command(api, api);
    command
        .arg("healthcheck")
        .status()
        .expect("the binary runs")
}

/// The exit code and the only line on standard error.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("the binary runs");
    let text = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

#[test]
fn health_is_on_one_listener_and_metrics_are_on_the_other() {
    let container = start();
    assert!(get(container.api, "/health").starts_with("HTTP/1.1 200 "));
    assert!(get(container.metrics, "/metrics").starts_with("HTTP/1.1 200 "));
    for (address, path) in [
        (container.api, "/metrics"),
        (container.metrics, "/health"),
        (container.metrics, "/"),
    ] {
        assert!(get(address, path).starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[test]
fn the_health_check_is_0_while_it_answers_and_1_when_it_does_not() {
    let container = start();
    assert_eq!(healthcheck(container.api).code(), Some(0));
    assert_eq!(healthcheck(container.metrics).code(), Some(1));
    let api = container.api;
    drop(container);
    assert_eq!(healthcheck(api).code(), Some(1));
}

#[test]
fn it_ends_with_0_when_it_is_asked_to_stop() {
    for signal in ["TERM", "INT"] {
        let mut container = start();
        let kill = Command::new("kill")
            .args(["-s", signal, &container.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(container.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_2() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let (code, line) = refused(command(taken.1, free()));
    assert_eq!(code, Some(2));
    assert!(line.contains("CONTACTS_LISTEN"), "{line}");
    let (code, line) = refused(command(free(), taken.1));
    assert_eq!(code, Some(2));
    assert!(line.contains("CONTACTS_METRICS_LISTEN"), "{line}");
}

#[test]
fn a_wrong_setting_and_an_unknown_command_are_one_line_and_2() {
    let mut wrong = command(free(), free());
    wrong.env("CONTACTS_LISTEN", "everywhere");
    let (code, line) = refused(wrong);
    assert_eq!(code, Some(2));
    assert!(line.contains("CONTACTS_LISTEN"), "{line}");

    let mut unknown = command(free(), free());
    unknown.arg("serve");
    let (code, line) = refused(unknown);
    assert_eq!(code, Some(2));
    assert!(line.contains("serve"), "{line}");
}
