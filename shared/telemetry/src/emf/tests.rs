//! Tests of what is recorded and what is written.

use std::collections::BTreeMap;

use metrics::{counter, gauge, with_local_recorder};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

use super::*;
use crate::{InFlight, dynamodb_conflict, http_in_flight, http_request, job_ended};

/// The lines of a flush `seconds` after `start`.
fn flush(emf: &EmfHandle, start: Instant, seconds: u64) -> Vec<Value> {
    let mut out = Vec::new();
    let at = Duration::from_secs(seconds);
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_574_109_732_004) + at;
    emf.flush_at(time, start + at, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// An exporter that has written its gauges just now.
fn emf_without_gauges_due(start: Instant) -> EmfHandle {
    let emf = EmfHandle::new("api");
    flush(&emf, start, 0);
    emf
}

#[test]
fn a_request_is_two_lines_with_two_dimensions() {
    let start = Instant::now();
    let emf = emf_without_gauges_due(start);
    with_local_recorder(emf.recorder(), || {
        http_request("/v1/books/{book}", "GET", 404, 0.25);
    });
    let aws = |name: &str, unit: &str| {
        json!({
            "Timestamp": 1_574_109_733_004_u64,
            "CloudWatchMetrics": [{
                "Namespace": "ContactManager",
                "Dimensions": [["service"], ["service", "status_class"]],
                "Metrics": [{"Name": name, "Unit": unit}]
            }]
        })
    };
    let expected = [
        json!({
            "_aws": aws("contacts_http_requests_total", "Count"),
            "service": "api", "route": "/v1/books/{book}", "method": "GET",
            "status": "404", "status_class": "4xx",
            "contacts_http_requests_total": 1
        }),
        json!({
            "_aws": aws("contacts_http_request_duration_seconds", "Seconds"),
            "service": "api", "route": "/v1/books/{book}", "method": "GET",
            "status_class": "4xx",
            "contacts_http_request_duration_seconds": 0.25
        }),
    ];
    assert_eq!(flush(&emf, start, 1), expected);
}

#[test]
fn a_label_is_a_dimension_only_of_a_metric_that_names_it() {
    let start = Instant::now();
    let emf = emf_without_gauges_due(start);
    with_local_recorder(emf.recorder(), || {
        job_ended("verify-book", "failed");
        dynamodb_conflict();
        // The same labels, of a metric that has no dimension of its own.
        counter!("contacts_dynamodb_retries_total", "kind" => "verify-book", "state" => "failed")
            .increment(1);
    });
    let lines = flush(&emf, start, 1);
    let dimensions = |name: &str| {
        let line = lines.iter().find(|line| line.get(name).is_some());
        line.map(|line| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone())
    };
    let both = json!([["service"], ["service", "state"]]);
    assert_eq!(dimensions("contacts_jobs_ended_total"), Some(both));
    for name in [
        "contacts_dynamodb_conflicts_total",
        "contacts_dynamodb_retries_total",
    ] {
        assert_eq!(dimensions(name), Some(json!([["service"]])), "{name}");
    }
}

#[test]
fn a_counter_is_written_as_what_was_added() {
    let start = Instant::now();
    let emf = emf_without_gauges_due(start);
    let conflicts = |lines: &[Value]| lines[0]["contacts_dynamodb_conflicts_total"].as_u64();
    for added in [3, 1] {
        with_local_recorder(emf.recorder(), || {
            for _ in 0..added {
                dynamodb_conflict();
            }
        });
        assert_eq!(conflicts(&flush(&emf, start, 1)), Some(added));
    }
    assert_eq!(flush(&emf, start, 2), Vec::<Value>::new());
}

#[test]
fn gauges_and_process_figures_are_written_once_a_minute() {
    let start = Instant::now();
    let emf = EmfHandle::new("api");
    let two: [InFlight; 2] =
        with_local_recorder(emf.recorder(), || [http_in_flight(), http_in_flight()]);
    let first = flush(&emf, start, 0);
    assert_eq!(first.len(), 1, "all without labels on one line: {first:?}");
    assert_eq!(
        first[0]["contacts_http_requests_in_flight"].as_f64(),
        Some(2.0)
    );
    assert!(first[0]["process_resident_memory_bytes"].is_number());
    drop(two);
    assert_eq!(flush(&emf, start, 59), Vec::<Value>::new());
    let second = flush(&emf, start, 60);
    assert_eq!(
        second[0]["contacts_http_requests_in_flight"].as_f64(),
        Some(0.0)
    );
    let cpu = |lines: &[Value]| lines[0]["process_cpu_seconds_total"].as_f64().unwrap();
    let total = Figures::now().cpu_seconds.unwrap();
    assert!(
        cpu(&first) + cpu(&second) <= total + 1e-9,
        "the second is a difference"
    );
}

#[test]
fn what_is_not_in_the_table_is_not_written() {
    let start = Instant::now();
    let emf = emf_without_gauges_due(start);
    with_local_recorder(emf.recorder(), || {
        counter!("a_library_of_its_own_mind", "user" => "u1").increment(1);
        gauge!("contacts_dynamodb_conflicts_total").set(1.0);
        http_request("/health", "GET", 200, f64::NAN);
    });
    let lines = flush(&emf, start, 1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["contacts_http_requests_total"], 1);
}

#[test]
fn a_failing_output_is_reported() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let emf = EmfHandle::new("api");
    with_local_recorder(emf.recorder(), dynamodb_conflict);
    assert_eq!(
        emf.flush(&mut Full).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
}

/// Checks one line against the specification's limits.
fn check_limits(line: &Value) {
    assert!(line.to_string().len() < 256 * 1024);
    assert!(line["_aws"]["Timestamp"].is_u64());
    let [directive] = line["_aws"]["CloudWatchMetrics"]
        .as_array()
        .unwrap()
        .as_slice()
    else {
        panic!("one directive: {line}");
    };
    for set in directive["Dimensions"].as_array().unwrap() {
        let keys = set.as_array().unwrap();
        assert!(keys.len() <= 30);
        for key in keys {
            let value = line[key.as_str().unwrap()].as_str().unwrap();
            assert!((1..=1024).contains(&value.len()));
        }
    }
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()));
    for metric in metrics {
        assert!(matches!(
            metric["Unit"].as_str(),
            Some("Seconds" | "Bytes" | "Count")
        ));
        match &line[metric["Name"].as_str().unwrap()] {
            Value::Number(_) => (),
            Value::Array(values) => {
                assert!((2..=100).contains(&values.len()));
                assert!(values.iter().all(Value::is_number));
            }
            other => panic!("a metric is a number or an array of numbers: {other}"),
        }
    }
}

