//! The service: the API over the embedded database, and its metrics.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use contacts_http::App;
use contacts_http::server::{self, Options};
use contacts_settings::Settings;
use contacts_telemetry::Format;

use crate::{data, owner};

/// Serves until SIGTERM or SIGINT, then finishes the requests under way.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    contacts_telemetry::init_logs(Format::Text)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "standalone");
    let stop = server::stop_signal()?;
    let api = server::listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let scrape = server::listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    let (_engine, contacts) = data::open(settings).await?;
    let url = format!("http://{}", server::reachable(api.local_addr()?));
    owner::greet(&contacts, settings.token.as_ref(), &url).await?;

    // Outlives the API's last request, and ends with the process.
    tokio::spawn(server::serve(
        scrape,
        server::metrics(metrics),
        Options::default(),
        Arc::default(),
        pending(),
    ));
    let app = App::new(contacts, settings)?;
    let draining = app.draining();
    let router = contacts_http::router(app);
    // No load balancer has to learn that this process leaves.
    let options = Options {
        linger: Duration::ZERO,
        ..Options::default()
    };
    server::serve(api, router, options, draining, stop).await;
    Ok(())
}
