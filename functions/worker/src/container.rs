//! The worker as a process that asks the queue for messages, with its metrics behind a listener.

use std::path::Path;

use anyhow::Result;
use contacts_http::server;
use contacts_jobs::{Runner, poll};
use contacts_settings::Settings;
use contacts_telemetry::{PrometheusHandle, System};
use tokio::sync::watch;

/// Works until SIGTERM or SIGINT, then finishes the steps under way and gives back what is left.
///
/// # Errors
/// One line that says what to do, if the metrics' address cannot be listened on.
pub async fn run(settings: &Settings, runner: Runner, metrics: PrometheusHandle) -> Result<()> {
    let stop = server::stop_signal()?;
    let scrape = server::listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    server::expose_metrics(scrape, metrics);
    let task = contacts_history::task_name().await;
    let system = System::machine("worker-container", &task, Path::new("/"))?;
    let history = runner.jobs().history().clone();
    let (stopping, stopped) = watch::channel(false);
    let stop = async {
        stop.await;
        stopping.send_replace(true);
    };
    let record = history.record(system, stopped.clone());
    tokio::join!(poll(runner, stopped), record, stop);
    Ok(())
}
