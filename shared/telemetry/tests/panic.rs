//! The panic hook, seen from outside the process that panics.

use std::process::Command;

use contacts_telemetry::{Format, Traces, init_logs};
use serde_json::Value;

const CHILD: &str = "PANIC_TEST_CHILD";

/// The process that panics: this test, when the test below starts it.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    init_logs(Format::Json, &Traces::default()).unwrap();
    assert!(
        init_logs(Format::Json, &Traces::default()).is_err(),
        "logs are set up once"
    );
    let name = "Ada Lovelace";
    let panicked = std::panic::catch_unwind(|| panic!("cannot fold {name}"));
    assert!(panicked.is_err());
}

#[test]
fn a_panic_is_logged_by_its_place_and_never_by_its_message() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    assert!(output.status.success());
    let stdout = String::from_utf8(output.stdout).unwrap();
    let line = stdout.lines().find(|line| line.starts_with('{')).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "ERROR");
    let place = line["place"].as_str().unwrap();
    assert!(place.contains("panic.rs:"), "{place}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        !format!("{stdout}{stderr}").contains("Lovelace"),
        "{stdout}{stderr}"
    );
}
