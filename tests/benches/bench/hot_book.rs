//! Writes to one book: the ceiling that its sequence number sets.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use contacts_tests::client::Request;

use crate::{
    cards::Card,
    report::{Table, ms},
    site::{Api, Database, create},
    stats::Samples,
};

const BOOK: &str = "/v1/books/default";
/// The most that a batch takes.
const BATCH: usize = 200;

/// Measures on a book of its own, for `time` each.
pub(crate) async fn measure(container: &Path, time: Duration) -> Result<Table> {
    let database = Database::new().await?;
    let environment = database.environment();
    let first = Api::start(container, &environment).await?;
    let second = Api::start(container, &environment).await?;
    let mut table = Table::new(
        "Hot book: everybody writes to the same one",
        "The embedded database runs one call at a time, on a file in memory; on DynamoDB a transaction takes \
         longer, and less processor time of this machine.",
        ["measured", "cards a second", "p50 / p99 of a request"],
    );
    let next = AtomicUsize::new(0);
    for (name, apis, writers) in [
        ("1 writer", vec![&first], 1),
        ("4 writers", vec![&first], 4),
        ("16 writers", vec![&first], 16),
        ("16 writers on two processes", vec![&first, &second], 16),
    ] {
        let loops = (0..writers).map(|writer| {
            let api = apis[writer % apis.len()];
            writes(api, time, 1, || {
                create(BOOK, Card(next.fetch_add(1, Ordering::Relaxed)))
            })
        });
        row(
            &mut table,
            name,
            futures::future::try_join_all(loops).await?,
        );
    }
    let batch = || {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        let cards: Vec<Card> = (from..from + BATCH).map(Card).collect();
        crate::site::create_all(BOOK, &cards)
    };
    let batches = writes(&first, time, BATCH, batch).await?;
    row(&mut table, "1 writer, batches of 200", vec![batches]);
    Ok(table)
}

/// What one writer did.
struct Written {
    per_second: f64,
    latency: Samples,
}

async fn writes(
    api: &Api,
    time: Duration,
    cards: usize,
    request: impl Fn() -> Request,
) -> Result<Written> {
    let start = Instant::now();
    let mut latency = Samples::default();
    while start.elapsed() < time {
        latency.push(api.timed(request()).await?.1);
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let written = (latency.len() * cards) as f64;
    Ok(Written {
        per_second: written / start.elapsed().as_secs_f64(),
        latency,
    })
}

fn row(table: &mut Table, name: &str, written: Vec<Written>) {
    let mut latency = Samples::default();
    let mut per_second = 0.0;
    for one in written {
        per_second += one.per_second;
        latency.merge(one.latency);
    }
    let figures = format!("{} / {}", ms(latency.median()), ms(latency.p99()));
    table.row([name.to_owned(), format!("{per_second:.0}"), figures]);
}
