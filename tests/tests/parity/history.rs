//! The history: what either target answers of the same files.

use contacts_history::{History, Objects};
use contacts_telemetry::Reading;
use contacts_tests::twins::Twins;
use jiff::{Timestamp, ToSpan as _};

use crate::support::{get, has_status};

#[tokio::test]
async fn the_history_has_the_same_bytes_and_the_same_problems() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    let twins = Twins::with(&[("CONTACTS_OBJECTS_URL", &url)], 1)
        .await
        .unwrap();
    let history = History::new(Objects::folder(dir.path()), 400);
    let begin: Timestamp = "2026-01-02T01:00:00Z".parse().unwrap();
    for task in ["a", "b"] {
        let mut recorder = history.recorder("container", task).unwrap();
        for minute in 0..150 {
            let reading = Reading {
                cpu: Some(f64::from(minute) / 300.0),
                memory_used: Some(1e8 + f64::from(minute)),
                ..Reading::default()
            };
            if recorder.see(begin + minute.minutes(), &reading) {
                recorder.write().await.unwrap();
            }
        }
    }
    let path = "/v1/system/history?from=2026-01-02T00:00:00Z&to=2026-01-02T04:00:00Z&step=";
    for _ in 0..2 {
        for step in ["1m", "1h", "1d"] {
            let answer = twins.same(get(&format!("{path}{step}"))).await;
            has_status(&answer, 200);
            let body = answer.json().unwrap();
            let tasks = body["tasks"].as_array().unwrap();
            assert_eq!(tasks.len(), 2, "{body}");
            let points = if step == "1m" {
                149
            } else if step == "1h" {
                3
            } else {
                1
            };
            assert_eq!(tasks[0]["times"].as_array().unwrap().len(), points);
        }
        // The second time from the files that the worker makes of them.
        history.compact(begin + 10.hours()).await.unwrap();
    }
    for query in [
        "step=5m",
        "from=now",
        "step=1m&from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
    ] {
        has_status(
            &twins
                .same(get(&format!("/v1/system/history?{query}")))
                .await,
            400,
        );
    }
}
