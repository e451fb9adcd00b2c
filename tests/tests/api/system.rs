//! What answers, and the history of figures.

use contacts::Scope;
use contacts_jobs::Message;
use contacts_telemetry::Reading;
use contacts_tests::app::{Caller, TestApp};
use contacts_tests::client::Request;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::support::{ok, problem, somebody, text};

const HISTORY: &str = "/v1/system/history";

/// Midnight, two days ago: minutes are kept for seven.
fn begin() -> Timestamp {
    let day = 24 * 3600;
    let today = Timestamp::now().as_second() / day * day;
    Timestamp::from_second(today - 2 * day).unwrap()
}

/// Records so many minutes of a task from `from` on: each has one reading, with a share of the CPU that rises from 0
/// by a thousandth a minute.
async fn record(app: &TestApp, task: &str, from: Timestamp, minutes: i64) {
    let mut recorder = app.history().recorder("container", task).unwrap();
    for minute in 0..minutes {
        let reading = Reading {
            cpu: Some(minute as f64 / 1000.0),
            memory_used: Some(1e8),
            network_sent: Some(10.0 * minute as f64),
            ..Reading::default()
        };
        recorder.see(from + minute.minutes(), &reading);
        // No more than an hour can wait.
        if minute % 50 == 0 {
            recorder.write().await.unwrap();
        }
    }
    recorder.close();
    recorder.write().await.unwrap();
}

async fn read(me: &Caller, from: Timestamp, hours: i64, step: &str) -> Value {
    let to = from + hours.hours();
    let path = format!("{HISTORY}?from={from}&to={to}&step={step}");
    ok(&me.get(&path).await)
}

#[tokio::test]
async fn the_process_that_answers_tells_its_figures() {
    let me = somebody().await;
    let body = ok(&me.get("/v1/system").await);
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    let started: Timestamp = text(&body["started"]).parse().unwrap();
    assert!(started <= Timestamp::now());
    assert!(body["process"]["memory_bytes"].as_u64().unwrap() > 0);
    assert!(body["process"]["threads"].as_u64().unwrap() > 0);
    // A process alone sees no machine.
    assert!(body["disk"]["size_bytes"].is_null());
}

#[tokio::test]
async fn both_want_a_token_that_may_read() {
    let me = somebody().await;
    let keeper = me.app.caller_who("somebody", &[Scope::Tokens], None);
    let keeper = keeper.await.unwrap();
    for path in ["/v1/system", HISTORY] {
        let nobody = me.app.send(Request::new("GET", path)).await;
        problem(&nobody, 401, "unauthorized");
        problem(&keeper.get(path).await, 403, "forbidden");
        problem(
            &me.get(&format!("{path}?page=2")).await,
            400,
            "invalid-parameter",
        );
    }
}

#[tokio::test]
async fn minutes_are_answered_by_minutes_hours_and_days_before_and_after_they_were_merged() {
    let me = somebody().await;
    let from = begin();
    record(&me.app, "one", from, 90).await;
    record(&me.app, "two", from + 30.minutes(), 31).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let minutes = read(&me, from, 24, "1m").await;
        let (one, two) = (&minutes["tasks"][0], &minutes["tasks"][1]);
        assert_eq!((text(&one["task"]), text(&two["task"])), ("one", "two"));
        assert_eq!(one["target"], "container");
        assert_eq!(one["times"].as_array().unwrap().len(), 90);
        assert_eq!(two["times"].as_array().unwrap().len(), 31);
        assert_eq!(text(&one["times"][0]), format!("{from:.3}"));
        assert_eq!(one["figures"]["cpu_avg"][89], json!(0.089));
        // A difference needs two readings.
        assert!(one["figures"]["network_sent_bytes"][0].is_null());
        assert_eq!(one["figures"]["network_sent_bytes"][1], 10);
        assert!(one["figures"].get("calls").is_none());

        let hours = read(&me, from, 24, "1h").await;
        let one = &hours["tasks"][0];
        assert_eq!(one["times"].as_array().unwrap().len(), 2);
        assert_eq!(one["samples"], json!([60, 30]));
        assert_eq!(one["figures"]["cpu_avg"], json!([0.0295, 0.0745]));
        assert_eq!(one["figures"]["cpu_max"], json!([0.059, 0.089]));
        assert_eq!(one["figures"]["network_sent_bytes"], json!([590, 300]));

        let days = read(&me, from, 24, "1d").await;
        assert_eq!(days["tasks"][0]["samples"], json!([90]));
        assert_eq!(days["tasks"][0]["figures"]["cpu_max"], json!([0.089]));
        answers.push([minutes, hours, days]);
        // The schedule comes.
        me.app
            .tell(&Message::Schedule("compact-history".to_owned()))
            .await
            .unwrap();
        me.app.work().await.unwrap();
    }
    assert_eq!(answers[0], answers[1]);
    let folders = |name: &str| me.app.objects().join("system").join(name).exists();
    let left = std::fs::read_dir(me.app.objects().join("system/minutes")).unwrap();
    assert_eq!(left.count(), 0, "what was merged is removed");
    assert!(folders("hours") && folders("days"));
}

