//! Whether an operation takes longer on a larger book.

use std::time::Duration;

use anyhow::Result;
use contacts_tests::client::Request;

use crate::{
    bare,
    cards::Card,
    report::{Goal, Table, count, ms, ratio, times},
    site::{Site, create, location},
    stats::Samples,
};

const OPERATIONS: [&str; 7] = [
    "create",
    BARE,
    "read",
    "list, page of 50 in the middle",
    "search with one hit",
    "changes, page of 50",
    "delete",
];
/// The peer: what the same writes cost without the product.
const BARE: &str = "peer: rows like those, by the client alone";
/// What the last may be of the first.
const AT_MOST: f64 = 1.2;

/// Asks all books in turn, so that whatever else the machine does befalls them alike.
pub(crate) async fn measure(sites: &[Site], rounds: usize) -> Result<Table> {
    let mut samples: Vec<[Samples; OPERATIONS.len()]> = Vec::new();
    samples.resize_with(sites.len(), Default::default);
    // The first round opens connections and fills memories.
    for round in 0..=rounds {
        for (site, samples) in sites.iter().zip(&mut samples) {
            let took = once(site, round).await?;
            if round > 0 {
                for (samples, took) in samples.iter_mut().zip(took) {
                    samples.push(took);
                }
            }
        }
    }
    let note = format!(
        "Median and p99 of {rounds} requests each to a container whose database is embedded, one \
         connection, the four books in turn; each with a database of its own."
    );
    let sizes: Vec<String> = sites.iter().map(|site| count(site.size)).collect();
    let size = |index: usize| sizes.get(index).map_or("", String::as_str);
    let header = [
        "operation",
        size(0),
        size(1),
        size(2),
        size(3),
        "last / first",
        "goal",
        "reached",
    ];
    let mut table = Table::new("Growth: contacts in one book", &note, header);
    for (row, operation) in OPERATIONS.iter().enumerate() {
        let of = |site: usize| samples.get(site).map(|samples| &samples[row]);
        let cell = |site: usize| {
            of(site).map_or_else(String::new, |samples| {
                format!("{} / {}", ms(samples.median()), ms(samples.p99()))
            })
        };
        let median = |site: usize| of(site).map_or(Duration::ZERO, Samples::median);
        let growth = ratio(median(sites.len() - 1), median(0));
        let goal = match *operation {
            BARE => Goal::none(),
            _ => Goal::new("≤ 1.2 ×", growth <= AT_MOST),
        };
        table.row([
            (*operation).to_owned(),
            cell(0),
            cell(1),
            cell(2),
            cell(3),
            times(growth),
            goal.wanted,
            goal.reached.to_owned(),
        ]);
    }
    Ok(table)
}

/// Each operation once, in the order of [`OPERATIONS`]; the book is left as it was.
async fn once(site: &Site, round: usize) -> Result<[Duration; OPERATIONS.len()]> {
    let card = Card(site.size + 1_000 + round);
    let (answer, creation) = site.api.timed(create(&site.book, card)).await?;
    let delete = Request::new("DELETE", location(&answer)?);
    let book = site.book.rsplit('/').next().unwrap_or_default();
    Ok([
        creation,
        bare::create(&site.database.client, book, round).await?,
        site.api.timed(site.read(round)).await?.1,
        site.api.timed(site.list()).await?.1,
        site.api.timed(site.search(round)).await?.1,
        site.api.timed(site.changes()).await?.1,
        site.api.timed(delete).await?.1,
    ])
}
