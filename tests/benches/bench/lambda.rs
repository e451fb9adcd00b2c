//! The Lambda function: how it starts, how much memory it holds, how fast it is once warm.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use contacts_tests::{
    alb::alb_event,
    client::Request,
    lambda_runtime::{Function, Sandboxes},
};

use crate::{
    artifacts::Artifacts,
    cards::Card,
    machine::resident,
    report::{COMPARED, Goal, Table, count, mb, ms, ratio, times},
    site::{Site, TOKEN, create},
    stats::Samples,
};

/// How many requests before the memory is looked at.
const REQUESTS: usize = 1_000;

/// Measures on a book of some size.
pub(crate) async fn measure(artifacts: &Artifacts, site: &Site, starts: usize) -> Result<Table> {
    let product = function(&artifacts.lambda, site);
    let peer = function(&artifacts.bare_lambda, site);
    let mut table = Table::new(
        &format!(
            "Lambda: {} contacts, through the runtime API",
            count(site.size)
        ),
        "The peer is a `lambda_http` hello world that builds the same database client. Starts in \
         turn, medians; requests in turn, p50 and p99.",
        COMPARED,
    );
    start(&mut table, &product, &peer, starts).await?;
    warm(&mut table, product, peer, site).await?;
    if let Some(zip) = &artifacts.zip {
        let packed = fs::metadata(zip)?.len();
        let goal = Goal::new("≤ 6 MB", packed <= 6_000_000);
        table.compare("zip", mb(packed), "", goal);
        let unpacked = fs::metadata(&artifacts.lambda)?.len();
        let peer = mb(fs::metadata(&artifacts.bare_lambda)?.len());
        table.compare("binary", mb(unpacked), &peer, Goal::none());
    }
    Ok(table)
}

fn function(bootstrap: &Path, site: &Site) -> Function {
    let mut function = Function::new(bootstrap);
    function.freeze = false;
    function.environment = site.database.environment();
    function
}

async fn start(table: &mut Table, product: &Function, peer: &Function, runs: usize) -> Result<()> {
    let calling = peer.clone().env("BARE_CALLS", "1");
    let mut samples: [Samples; 3] = Default::default();
    for _ in 0..runs {
        for (function, samples) in [product, peer, &calling].into_iter().zip(&mut samples) {
            let sandboxes = Sandboxes::start(function.clone(), 1).await?;
            samples.push(sandboxes.starts().first().context("no start")?.init);
        }
    }
    let [product, peer, calling] = samples.map(|samples| samples.median());
    let of_peer = ratio(product, peer);
    table.compare(
        "start to first `next`",
        ms(product),
        &ms(peer),
        Goal::none(),
    );
    let goal = Goal::new("≤ 1.5 ×", of_peer <= 1.5);
    table.compare("start, of the peer's", times(of_peer), "1", goal);
    let of_calling = times(ratio(product, calling));
    let label = "start, of a peer that makes one call too";
    table.compare(label, of_calling, &ms(calling), Goal::none());
    Ok(())
}

async fn warm(table: &mut Table, product: Function, peer: Function, site: &Site) -> Result<()> {
    const OPERATIONS: [&str; 4] = [
        "read",
        "write (create)",
        "list of 50",
        "search with one hit",
    ];
    let product = Sandboxes::start(product, 1).await?;
    let peer = Sandboxes::start(peer, 1).await?;
    let mut samples: [Samples; OPERATIONS.len()] = Default::default();
    let mut hello = Samples::default();
    let mut created = Vec::new();
    for round in 0..REQUESTS / OPERATIONS.len() {
        let card = Card(site.size + 10_000 + round);
        let requests = [
            site.read(round),
            create(&site.book, card),
            site.list(),
            site.search(round),
        ];
        for (request, samples) in requests.into_iter().zip(&mut samples) {
            let is_create = request.method == "POST";
            let answer = product.invoke(&event(request)).await?;
            let json = answer.json()?;
            ensure!(
                matches!(json["statusCode"].as_u64(), Some(200 | 201)),
                "{json}"
            );
            if is_create {
                let path = &json["multiValueHeaders"]["location"][0];
                created.push(path.as_str().context("no location")?.to_owned());
            }
            samples.push(answer.duration);
            hello.push(peer.invoke(&event(site.read(round))).await?.duration);
        }
    }
    for (operation, samples) in OPERATIONS.iter().zip(&samples) {
        let figures = format!("{} / {}", ms(samples.median()), ms(samples.p99()));
        table.compare(&format!("warm {operation}"), figures, "", Goal::none());
    }
    let bare = format!("{} / {}", ms(hello.median()), ms(hello.p99()));
    table.compare("warm hello world", String::new(), &bare, Goal::none());
    let memory = |sandboxes: &Sandboxes| {
        let starts = sandboxes.starts();
        ensure!(starts.len() == 1, "a function died");
        resident(starts[0].pid)
    };
    let (own, bare) = (memory(&product)?, memory(&peer)?);
    let goal = Goal::new("≤ 30 MB", own <= 30_000_000);
    let label = format!("memory after {REQUESTS} requests");
    table.compare(&label, mb(own), &mb(bare), goal);
    site.api.delete_all(&site.book, &created).await
}

fn event(request: Request) -> serde_json::Value {
    let request = request.bearer(TOKEN).header("host", "contacts.example");
    alb_event(&request.header("x-forwarded-proto", "https"))
}
