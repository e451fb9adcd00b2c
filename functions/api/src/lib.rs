//! The API: one router, and the two doors it stands behind.
//!
//! The binaries `api-lambda` (feature `lambda`) and `api-container` (feature `container`) read their
//! settings, build the [`app`], and hand its router to [`lambda::run`] or to [`container::run`].

#[cfg(feature = "container")]
pub mod container;
#[cfg(feature = "lambda")]
pub mod lambda;

use anyhow::Result;
use contacts::Cache;
use contacts_events::Topic;
use contacts_history::History;
use contacts_http::App;
use contacts_jobs::{Jobs, Queue};
use contacts_settings::Settings;
use contacts_store::Store;
use contacts_telemetry::System;

/// The application over the table that `settings` and the `AWS_*` variables name, on `system`. Calls nothing
/// yet.
///
/// # Errors
/// One line about a setting that cannot be used.
pub async fn app(settings: &Settings, system: System) -> Result<(App, Jobs)> {
    let sdk = contacts_store::sdk_config().await;
    let client = contacts_store::client(&sdk);
    let table = &settings.table;
    let store = Store::new(client, &table.name, table.changes_days);
    let topic = Topic::new(&sdk, settings.topic_arn.as_deref());
    let queue = Queue::new(&sdk, settings.queue_url.as_deref(), &store);
    let jobs = Jobs::open(store, Cache::of(settings, &sdk), queue, topic)
        .with_history(History::open(settings, &sdk));
    let app = App::new(jobs.clone(), settings)?.with_system(system);
    Ok((app, jobs))
}
