//! Tests of log lines.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, info_span, trace, warn};

use super::*;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `events` logs under the filter.
fn logged(format: Format, filter: &str, events: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
    with_default(subscriber, events);
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json_lines(filter: &str, events: impl FnOnce()) -> Vec<Value> {
    let text = logged(Format::Json, filter, events);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_line_is_flat_and_carries_the_fields_of_the_spans_around_it() {
    let lines = json_lines("", || {
        let request = info_span!(
            "request",
            request_id = "r-1",
            trace_id = "t-1",
            route = Empty
        );
        let _request = request.enter();
        request.record("route", "/v1/books/{book}");
        let _call = info_span!("call", operation = "GetItem", attempt = 1).entered();
        info!(
            status = 200,
            duration = 0.5,
            cached = false,
            attempt = 2,
            "answered"
        );
    });
    let [Value::Object(line)] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(
        timestamp.ends_with('Z') && timestamp.contains('T'),
        "{timestamp}"
    );
    let mut rest = line.clone();
    rest.remove("timestamp");
    assert_eq!(
        Value::Object(rest),
        json!({
            "level": "INFO", "target": "contacts_telemetry::logs::tests", "message": "answered",
            "request_id": "r-1", "trace_id": "t-1", "route": "/v1/books/{book}",
            "operation": "GetItem", "attempt": 2, "status": 200, "duration": 0.5, "cached": false
        })
    );
}

#[test]
fn a_field_cannot_forge_the_level_or_start_a_line() {
    let lines = json_lines("", || {
        info!(
            level = "ERROR",
            timestamp = "1970",
            target = "x",
            name = "a\n{\"b\":1}\u{1b}[0m",
            "m"
        );
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["target"], "contacts_telemetry::logs::tests");
    assert_ne!(lines[0]["timestamp"], "1970");
    assert_eq!(lines[0]["name"], "a\n{\"b\":1}\u{1b}[0m");
}

#[test]
fn the_filter_decides_and_its_default_is_info() {
    let events = || {
        debug!("fine");
        info!("coarse");
    };
    let messages = |filter| -> Vec<Value> {
        let lines = json_lines(filter, events);
        lines
            .into_iter()
            .map(|line| line["message"].clone())
            .collect()
    };
    assert_eq!(messages(""), ["coarse"]);
    assert_eq!(messages("debug"), ["fine", "coarse"]);
    assert_eq!(
        messages("info,contacts_telemetry=debug"),
        ["fine", "coarse"]
    );
    assert_eq!(messages("warn"), Vec::<Value>::new());
}

#[test]
fn libraries_that_see_bodies_log_warnings_at_most_whatever_the_filter_says() {
    macro_rules! from {
        ($($target:literal),*) => {$(
            trace!(target: $target, body = "secret", "sent");
            debug!(target: $target, body = "secret", "sent");
            let _span = info_span!(target: $target, "invoke", event = "secret").entered();
            info!(target: $target, body = "secret", "sent");
            warn!(target: $target, "slow");
            error!(target: $target, "failed");
        )*};
    }
    for filter in [
        "trace",
        "aws_smithy_runtime::client=trace,hyper=debug,lambda_runtime=info",
    ] {
        let text = logged(Format::Json, filter, || {
            from!(
                "aws_smithy_runtime::client",
                "aws_config::imds",
                "hyper::proto",
                "hyper_util::client"
            );
            from!(
                "rustls::client",
                "h2::codec",
                "lambda_runtime",
                "lambda_http",
                "dynoxide::server"
            );
        });
        assert!(!text.contains("secret"), "{text}");
        if filter == "trace" {
            assert_eq!(text.matches("slow").count(), 9);
            assert_eq!(text.matches("failed").count(), 9);
        }
    }
}

#[test]
fn text_is_for_people() {
    let text = logged(Format::Text, "", || {
        let _request = info_span!("request", request_id = "r-1").entered();
        info!(status = 200, "answered");
    });
    assert!(
        text.contains("INFO") && text.contains("answered") && text.contains("status=200"),
        "{text}"
    );
    assert!(text.contains("r-1"), "{text}");
}

#[test]
fn a_wrong_filter_is_an_error_that_names_the_variable() {
    let error = subscriber(Format::Json, "contacts=loud", io::sink)
        .err()
        .unwrap();
    let message = LogsError::from(error).to_string();
    assert!(
        message.starts_with("RUST_LOG should be a level"),
        "{message}"
    );
}
