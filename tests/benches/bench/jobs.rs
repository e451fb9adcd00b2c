//! The worker: how fast it is, what it needs, and what the API feels of it.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use contacts_tests::{
    client::Request,
    process::{Process, free_address},
};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::{
    artifacts::Artifacts,
    cards::Card,
    machine::resident,
    report::{Goal, Table, count, mb, ms, ratio, times},
    site::{Api, Site},
    stats::Samples,
};

/// How often a job is asked how it is.
const LOOK: Duration = Duration::from_millis(20);
/// Cards of a book that is deleted.
const CARDS: usize = 100;

/// A worker on the table of a site, with its queue in the table.
struct Worker(Process);

impl Worker {
    fn start(program: &Path, site: &Site) -> Result<Self> {
        let mut environment = site.database.environment();
        let metrics = free_address()?.to_string();
        environment.push(("CONTACTS_METRICS_LISTEN".to_owned(), metrics));
        environment.push(("RUST_LOG".to_owned(), "warn".to_owned()));
        Ok(Self(Process::start(program, &[], &environment)?))
    }

    fn memory(&self) -> Result<u64> {
        resident(self.0.pid())
    }
}

/// Measures jobs on the largest of `sites`, and many small ones on the smallest.
pub(crate) async fn measure(
    artifacts: &Artifacts,
    small: &Site,
    large: &Site,
    jobs: usize,
) -> Result<Table> {
    let size = count(large.size);
    let note = format!(
        "`worker-container` with its queue in the table. An empty job reindexes a book without \
         contacts; one with work deletes a book of {CARDS}. The job beside which the API is asked \
         verifies a book of {size}; requests come one after the other, as many as fit its time."
    );
    let mut table = Table::new("Worker", &note, ["measured", "product", "goal", "reached"]);
    let mut row = |measure: &str, product: String, goal: Goal| {
        table.row([
            measure.to_owned(),
            product,
            goal.wanted,
            goal.reached.to_owned(),
        ]);
    };

    let worker = Worker::start(&artifacts.worker, small)?;
    let empty = empty_jobs(&small.api, jobs).await?;
    row("jobs, empty", per_second(jobs, empty), Goal::none());
    let busy = deletions(&small.api, jobs.div_ceil(10)).await?;
    let done = jobs.div_ceil(10);
    row("jobs, with work", per_second(done, busy), Goal::none());
    row(
        "contacts deleted by them",
        per_second(done * CARDS, busy),
        Goal::none(),
    );
    drop(worker);

    // The same requests without the job and beside it.
    let idle = beside(&large.api, large, None).await?;
    let worker = Worker::start(&artifacts.worker, large)?;
    let before = worker.memory()?;
    let job = verify(large).await?;
    let loaded = beside(&large.api, large, Some((&job, &worker))).await?;
    row(
        &format!("a job over {size} contacts"),
        format!("{:.1} s", loaded.time.as_secs_f64()),
        Goal::none(),
    );
    for (name, quiet, beside) in [
        ("read", &idle.read, &loaded.read),
        ("create", &idle.create, &loaded.create),
    ] {
        let growth = ratio(beside.p99(), quiet.p99());
        row(
            &format!("p99 of a {name}, idle / beside that job"),
            format!(
                "{} / {} ({})",
                ms(quiet.p99()),
                ms(beside.p99()),
                times(growth)
            ),
            Goal::new("≤ 2 ×", growth <= 2.0),
        );
    }
    row("memory of the worker, idle", mb(before), Goal::none());
    let goal = Goal::new("≤ 40 MB", loaded.memory <= 40_000_000);
    row(
        "memory of the worker, at most beside that job",
        mb(loaded.memory),
        goal,
    );
    Ok(table)
}

fn per_second(things: usize, time: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let rate = things as f64 / time.as_secs_f64();
    format!("{rate:.0} /s")
}

async fn new_book(api: &Api) -> Result<String> {
    let request = Request::new("POST", "/v1/books").json(&json!({"name": "bench"}));
    let book = api.send(request).await?.json()?;
    Ok(book["id"].as_str().context("no id")?.to_owned())
}

/// How long it takes until as many jobs on an empty book have ended.
async fn empty_jobs(api: &Api, jobs: usize) -> Result<Duration> {
    let mut books = Vec::new();
    for _ in 0..jobs {
        books.push(new_book(api).await?);
    }
    let started = Instant::now();
    let mut last = String::new();
    for book in &books {
        last = start(api, "reindex-book", book).await?;
    }
    until_ended(api, &last).await?;
    all_ended(api, jobs).await?;
    Ok(started.elapsed())
}

async fn deletions(api: &Api, books: usize) -> Result<Duration> {
    let mut paths = Vec::new();
    for _ in 0..books {
        let path = format!("/v1/books/{}", new_book(api).await?);
        api.fill(&path, (0..CARDS).map(Card)).await?;
        paths.push(path);
    }
    let started = Instant::now();
    for path in paths {
        let answer = api.send(Request::new("DELETE", path)).await?;
        ensure!(answer.status == 202, "a book with contacts takes a job");
    }
    all_ended(api, books).await?;
    Ok(started.elapsed())
}

async fn start(api: &Api, kind: &str, book: &str) -> Result<String> {
    let request = Request::new("POST", "/v1/jobs").json(&json!({"kind": kind, "book": book}));
    let job = api.send(request).await?.json()?;
    Ok(job["id"].as_str().context("no id")?.to_owned())
}

async fn verify(site: &Site) -> Result<String> {
    let book = site.book.rsplit('/').next().context("no book")?;
    start(&site.api, "verify-book", book).await
}

/// Waits until the newest `jobs` have ended.
async fn all_ended(api: &Api, jobs: usize) -> Result<()> {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        let page = api
            .get(&format!("/v1/jobs?limit={}", jobs.min(500)))
            .await?;
        let items = page["items"].as_array().context("no items")?;
        if items.iter().all(|job| has_ended(job).unwrap_or(false)) {
            return Ok(());
        }
    }
}

async fn until_ended(api: &Api, job: &str) -> Result<()> {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        if has_ended(&api.get(&format!("/v1/jobs/{job}")).await?)? {
            return Ok(());
        }
    }
}

fn has_ended(job: &Value) -> Result<bool> {
    match job["state"].as_str() {
        Some("queued" | "running") => Ok(false),
        Some("succeeded") => Ok(true),
        _ => bail!("the job came to nothing: {job}"),
    }
}

/// What the API felt.
#[derive(Default)]
struct Felt {
    read: Samples,
    create: Samples,
    time: Duration,
    /// The most memory that the worker had.
    memory: u64,
}

/// Asks the API in turn to read and to create, until the job has ended; without one, 500 times.
async fn beside(api: &Api, site: &Site, job: Option<(&str, &Worker)>) -> Result<Felt> {
    let mut felt = Felt::default();
    let mut made = Vec::new();
    let started = Instant::now();
    for turn in 0.. {
        felt.read.push(api.timed(site.read(turn)).await?.1);
        let card = Card(site.size + turn);
        let (answer, took) = api.timed(crate::site::create(&site.book, card)).await?;
        felt.create.push(took);
        made.push(crate::site::location(&answer)?);
        let is_over = match job {
            None => turn == 500,
            Some((job, worker)) => {
                felt.memory = felt.memory.max(worker.memory()?);
                turn % 10 == 0 && has_ended(&api.get(&format!("/v1/jobs/{job}")).await?)?
            }
        };
        if is_over {
            break;
        }
    }
    felt.time = started.elapsed();
    api.delete_all(&site.book, &made).await?;
    Ok(felt)
}
