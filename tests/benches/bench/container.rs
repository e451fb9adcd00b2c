//! The container under load, beside a bare handler that does the same reads.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{Router, body::Bytes, routing::post};
use contacts_tests::process::Process;

use tokio::net::TcpListener;

use crate::{
    artifacts::Artifacts,
    load::{self, Load},
    machine::{cpu_seconds, resident},
    report::{COMPARED, Goal, Table, count, mb, ms, us},
    site::{Api, Site, TOKEN},
    stats::{Samples, median},
};

const CONNECTIONS: usize = 64;

/// One of the programs under load, and what came of it.
struct Runner {
    api: Api,
    idle: u64,
    loaded: u64,
    per_second: Vec<f64>,
    cpu: Vec<f64>,
    latency: Samples,
}

impl Runner {
    /// Idle is after a first read: the connection to the database is there.
    async fn new(api: Api, site: &Site) -> Result<Self> {
        api.send(site.read(0)).await?;
        let idle = resident(api.process().pid())?;
        Ok(Self {
            api,
            idle,
            loaded: 0,
            per_second: Vec::new(),
            cpu: Vec::new(),
            latency: Samples::default(),
        })
    }

    /// One round; the memory is looked at while it runs.
    async fn round(&mut self, requests: &Arc<[Vec<u8>]>, time: Duration) -> Result<()> {
        let process: &Process = self.api.process();
        let (address, pid) = (self.api.server.address, process.pid());
        let before = cpu_seconds(pid)?;
        let mut load = std::pin::pin!(load::run(address, requests, CONNECTIONS, time));
        let mut look = tokio::time::interval(Duration::from_millis(100));
        let Load {
            per_second,
            answers,
            latency,
        } = loop {
            tokio::select! {
                load = &mut load => break load?,
                _ = look.tick() => self.loaded = self.loaded.max(resident(pid)?),
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        self.cpu.push((cpu_seconds(pid)? - before) / answers as f64);
        self.per_second.push(per_second);
        self.latency.merge(latency);
        Ok(())
    }

    fn rate(&self) -> String {
        format!("{:.0} /s", median(&self.per_second))
    }

    fn latency(&self) -> String {
        format!("{} / {}", ms(self.latency.median()), ms(self.latency.p99()))
    }
}

/// The address of one that takes every trace.
async fn collector() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/v1/traces", post(|_: Bytes| async {}));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

/// Measures reads from a book of some size.
pub(crate) async fn measure(
    artifacts: &Artifacts,
    site: &Site,
    rounds: usize,
    time: Duration,
) -> Result<Table> {
    let environment = site.database.environment();
    let collector = collector().await?;
    let mut traced = environment.clone();
    traced.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector));
    let mut product =
        Runner::new(Api::start(&artifacts.container, &environment).await?, site).await?;
    let mut peer = Runner::new(
        Api::start(&artifacts.bare_container, &environment).await?,
        site,
    )
    .await?;
    let mut unwatched = Runner::new(
        Api::start(&artifacts.unwatched_container, &environment).await?,
        site,
    )
    .await?;
    let mut traced = Runner::new(Api::start(&artifacts.container, &traced).await?, site).await?;
    let started = Instant::now();
    let gets = site.contacts.iter().take(1_000);
    let requests: Arc<[_]> = gets.map(|path| load::get(path, TOKEN)).collect();
    for _ in 0..rounds {
        for runner in [&mut product, &mut peer, &mut unwatched, &mut traced] {
            runner.round(&requests, time).await?;
        }
    }
    let note = format!(
        "`GET` of a contact over {CONNECTIONS} connections on this machine, {rounds} rounds of \
         {:.0} s in turn, medians ({:.0} s in all). The peer is a bare axum handler that reads the \
         same item. Client and database share the processors with either.",
        time.as_secs_f64(),
        started.elapsed().as_secs_f64(),
    );
    let title = format!("Container: {} contacts", count(site.size));
    let mut table = Table::new(&title, &note, COMPARED);
    table.compare("throughput", product.rate(), &peer.rate(), Goal::none());
    let share = median(&product.per_second) / median(&peer.per_second);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let goal = Goal::new("≥ 70 %", share >= 0.7);
    table.compare("throughput, of the peer's", percent(share), "100 %", goal);
    let label = "throughput of the product without logs, metrics, traces";
    table.compare(label, unwatched.rate(), "", Goal::none());
    for (label, runner) in [
        ("lost to logs and metrics", &product),
        ("lost to logs, metrics and traces of 5 %", &traced),
    ] {
        let lost = 1.0 - median(&runner.per_second) / median(&unwatched.per_second);
        let goal = Goal::new("≤ 5 %", lost <= 0.05);
        table.compare(label, percent(lost), "", goal);
    }
    let label = "latency under that load, p50 / p99";
    table.compare(label, product.latency(), &peer.latency(), Goal::none());
    let cpu = |runner: &Runner| us(median(&runner.cpu));
    table.compare(
        "processor time of one `GET`",
        cpu(&product),
        &cpu(&peer),
        Goal::none(),
    );
    let label = "the same without logs, metrics, traces";
    table.compare(label, cpu(&unwatched), "", Goal::none());
    let goal = Goal::new("≤ 30 MB", product.idle <= 30_000_000);
    table.compare("memory, idle", mb(product.idle), &mb(peer.idle), goal);
    let goal = Goal::new("≤ 80 MB", product.loaded <= 80_000_000);
    table.compare(
        "memory, under that load",
        mb(product.loaded),
        &mb(peer.loaded),
        goal,
    );
    Ok(table)
}
