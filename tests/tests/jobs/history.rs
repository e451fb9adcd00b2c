//! The history in S3: containers write it, the worker merges it, and takes the minutes of functions from
//! `CloudWatch`.

use std::time::Duration;

use aws_config::SdkConfig;
use contacts_history::{Figure, History, Objects, Point, Step};
use contacts_jobs::Message;
use contacts_settings::{Door, Settings, Strings};
use contacts_store::JobState;
use contacts_telemetry::Reading;
use contacts_tests::faults::{Fault, Rule};
use contacts_tests::moto::{self, Moto};
use contacts_tests::worker::Site;
use jiff::{Timestamp, ToSpan as _};
use tokio::time::interval;
use uuid::Uuid;

/// A bucket of its own, as the setting has it.
async fn bucket(moto: &Moto) -> String {
    let name = format!("b{}", Uuid::new_v4().simple());
    moto.bucket(&name).await.unwrap();
    format!("s3://{name}")
}

fn history(url: &str, sdk: &SdkConfig) -> History {
    let settings = [
        ("CONTACTS_TABLE", "contacts"),
        ("CONTACTS_OBJECTS_URL", url),
    ];
    let strings: Strings = settings.into_iter().collect();
    History::open(&Settings::read(Door::Container, &strings).unwrap(), sdk)
}

/// The last hour that is over, for good.
fn hour() -> Timestamp {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now / 3600 * 3600 - 2 * 3600).unwrap()
}

fn reading() -> Reading {
    Reading {
        cpu: Some(0.25),
        ..Reading::default()
    }
}

async fn record(history: &History, task: &str, minutes: i64) {
    let mut recorder = history.recorder("container", task).unwrap();
    for minute in 0..minutes {
        recorder.see(hour() + minute.minutes(), &reading());
    }
    recorder.close();
    // A store that throttles and resets is asked again, and what it did not take waits.
    let mut tries = interval(Duration::from_millis(20));
    while recorder.write().await.is_err() {
        tries.tick().await;
    }
}