proptest! {
    #[test]
    fn lines_keep_the_limits_and_lose_no_observation(
        requests in vec((".{0,40}", "[A-Z]{0,6}", any::<u16>(), 0_u32..100_000), 0..400),
        long in 0_usize..3000,
        repeats in 0_u32..350,
    ) {
        let start = Instant::now();
        let emf = EmfHandle::new("api");
        let long = "ü".repeat(long);
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        with_local_recorder(emf.recorder(), || {
            for (route, method, status, millis) in &requests {
                http_request(route, method, *status, f64::from(*millis));
                *expected.entry(*millis).or_default() += 1;
            }
            for millis in 0..repeats {
                http_request(&long, "GET", 200, f64::from(millis));
                *expected.entry(millis).or_default() += 1;
            }
        });
        let mut counted = 0;
        let mut observed: BTreeMap<u32, u64> = BTreeMap::new();
        for line in flush(&emf, start, 0) {
            check_limits(&line);
            counted += line["contacts_http_requests_total"].as_u64().unwrap_or(0);
            let durations = &line["contacts_http_request_duration_seconds"];
            let durations = durations.as_array().cloned().unwrap_or_else(|| vec![durations.clone()]);
            for seconds in durations.iter().filter_map(Value::as_f64) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made from a u32 above")]
                let seconds = seconds as u32;
                *observed.entry(seconds).or_default() += 1;
            }
        }
        assert_eq!(counted, requests.len() as u64 + u64::from(repeats));
        assert_eq!(observed, expected);
    }
}
