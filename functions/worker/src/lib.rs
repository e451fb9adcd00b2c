//! The worker: what takes the messages of the queue and does the jobs, on the two targets.
//!
//! The binaries `worker-lambda` (feature `lambda`) and `worker-container` (feature `container`) read
//! their settings, build the [`runner`], and give it messages: [`lambda::run`] those that SQS hands to
//! the function, [`container::run`] those that it asks for.

#[cfg(feature = "container")]
pub mod container;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "container")]
pub mod operate;

use contacts::Cache;
use contacts_events::Topic;
use contacts_history::History;
use contacts_jobs::{Jobs, Queue, Runner};
use contacts_settings::Settings;
use contacts_store::Store;

/// What does the work on the table and the queue that `settings` and the `AWS_*` variables name. Calls
/// nothing yet.
pub async fn runner(settings: &Settings) -> Runner {
    Runner::new(jobs(settings).await)
}

/// All use cases on them.
pub(crate) async fn jobs(settings: &Settings) -> Jobs {
    let sdk = contacts_store::sdk_config().await;
    let table = &settings.table;
    let client = contacts_store::client(&sdk);
    let store = Store::new(client, &table.name, table.changes_days);
    let topic = Topic::new(&sdk, settings.topic_arn.as_deref());
    let queue = Queue::new(&sdk, settings.queue_url.as_deref(), &store);
    Jobs::open(store, Cache::of(settings, &sdk), queue, topic)
        .with_history(History::open(settings, &sdk))
}
