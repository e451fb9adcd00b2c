//! Both exporters, given the same recordings.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

use std::collections::BTreeMap;

use contacts_telemetry::names::{self, Kind};
use contacts_telemetry::{
    self as telemetry, CacheOperation, CacheOutcome, EmfHandle, Outcome, PrometheusHandle,
    StepOutcome,
};
use metrics::with_local_recorder;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use serde_json::Value;

#[derive(Clone, Debug)]
enum Recording {
    Request(&'static str, &'static str, u16, f64),
    InFlight,
    AuthFailure(&'static str),
    Call(&'static str, Outcome, f64),
    Units(&'static str, f64, f64),
    Retry(&'static str),
    Throttle(&'static str),
    Conflict,
}

impl Recording {
    fn record(&self) {
        match *self {
            Self::Request(route, method, status, seconds) => {
                telemetry::http_request(route, method, status, seconds);
            }
            Self::InFlight => drop(telemetry::http_in_flight()),
            Self::AuthFailure(reason) => telemetry::auth_failure(reason),
            Self::Call(operation, outcome, seconds) => {
                telemetry::dynamodb_call(operation, outcome, seconds);
            }
            Self::Units(operation, read, write) => {
                telemetry::dynamodb_units(operation, read, write)
            }
            Self::Retry(operation) => telemetry::dynamodb_retry(operation),
            Self::Throttle(operation) => telemetry::dynamodb_throttle(operation),
            Self::Conflict => telemetry::dynamodb_conflict(),
        }
    }

    fn any() -> impl Strategy<Value = Self> {
        let one_of = |words: &'static [&'static str]| proptest::sample::select(words);
        let operation = || one_of(&["GetItem", "Query", "TransactWriteItems"]);
        // Sums of such numbers are exact in any order.
        let seconds = || (0_u32..20_000).prop_map(|n| f64::from(n) / 1024.0);
        let units = || (0_u32..100).prop_map(|n| f64::from(n) / 2.0);
        let outcome = proptest::sample::select(vec![
            Outcome::Ok,
            Outcome::Condition,
            Outcome::Conflict,
            Outcome::Throttled,
            Outcome::Error,
        ]);
        prop_oneof![
            (
                one_of(&["/health", "/v1/books/{book}", "unmatched"]),
                one_of(&["GET", "POST", "BREW", "TRACE"]),
                one_of_status(),
                seconds()
            )
                .prop_map(|(route, method, status, s)| Self::Request(route, method, status, s)),
            Just(Self::InFlight),
            one_of(&["expired", "unknown"]).prop_map(Self::AuthFailure),
            (operation(), outcome, seconds()).prop_map(|(o, out, s)| Self::Call(o, out, s)),
            (operation(), units(), units()).prop_map(|(o, r, w)| Self::Units(o, r, w)),
            operation().prop_map(Self::Retry),
            operation().prop_map(Self::Throttle),
            Just(Self::Conflict),
        ]
    }
}

fn one_of_status() -> impl Strategy<Value = u16> {
    proptest::sample::select(vec![200_u16, 201, 304, 404, 412, 503, 999])
}

/// Name and labels.
type Series = (String, BTreeMap<String, String>);
/// Of a counter or gauge the value; of a histogram the sum and how many.
type Figures = BTreeMap<Series, (f64, u64)>;

fn kind(name: &str) -> Option<Kind> {
    names::ALL
        .iter()
        .find(|metric| metric.name == name)
        .map(|metric| metric.kind)
}

fn from_prometheus(text: &str) -> Figures {
    let mut figures = Figures::new();
    let samples = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for sample in samples {
        let (series, value) = sample.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels: BTreeMap<_, _> = labels
            .trim_end_matches('}')
            .split_terminator("\",")
            .map(|pair| pair.split_once("=\"").unwrap())
            .map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()))
            .collect();
        let value: f64 = value.parse().unwrap();
        if kind(name).is_some() {
            figures.insert((name.to_owned(), labels), (value, 0));
        } else if let Some(name) = name.strip_suffix("_sum") {
            figures.entry((name.to_owned(), labels)).or_default().0 = value;
        } else if let Some(name) = name.strip_suffix("_count") {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count"
            )]
            let count = value as u64;
            figures.entry((name.to_owned(), labels)).or_default().1 = count;
        } else {
            assert!(name.ends_with("_bucket"), "{name} is not in the table");
        }
    }
    figures
}