#[tokio::test]
async fn stretches_begin_at_multiples_of_the_step_and_others_are_left_out() {
    let me = somebody().await;
    let from = begin();
    record(&me.app, "one", from, 200).await;
    let path = format!(
        "{HISTORY}?from={}&to={}&step=1h",
        from + 70.minutes(),
        from + 130.minutes()
    );
    let answer = ok(&me.get(&path).await);
    assert_eq!(text(&answer["from"]), format!("{:.3}", from + 1.hour()));
    let times = answer["tasks"][0]["times"].as_array().unwrap().clone();
    let times: Vec<_> = times.iter().map(text).map(str::to_owned).collect();
    let expected = [1, 2].map(|hour: i64| format!("{:.3}", from + hour.hours()));
    assert_eq!(times, expected);
}

#[tokio::test]
async fn a_wrong_question_is_refused_with_what_would_be_right() {
    let me = somebody().await;
    for (query, name) in [
        ("step=5m", "step"),
        ("step=PT1H", "step"),
        ("from=yesterday", "from"),
        ("from=2026-11-22T04:00:00%2B01:00", "from"),
        ("to=2026-02-30T00:00:00Z", "to"),
        ("from=2999-01-01T00:00:00Z", "from"),
        (
            "step=1m&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z",
            "step",
        ),
        ("step=1d&from=2000-01-01T00:00:00Z", "from"),
        ("step=1h&step=1h", "step"),
    ] {
        let refused = me.get(&format!("{HISTORY}?{query}")).await;
        let refused = problem(&refused, 400, "invalid-parameter");
        assert_eq!(refused["parameter"], name, "{query}");
    }
}

#[tokio::test]
async fn an_answer_that_no_function_could_give_is_refused() {
    let me = somebody().await;
    let from = begin();
    for task in 0..14 {
        record(&me.app, &format!("task-{task}"), from, 1_440).await;
    }
    let path = |hours: i64| format!("{HISTORY}?from={from}&to={}&step=1m", from + hours.hours());
    let refused = problem(&me.get(&path(24)).await, 400, "invalid-parameter");
    assert!(
        text(&refused["detail"]).contains("a longer `step`"),
        "{refused}"
    );
    let hour = ok(&me.get(&path(1)).await);
    assert_eq!(hour["tasks"].as_array().unwrap().len(), 14);
}

#[tokio::test]
async fn a_store_that_fails_and_a_file_that_is_damaged_are_told_without_names() {
    let me = somebody().await;
    let hour = begin().strftime("%Y-%m-%dT%H").to_string();
    let folder = me.app.objects().join("system/minutes").join(hour);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("one-1.parquet");
    let path = format!("{HISTORY}?from={}&step=1h", begin());
    // What looks like a file and cannot be read.
    std::os::unix::fs::symlink("/", &file).unwrap();
    let away = me.get(&path).await;
    let away = (
        problem(&away, 503, "unavailable"),
        away.first("retry-after").is_some(),
    );
    assert!(
        away.1 && !away.0.to_string().contains("parquet"),
        "{away:?}"
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, b"PAR1").unwrap();
    let damaged = problem(&me.get(&path).await, 500, "internal");
    assert!(!damaged.to_string().contains("parquet"), "{damaged}");
}
