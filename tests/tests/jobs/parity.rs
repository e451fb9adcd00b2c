//! The same messages leave the same behind, whoever works on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts_jobs::Message;
use contacts_tests::worker::{Item, Site};
use serde_json::Value;

/// Metrics of jobs and messages, by name and labels.
type Counts = BTreeMap<String, u64>;

const COUNTED: [&str; 3] = [
    "contacts_job_steps_total",
    "contacts_jobs_ended_total",
    "contacts_queue_messages_total",
];

/// Two jobs that succeed, one that fails, and a message that nobody knows.
async fn messages(site: &Site) -> Vec<contacts::JobId> {
    let (gone, kept) = (site.book(120).await.unwrap(), site.book(30).await.unwrap());
    let delete = site.delete(gone).await.unwrap().id;
    let verify = site.job("verify-book", Some(kept)).await.unwrap().id;
    let lost = site
        .job("verify-book", Some(contacts::BookId::random()))
        .await
        .unwrap()
        .id;
    let jobs = vec![delete, verify, lost];
    for job in &jobs {
        site.tell(&Message::job(*job)).await.unwrap();
    }
    jobs
}

async fn finish(site: &Site, jobs: &[contacts::JobId]) {
    for job in jobs {
        site.until(*job, |job| !job.state.is_open()).await.unwrap();
    }
    site.queue
        .as_ref()
        .unwrap()
        .until(|counts| counts.total() == 0)
        .await
        .unwrap();
}

/// The table with every identifier, time and number of random length made the same.
async fn table(site: &Site) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for item in site.items().await.unwrap() {
        *rows.entry(normal(&item)).or_default() += 1;
    }
    rows
}

fn normal(item: &Item) -> String {
    const RANDOM: [&str; 7] = [
        "created",
        "updated",
        "started",
        "finished",
        "expires_at",
        "stamp",
        "write",
    ];
    let attributes = item.iter().map(|(name, value)| match name.as_str() {
        random if RANDOM.contains(&random) => (name, "*".to_owned()),
        _ => (name, shown(value)),
    });
    format!("{:?}", attributes.collect::<BTreeMap<_, _>>())
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(members) => {
            let members = members.iter().map(|(name, value)| (name, shown(value)));
            format!("{:?}", members.collect::<BTreeMap<_, _>>())
        }
        other => without_ids(&format!("{other:?}")),
    }
}

/// Identifiers and digests are long runs of letters and digits.
fn without_ids(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let run = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if run.len() >= 26 {
                word.replace(run, "*")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

fn of_prometheus(text: &str) -> Counts {
    let lines = text
        .lines()
        .filter(|line| COUNTED.iter().any(|name| line.starts_with(name)));
    lines
        .map(|line| {
            let (key, count) = line.rsplit_once(' ').unwrap();
            (key.to_owned(), count.parse().unwrap())
        })
        .collect()
}

fn of_emf(lines: &[Value]) -> Counts {
    let mut counts = Counts::new();
    for line in lines {
        for name in COUNTED {
            let Some(count) = line[name].as_u64() else {
                continue;
            };
            let labels = match name {
                "contacts_job_steps_total" => vec!["kind", "outcome"],
                "contacts_jobs_ended_total" => vec!["kind", "state"],
                _ => vec!["outcome"],
            };
            let labels = labels
                .iter()
                .map(|label| format!("{label}=\"{}\"", line[*label].as_str().unwrap()));
            let key = format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","));
            *counts.entry(key).or_default() += count;
        }
    }
    counts
}

/// What a process that lives on counts, and a function has no use for.
const OF_A_PROCESS: [&str; 2] = ["process_", "contacts_build_info"];

fn ours(name: &&str) -> bool {
    !OF_A_PROCESS.iter().any(|prefix| name.starts_with(prefix))
}

fn names_of_prometheus(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| line.split(' ').next());
    names.filter(ours).collect()
}

fn names_of_emf(lines: &[Value]) -> BTreeSet<&str> {
    let declared = lines
        .iter()
        .flat_map(|line| line["_aws"]["CloudWatchMetrics"].as_array().unwrap())
        .flat_map(|directive| directive["Metrics"].as_array().unwrap());
    let names = declared.map(|metric| metric["Name"].as_str().unwrap());
    names.filter(ours).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_and_a_container_leave_the_same_table_and_count_the_same() {
    let contained = Site::new(Duration::from_secs(30)).await.unwrap();
    let jobs = messages(&contained).await;
    let worker = contained.container().await.unwrap();
    finish(&contained, &jobs).await;
    let scraped = worker.scrape().await.unwrap();
    let prometheus = of_prometheus(&scraped);

    let served = Site::new(Duration::from_secs(30)).await.unwrap();
    let jobs = messages(&served).await;
    let sandboxes = served.sandboxes(Duration::from_secs(30), 1).await.unwrap();
    let mapping = served.map(&sandboxes).unwrap();
    finish(&served, &jobs).await;
    drop(mapping);
    // A message is deleted once its answer is there, and metrics are written before that.
    let lines: Vec<Value> = sandboxes
        .output()
        .lines()
        .iter()
        .filter_map(|line| serde_json::from_str(&line.text).ok())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect();
    assert_eq!(of_emf(&lines), prometheus);
    assert!(prometheus.len() >= 5, "{prometheus:?}");
    let (mut on_lambda, mut in_container) = (names_of_emf(&lines), names_of_prometheus(&scraped));
    // A container has a machine, and a function begins cold.
    in_container.retain(|name| !name.starts_with("system_"));
    assert!(on_lambda.remove("contacts_cold_starts_total"));
    assert_eq!(on_lambda, in_container);
    assert_eq!(table(&served).await, table(&contained).await);
}
