//! The container's API without what watches it, for `make bench`: no log, no metric, no trace, no history.

use anyhow::Result;
use contacts::Cache;
use contacts_events::Topic;
use contacts_http::{
    App,
    server::{self, Options},
};
use contacts_jobs::{Jobs, Queue};
use contacts_settings::{Door, Settings};
use contacts_store::Store;

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::from_env(Door::Container)?;
    let sdk = contacts_store::sdk_config().await;
    let table = &settings.table;
    let store = Store::new(
        contacts_store::client(&sdk),
        &table.name,
        table.changes_days,
    );
    let queue = Queue::new(&sdk, None, &store);
    let jobs = Jobs::open(
        store,
        Cache::of(&settings, &sdk),
        queue,
        Topic::new(&sdk, None),
    );
    let app = App::new(jobs, &settings)?;
    let draining = app.draining();
    let stop = server::stop_signal()?;
    let listener = server::listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let router = contacts_http::router(app);
    server::serve(listener, router, Options::default(), draining, stop).await;
    Ok(())
}
