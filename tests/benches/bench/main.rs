//! `make bench`: product and peer in turn on the same machine.
//!
//! Prints its tables and writes them into `docs/BENCHMARKS.md` and `docs/DATA.md`. `BENCH_QUICK=1`
//! tries the benchmark itself: development builds, small books, short runs, nothing written.
//! `BENCH_BUILD=1` measures the builds, and nothing else. `BENCH_ONLY=growth`, `jobs` or another of the
//! parts measures that one and writes nothing.

mod artifacts;
mod bare;
mod build;
mod cache;
mod cards;
mod container;
mod events;
mod growth;
mod history;
mod hot_book;
mod jobs;
mod lambda;
mod load;
mod machine;
mod report;
mod site;
mod stats;
mod units;

use std::{
    env, fs,
    io::{Write as _, stdout},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use artifacts::Artifacts;
use contacts_tests::repository;
use report::{Table, mb, replace_block};
use site::Site;

const PARTS: [&str; 8] = [
    "growth",
    "lambda",
    "container",
    "hot_book",
    "cache",
    "jobs",
    "events",
    "history",
];

/// How much is measured.
struct Extent {
    sizes: [usize; 4],
    /// Requests of each kind for the growth.
    requests: usize,
    /// Jobs of each kind.
    jobs: usize,
    /// Batches whose events are waited for.
    batches: usize,
    starts: usize,
    rounds: usize,
    time: Duration,
}

const FULL: Extent = Extent {
    sizes: [100, 1_000, 10_000, 25_000],
    requests: 300,
    jobs: 500,
    batches: 5,
    starts: 21,
    rounds: 7,
    time: Duration::from_secs(4),
};
const QUICK: Extent = Extent {
    sizes: [100, 110, 120, 130],
    requests: 5,
    jobs: 10,
    batches: 1,
    starts: 2,
    rounds: 1,
    time: Duration::from_secs(1),
};

#[tokio::main]
async fn main() -> Result<()> {
    let quick = env::var_os("BENCH_QUICK").is_some();
    let only = env::var("BENCH_ONLY").ok();
    if let Some(only) = &only {
        ensure!(
            PARTS.contains(&only.as_str()),
            "BENCH_ONLY is one of {PARTS:?}"
        );
    }
    let machine = machine::describe();
    say(&machine)?;
    let benchmarks = repository().join("docs/BENCHMARKS.md");
    if env::var_os("BENCH_BUILD").is_some() {
        let builds = show(build::measure()?)?;
        return replace_block(&benchmarks, "builds", &format!("{machine}\n\n{builds}"));
    }
    let (extent, artifacts) = if quick {
        (QUICK, Artifacts::development()?)
    } else {
        (FULL, Artifacts::packaged()?)
    };
    let container = &artifacts.container;
    let sites = extent.sizes.map(|size| Site::new(container, size));
    let sites = futures::future::try_join_all(sites).await?;
    say("The books are filled.")?;

    let measured: Vec<&Site> = sites.iter().take(3).collect();
    let units = show(units::measure(container, &measured).await?)?;
    let site = sites.get(1).context("no book")?;
    let large = sites.last().context("no book")?;
    let mut figures = format!("{machine}\n");
    for part in PARTS {
        if only.as_ref().is_some_and(|only| only != part) {
            continue;
        }
        let table = match part {
            "growth" => growth::measure(&sites, extent.requests).await,
            "lambda" => lambda::measure(&artifacts, site, extent.starts).await,
            "container" => container::measure(&artifacts, site, extent.rounds, extent.time).await,
            "hot_book" => hot_book::measure(container, extent.time).await,
            "cache" => cache::measure(&artifacts, site, 10 * extent.requests).await,
            "jobs" => jobs::measure(&artifacts, site, large, extent.jobs).await,
            "events" => events::measure(&artifacts, extent.jobs, extent.batches).await,
            _ => history::measure(container, extent.requests).await,
        };
        figures += &format!("\n{}", show(table?)?);
    }
    if let Some(zip) = &artifacts.zip {
        let size = |path: &std::path::Path| anyhow::Ok(mb(fs::metadata(path)?.len()));
        let mut sizes = Table::new("Artifacts", "", ["file", "size"]);
        sizes.row(["`api-lambda.zip`".to_owned(), size(zip)?]);
        sizes.row(["`api-container`".to_owned(), size(container)?]);
        let worker = zip.with_file_name("worker-lambda.zip");
        sizes.row(["`worker-lambda.zip`".to_owned(), size(&worker)?]);
        sizes.row(["`worker-container`".to_owned(), size(&artifacts.worker)?]);
        figures += &format!("\n{}", show(sizes)?);
    }
    if !quick && only.is_none() {
        replace_block(&repository().join("docs/DATA.md"), "units", &units)?;
        replace_block(&benchmarks, "figures", &figures)?;
    }
    Ok(())
}

/// Prints a table, and gives it as text.
fn show(table: Table) -> Result<String> {
    let text = table.to_string();
    say(&text)?;
    Ok(text)
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(stdout(), "{text}")?)
}
