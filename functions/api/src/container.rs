//! The router behind a listener of its own, and the metrics behind another.

use std::path::Path;

use anyhow::Result;
use contacts_http::server::{self, Options};
use contacts_settings::Settings;
use contacts_telemetry::{PrometheusHandle, System};
use tokio::sync::watch;

/// Serves until SIGTERM or SIGINT, then finishes the requests under way.
///
/// # Errors
/// One line that says what to do, if an address cannot be listened on.
pub async fn run(settings: &Settings, metrics: PrometheusHandle) -> Result<()> {
    let stop = server::stop_signal()?;
    let api = server::listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let scrape = server::listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    let task = contacts_history::task_name().await;
    let system = System::machine("container", &task, Path::new("/"))?;
    let (app, jobs) = crate::app(settings, system.clone()).await?;
    server::expose_metrics(scrape, metrics);
    let draining = app.draining();
    let (stopping, stopped) = watch::channel(false);
    let stop = async {
        stop.await;
        stopping.send_replace(true);
    };
    let service = server::serve(
        api,
        contacts_http::router(app),
        Options {
            linger: settings.listen.linger,
            ..Options::default()
        },
        draining,
        stop,
    );
    tokio::join!(service, jobs.history().record(system, stopped));
    Ok(())
}