fn from_emf(text: &str) -> Figures {
    let mut figures = Figures::new();
    for line in text.lines() {
        let Value::Object(mut line) = serde_json::from_str(line).unwrap() else {
            panic!("an object: {line}");
        };
        let aws = line.remove("_aws").unwrap();
        line.remove("service").unwrap();
        let names = aws["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let values: Vec<_> = names
            .iter()
            .map(|metric| metric["Name"].as_str().unwrap())
            .map(|name| (name.to_owned(), line.remove(name).unwrap()))
            .collect();
        let labels: BTreeMap<_, _> = line
            .into_iter()
            .map(|(key, value)| (key, value.as_str().unwrap().to_owned()))
            .collect();
        for (name, value) in values {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            let histogram = kind(&name).unwrap() == Kind::Histogram;
            let figure = figures.entry((name, labels.clone())).or_default();
            figure.0 += values
                .iter()
                .map(|value| value.as_f64().unwrap())
                .sum::<f64>();
            figure.1 += if histogram { values.len() as u64 } else { 0 };
        }
    }
    figures
}

/// What the exporters read themselves differs from moment to moment: of it only the names remain.
fn without_process_values(figures: Figures) -> Figures {
    figures
        .into_iter()
        .map(|(series, figure)| {
            let read = series.0.starts_with("process_");
            (series, if read { (0.0, 0) } else { figure })
        })
        .collect()
}

fn both(record: impl Fn()) -> (Figures, Figures) {
    let prometheus = PrometheusHandle::new();
    with_local_recorder(prometheus.recorder(), &record);
    let emf = EmfHandle::new("api");
    with_local_recorder(emf.recorder(), &record);
    let mut lines = Vec::new();
    emf.flush(&mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    (
        without_process_values(from_prometheus(&prometheus.render())),
        without_process_values(from_emf(&lines)),
    )
}

proptest! {
    #[test]
    fn both_exporters_agree_on_names_labels_and_figures(
        recordings in vec(Recording::any(), 0..300)
    ) {
        let (prometheus, emf) = both(|| recordings.iter().for_each(Recording::record));
        assert_eq!(prometheus, emf);
    }
}

#[test]
fn every_metric_of_the_table_is_exported_with_its_labels() {
    let (prometheus, emf) = both(|| {
        telemetry::build_info("0.1.0", "container");
        Recording::Request("/health", "GET", 200, 0.1).record();
        Recording::InFlight.record();
        Recording::AuthFailure("expired").record();
        Recording::Call("GetItem", Outcome::Ok, 0.1).record();
        Recording::Units("GetItem", 1.0, 1.0).record();
        Recording::Retry("GetItem").record();
        Recording::Throttle("GetItem").record();
        Recording::Conflict.record();
        telemetry::job_step("verify-book", StepOutcome::Done, 0.1);
        telemetry::job_ended("verify-book", "succeeded");
        telemetry::queue_message(true);
        telemetry::queue_failure("ReceiveMessage");
        telemetry::cache_operation(CacheOperation::Get, CacheOutcome::Hit);
        telemetry::cache_up(true);
        telemetry::rate_limited("token");
        telemetry::event_sent("sns", 0.1);
        telemetry::outbox_swept(0.0);
        telemetry::event_failed("sns", "yes");
        telemetry::history_write(true);
        telemetry::cold_start();
        telemetry::system_figures(&telemetry::Reading {
            cpu: Some(0.5),
            cores: Some(2.0),
            memory_used: Some(1.0),
            memory_limit: Some(2.0),
            disk_used: Some(3.0),
            disk_size: Some(4.0),
            network_received: Some(5.0),
            network_sent: Some(6.0),
            ..telemetry::Reading::default()
        });
    });
    assert_eq!(prometheus, emf);
    let exported: BTreeMap<_, Vec<_>> = emf
        .into_keys()
        .map(|(name, labels)| (name, labels.into_keys().collect()))
        .collect();
    let table: BTreeMap<_, Vec<_>> = names::ALL
        .iter()
        .map(|metric| {
            let mut labels: Vec<_> = metric.labels.iter().map(|&key| key.to_owned()).collect();
            labels.sort();
            (metric.name.to_owned(), labels)
        })
        .collect();
    assert_eq!(exported, table);
}

#[test]
fn prometheus_text_has_help_type_and_the_tables_buckets() {
    let prometheus = PrometheusHandle::new();
    with_local_recorder(prometheus.recorder(), || {
        telemetry::http_request("/v1/books/{book}", "BREW", 201, 0.03);
        telemetry::dynamodb_units("GetItem", 0.5, 0.0);
    });
    let text = prometheus.render();
    for expected in [
        "# HELP contacts_http_requests_total Requests answered, by route template.\n\
         # TYPE contacts_http_requests_total counter\n\
         contacts_http_requests_total{route=\"/v1/books/{book}\",method=\"other\",status=\"201\",status_class=\"2xx\"} 1\n",
        "# TYPE contacts_http_request_duration_seconds histogram\n",
        "contacts_http_request_duration_seconds_bucket{route=\"/v1/books/{book}\",method=\"other\",status_class=\"2xx\",le=\"0.025\"} 0\n",
        "contacts_http_request_duration_seconds_bucket{route=\"/v1/books/{book}\",method=\"other\",status_class=\"2xx\",le=\"0.05\"} 1\n",
        "contacts_http_request_duration_seconds_sum{route=\"/v1/books/{book}\",method=\"other\",status_class=\"2xx\"} 0.03\n",
        "contacts_dynamodb_consumed_units_sum{operation=\"GetItem\",kind=\"read\"} 0.5\n",
        "# HELP process_cpu_seconds_total User and system CPU time spent by the process.\n\
         # TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    assert!(
        !text.contains("kind=\"write\""),
        "a read consumes no write units"
    );
}
