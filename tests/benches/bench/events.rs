//! Events: from the commit to the subscriber, and what they cost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use contacts_tests::{
    client::Request,
    faults::Faults,
    moto::{Moto, Queue},
    process::{Process, free_address},
};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    artifacts::Artifacts,
    cards::Card,
    report::{Table, ms},
    site::{Api, Database, create, create_all, environment},
    stats::Samples,
};

const VISIBILITY: Duration = Duration::from_secs(60);
/// Cards of one batch.
const BATCH: usize = 200;
/// How many receivers empty the subscriber's queue.
const RECEIVERS: usize = 4;

/// When each contact's event arrived, by the contact's identifier; the first time counts.
type Arrivals = Arc<Mutex<HashMap<String, Instant>>>;

/// Measures `single` events, one after the other, and as many more in batches.
pub(crate) async fn measure(artifacts: &Artifacts, single: usize, batches: usize) -> Result<Table> {
    let moto = tokio::task::spawn_blocking(Moto::start).await??;
    let (jobs, inbox) = (
        moto.queue("jobs", VISIBILITY).await?,
        moto.queue("inbox", VISIBILITY).await?,
    );
    let topic = moto.topic("contacts").await?;
    let database = Database::new().await?;
    let faults = Faults::start(&database.endpoint, 1).await?;
    let mut environment = environment(&faults.endpoint());
    environment.extend(moto.environment());
    for (name, value) in [
        ("CONTACTS_QUEUE_URL", jobs.url()),
        ("CONTACTS_TOPIC_ARN", topic.arn()),
        ("RUST_LOG", "warn"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    let api = Api::start(&artifacts.container, &environment).await?;
    let metrics = free_address()?.to_string();
    environment.push(("CONTACTS_METRICS_LISTEN".to_owned(), metrics));
    let _worker = Process::start(&artifacts.worker, &[], &environment)?;

    let book = "/v1/books/default";
    let plain = units_of(&faults, &api, book, 0).await?;
    let subscription = json!({
        "book": "default", "kinds": ["contact.created"], "channel": "sqs", "endpoint": inbox.arn(),
    });
    api.send(Request::new("POST", "/v1/subscriptions").json(&subscription))
        .await?;
    let arrivals = Arrivals::default();
    let mut receivers = JoinSet::new();
    for _ in 0..RECEIVERS {
        receivers.spawn(receive(inbox.clone(), Arc::clone(&arrivals)));
    }
    // The first finds everybody still getting ready.
    let first = created(&api, book, 1).await?;
    until_arrived(&arrivals, &[first]).await;

    let mut committed = HashMap::new();
    faults.reset_counts();
    for number in 2..2 + single {
        let id = created(&api, book, number).await?;
        committed.insert(id, Instant::now());
    }
    let ids: Vec<String> = committed.keys().cloned().collect();
    until_arrived(&arrivals, &ids).await;
    let subscribed = faults
        .counts()
        .values()
        .map(|count| count.units)
        .sum::<f64>();
    let mut latency = Samples::default();
    for (id, at) in &committed {
        let arrived = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        latency.push(arrived[id].saturating_duration_since(*at));
    }

    let started = Instant::now();
    let mut ids = Vec::new();
    for batch in 0..batches {
        let first = 2 + single + batch * BATCH;
        let cards: Vec<Card> = (first..first + BATCH).map(Card).collect();
        let answer = api.send(create_all(book, &cards)).await?.json()?;
        let items = answer["items"].as_array().context("no items")?;
        ids.extend(
            items
                .iter()
                .filter_map(|item| item["id"].as_str())
                .map(str::to_owned),
        );
    }
    ensure!(ids.len() == batches * BATCH, "a card was refused");
    until_arrived(&arrivals, &ids).await;
    let batched = started.elapsed();

    let note = format!(
        "From the answer of the API to the subscriber's `ReceiveMessage`, over `worker-container` and \
         moto's SQS and SNS, a Python program that takes its part of the processors: {single} \
         contacts created one after the other, and {batches} batches of {BATCH}."
    );
    let mut table = Table::new("Events", &note, ["measured", "product"]);
    let mut row = |measure: &str, product: String| table.row([measure.to_owned(), product]);
    row(
        "from commit to delivery, p50 / p99",
        format!("{} / {}", ms(latency.median()), ms(latency.p99())),
    );
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let (events, singles) = ((batches * BATCH) as f64, single as f64);
    row(
        "events delivered, in batches",
        format!("{:.0} /s", events / batched.as_secs_f64()),
    );
    row(
        "units of a create without a subscription",
        format!("{plain:.1}"),
    );
    row(
        "units of a create with its event, the worker's included",
        format!("{:.1}", subscribed / singles),
    );
    Ok(table)
}

async fn created(api: &Api, book: &str, number: usize) -> Result<String> {
    let answer = api.send(create(book, Card(number))).await?.json()?;
    Ok(answer["id"].as_str().context("no id")?.to_owned())
}

/// What the second of two creates costs, when the process knows whom it works for.
async fn units_of(faults: &Faults, api: &Api, book: &str, number: usize) -> Result<f64> {
    created(api, book, 100_000 + number).await?;
    faults.reset_counts();
    created(api, book, 100_001 + number).await?;
    Ok(faults.counts().values().map(|count| count.units).sum())
}

async fn receive(inbox: Queue, arrivals: Arrivals) -> Result<()> {
    loop {
        let Ok(messages) = inbox.receive().await else {
            continue;
        };
        let now = Instant::now();
        for message in messages {
            let event: Value = serde_json::from_str(message.body().unwrap_or_default())?;
            if let Some(id) = event["contact"]["id"].as_str() {
                let mut arrived = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
                arrived.entry(id.to_owned()).or_insert(now);
            }
            inbox.delete(&message).await?;
        }
    }
}

async fn until_arrived(arrivals: &Arrivals, ids: &[String]) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        let arrived = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.iter().all(|id| arrived.contains_key(id)) {
            return;
        }
    }
}
