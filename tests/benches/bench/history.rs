//! How long a month of history takes to answer.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use contacts_history::{History, Objects};
use contacts_telemetry::Reading;
use contacts_tests::client::Request;
use jiff::{Timestamp, ToSpan as _};
use tempfile::TempDir;

use crate::{
    report::{Goal, Table, ms},
    site::{Api, Database},
    stats::Samples,
};

/// The month.
const DAYS: i64 = 30;
const TASKS: [&str; 2] = ["one", "two"];
/// What a dashboard may make somebody wait.
const GOAL_MS: u128 = 100;

/// Measures `GET /v1/system/history` over files that two tasks wrote, minute by minute, and the worker merged.
pub(crate) async fn measure(container: &Path, requests: usize) -> Result<Table> {
    let dir = TempDir::new()?;
    let now = Timestamp::now();
    let begin = now - (24 * DAYS).hours();
    fill(dir.path(), begin).await?;
    let files = files(dir.path())?;

    let database = Database::new().await?;
    let mut environment = database.environment();
    let url = format!("file://{}", dir.path().display());
    environment.push(("CONTACTS_OBJECTS_URL".to_owned(), url));
    let api = Api::start(container, &environment).await?;
    let note = format!(
        "{DAYS} days of two tasks in a folder, as `standalone` has it: {files} files after the worker's last merge."
    );
    let header = ["measured", "median / p99", "goal", "reached"];
    let mut table = Table::new("History", &note, header);
    for (what, from, step) in [
        ("30 days by hours", begin, "1h"),
        ("30 days by days", begin, "1d"),
        ("24 hours by minutes", now - 24.hours(), "1m"),
    ] {
        let path = format!("/v1/system/history?from={from}&to={now}&step={step}");
        let body = api.get(&path).await?;
        let tasks = body["tasks"].as_array().context("no tasks")?;
        ensure!(tasks.len() == TASKS.len(), "{body}");
        let mut samples = Samples::default();
        for _ in 0..requests {
            samples.push(api.timed(Request::new("GET", &path)).await?.1);
        }
        let median = samples.median();
        let goal = match step {
            "1h" => Goal::new("100 ms", median.as_millis() <= GOAL_MS),
            _ => Goal::none(),
        };
        table.row([
            what.to_owned(),
            format!("{} / {}", ms(median), ms(samples.p99())),
            goal.wanted,
            goal.reached.to_owned(),
        ]);
    }
    Ok(table)
}

/// Records every minute of the month, and merges once a day.
async fn fill(dir: &Path, begin: Timestamp) -> Result<()> {
    let history = History::new(Objects::folder(dir), 400);
    let mut recorders = TASKS.map(|task| history.recorder("container", task));
    for minute in 0..DAYS * 24 * 60 {
        let now = begin + minute.minutes();
        let reading = Reading {
            cpu: Some((minute % 100) as f64 / 100.0),
            cores: Some(2.0),
            memory_used: Some(1e8 + (minute * 12_345) as f64),
            memory_limit: Some(1e9),
            disk_used: Some(1e10 + minute as f64),
            disk_size: Some(1e11),
            network_received: Some((minute * 54_321) as f64),
            network_sent: Some((minute * 43_210) as f64),
            ..Reading::default()
        };
        for recorder in recorders.iter_mut().flatten() {
            recorder.see(now, &reading);
            // Every half hour: more often would write the same files again.
            if minute % 30 == 0 {
                recorder.write().await?;
            }
        }
        if minute % (24 * 60) == 0 {
            while history.compact(now).await?.more {}
        }
    }
    for recorder in recorders.iter_mut().flatten() {
        recorder.close();
        recorder.write().await?;
    }
    while history.compact(Timestamp::now()).await?.more {}
    Ok(())
}

fn files(dir: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() {
            files(&entry.path())?
        } else {
            1
        };
    }
    Ok(count)
}