async fn all(history: &History, step: Step) -> Vec<Point> {
    let from = hour() - 24.hours();
    history.read(from, Timestamp::now(), step).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_s3_lose_and_double_nothing() {
    let moto = moto::shared().await;
    let (faults, through) = moto.behind_faults(7).await.unwrap();
    let url = format!("{}/some/prefix", bucket(&moto).await);
    let (plain, faulty) = (
        history(&url, &moto.config()),
        history(&url, &through.config()),
    );
    for fault in [
        Fault::Throttle,
        Fault::InternalServerError,
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        faults.inject(Rule::new(fault).with_probability(0.1));
    }
    for task in ["a", "b", "c"] {
        record(&faulty, task, 50).await;
    }
    let before = [
        all(&plain, Step::Minute).await,
        all(&plain, Step::Hour).await,
    ];
    assert_eq!((before[0].len(), before[1].len()), (150, 3));
    // Every other call is cut off for good somewhere.
    for cut in 0..12 {
        let gone = Rule::new(Fault::ResetBefore).when({
            let seen = std::sync::atomic::AtomicU32::new(0);
            move |_| seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= cut
        });
        faults.clear();
        faults.inject(gone);
        let merged = faulty.compact(Timestamp::now()).await;
        faults.clear();
        let after = [
            all(&plain, Step::Minute).await,
            all(&plain, Step::Hour).await,
        ];
        assert_eq!(before, after, "cut off after {cut} requests");
        if merged.is_ok() {
            assert!(cut > 8, "{cut}");
            break;
        }
    }
    faulty.compact(Timestamp::now()).await.unwrap();
    assert_eq!(all(&plain, Step::Hour).await, before[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_files_has_pages() {
    let moto = moto::shared().await;
    let history = history(&bucket(&moto).await, &moto.config());
    // More than one answer of S3 names.
    for task in 0..1_010 {
        let mut recorder = history.recorder("container", &format!("t{task}")).unwrap();
        recorder.see(hour(), &reading());
        recorder.close();
        recorder.write().await.unwrap();
    }
    assert_eq!(all(&history, Step::Minute).await.len(), 1_010);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_stops_writes_its_last_minute_and_the_schedule_merges() {
    let moto = moto::shared().await;
    let url = bucket(&moto).await;
    let history = history(&url, &moto.config());
    record(&history, "other", 60).await;
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let site = site.with(&[("CONTACTS_OBJECTS_URL", &url)]);
    let mut worker = site.container().await.unwrap();
    worker
        .until(|metrics| metrics.contains("system_cpu_utilization_ratio "))
        .await
        .unwrap();
    let schedule = Message::Schedule("compact-history".to_owned());
    site.tell(&schedule).await.unwrap();
    worker
        .until(|metrics| {
            metrics.contains(
                "contacts_jobs_ended_total{kind=\"compact-history\",state=\"succeeded\"} 1",
            )
        })
        .await
        .unwrap();
    worker
        .process
        .terminate(Duration::from_secs(30))
        .await
        .unwrap();
    let points = all(&history, Step::Minute).await;
    let of_worker: Vec<_> = points
        .iter()
        .filter(|point| point.target == "worker-container")
        .collect();
    assert!(!of_worker.is_empty(), "{points:?}");
    assert!(of_worker[0].get(Figure::MemoryMax).unwrap() > 0.0);
    assert_eq!(points.len() - of_worker.len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_minutes_of_functions_come_from_cloudwatch() {
    let moto = moto::shared().await;
    let url = bucket(&moto).await;
    let history = history(&url, &moto.config());
    let name = format!("f{}", Uuid::new_v4().simple());
    let (api, worker) = (format!("{name}-api"), format!("{name}-worker"));
    let minute = hour().as_second() + 600;
    for (namespace, dimension, metric, time, value) in [
        ("AWS/Lambda", "FunctionName", "Invocations", minute, 3.0),
        ("AWS/Lambda", "FunctionName", "Duration", minute, 20.0),
        ("AWS/Lambda", "FunctionName", "Duration", minute + 1, 40.0),
        (
            "AWS/Lambda",
            "FunctionName",
            "Invocations",
            minute + 60,
            1.0,
        ),
        (
            "ContactManager",
            "service",
            "contacts_cold_starts_total",
            minute,
            1.0,
        ),
        (
            "ContactManager",
            "service",
            "process_resident_memory_bytes",
            minute,
            5e7,
        ),
    ] {
        moto.measure(namespace, metric, (dimension, &api), time, value)
            .await
            .unwrap();
    }
    let own = ("FunctionName", &*worker);
    moto.measure("AWS/Lambda", "Invocations", own, minute, 2.0)
        .await
        .unwrap();
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let functions = format!("{api},{worker}");
    let site = site.with(&[
        ("CONTACTS_OBJECTS_URL", &*url),
        ("CONTACTS_FUNCTIONS", &functions),
    ]);
    let sandboxes = site.sandboxes(Duration::from_secs(60), 1).await.unwrap();
    let _mapping = site.map(&sandboxes).unwrap();
    let schedule = Message::Schedule("compact-history".to_owned());
    // What was fetched once is fetched again, and merged with itself.
    for _ in 0..2 {
        site.tell(&schedule).await.unwrap();
        let queue = site.queue.as_ref().unwrap();
        queue.until(|counts| counts.total() == 0).await.unwrap();
    }
    let id = contacts::JobId::derived(&["schedule", "compact-history"]);
    assert_eq!(site.look(id).await.unwrap().state, JobState::Succeeded);
    let points = all(&history, Step::Minute).await;
    assert_eq!(points.len(), 3, "{points:?}");
    let first = &points[0];
    assert_eq!((&*first.task, &*first.target), (&*api, "lambda"));
    assert_eq!((first.time, first.samples), (minute * 1000, 3));
    for (figure, value) in [
        (Figure::Calls, 3.0),
        (Figure::CallAvg, 0.03),
        (Figure::CallMax, 0.04),
        (Figure::ColdStarts, 1.0),
        (Figure::MemoryMax, 5e7),
    ] {
        assert_eq!(first.get(figure), Some(value), "{}", figure.name());
    }
    assert_eq!(points[1].time, (minute + 60) * 1000);
    assert_eq!(
        (&*points[2].task, &*points[2].target),
        (&*worker, "worker-lambda")
    );
    let hours = all(&history, Step::Hour).await;
    assert_eq!(hours[0].get(Figure::Calls), Some(4.0));
}

/// A question that somebody may ask of the files, without this service.
const QUESTION: &str = r#"
import duckdb, sys
rows = duckdb.sql(f"""
    select task, target, count(*), sum(samples), max(cpu_max), sum(network_sent_bytes), count(calls),
        min(time)::varchar
    from read_parquet('{sys.argv[1]}/system/{sys.argv[2]}/*/*.parquet')
    group by all order by task
""").fetchall()
print(rows)
"#;

#[tokio::test]
async fn other_programs_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::new(Objects::folder(dir.path()), 400);
    record(&history, "a", 50).await;
    record(&history, "b", 20).await;
    let ask = |folder: &str| {
        let python = contacts_tests::tools::program(&["duckdb-python"]).unwrap();
        let mut python = std::process::Command::new(python);
        let answer = python.args(["-c", QUESTION]).arg(dir.path()).arg(folder);
        let answer = answer.output().unwrap();
        let why = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "{why}");
        String::from_utf8(answer.stdout).unwrap()
    };
    let begin = hour().strftime("%Y-%m-%d %H:%M:%S");
    let of = |task: &str, points: u32, samples: u32| {
        format!("('{task}', 'container', {points}, {samples}, 0.25, None, 0, '{begin}')")
    };
    let minutes = format!("[{}, {}]\n", of("a", 50, 50), of("b", 20, 20));
    assert_eq!(ask("minutes"), minutes);
    history.compact(Timestamp::now()).await.unwrap();
    assert_eq!(ask("hours"), minutes);
    let hours = format!("[{}, {}]\n", of("a", 1, 50), of("b", 1, 20));
    assert_eq!(ask("days"), hours);
}
