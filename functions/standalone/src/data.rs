//! The data folder: opened as the service wants it, copied, and brought back.

use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::Result;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use contacts::Cache;
use contacts_embedded::Engine;
use contacts_events::{Own, Topic};
use contacts_history::History;
use contacts_jobs::{Jobs, Queue, TableQueue};
use contacts_settings::{Data, ObjectsUrl, Settings};
use contacts_store::Store;

/// Opens the folder and gives the use cases over its table, which is made if it is missing. The queue is
/// in the table too, so that a restart forgets nothing, and this process itself calls who subscribes: also
/// on this machine, which is theirs.
///
/// # Errors
/// One line, if another process holds the folder, or it cannot be written.
pub(crate) async fn open(settings: &Settings) -> Result<(Engine, Jobs)> {
    let engine = Engine::open(&settings.data.dir)?;
    let store = store(settings, &engine);
    store.create_table().await?;
    let queue = Queue::Table(TableQueue::new(store.clone()));
    // Where others may come in, this machine is not theirs.
    let topic = Topic::Own(Own::new(settings.oidc.is_none()));
    let cache = Cache::of(settings, &in_process(&engine));
    let history = match settings.history.objects {
        Some(ObjectsUrl::S3 { .. }) => History::open(settings, &contacts_store::sdk_config().await),
        _ => History::open(settings, &in_process(&engine)),
    };
    let jobs = Jobs::open(store, cache, queue, topic).with_history(history);
    Ok((engine, jobs))
}

/// The configuration by which the SDK calls the engine as a function. The engine checks no
/// signatures; region, endpoint and credentials are there because the SDK wants some.
fn in_process(engine: &Engine) -> SdkConfig {
    let nobody = Credentials::new("embedded", "embedded", None, None, "embedded");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://embedded.invalid")
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .http_client(engine.http_client())
        .build()
}

/// Copies the data, as it stands at this moment, into the new `file`, whether it is in use or not.
pub(crate) fn backup(data: &Data, file: &Path) -> Result<()> {
    contacts_embedded::backup(&data.dir, file)?;
    let (dir, file) = (data.dir.display(), file.display());
    writeln!(stdout(), "The data of {dir} is in {file}.")?;
    Ok(())
}

/// Replaces the data by that of `file`. What was there is kept beside it.
pub(crate) async fn restore(settings: &Settings, file: &Path) -> Result<()> {
    let dir = &settings.data.dir;
    let staged = contacts_embedded::stage(dir, file)?;
    let store = store(settings, staged.engine());
    store.create_table().await?;
    store.begin_epoch().await?;
    drop(store);
    let previous = staged.commit()?;
    let (dir, file) = (dir.display(), file.display());
    writeln!(stdout(), "{dir} has the data of {file}.")?;
    if let Some(previous) = previous {
        writeln!(stdout(), "What it had before is in {}.", previous.display())?;
    }
    Ok(())
}

fn store(settings: &Settings, engine: &Engine) -> Store {
    let client = contacts_store::client(&in_process(engine));
    Store::new(client, &settings.table.name, settings.table.changes_days)
}
