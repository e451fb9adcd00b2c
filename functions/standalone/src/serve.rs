//! The service: the API over the embedded database, and its metrics.

use anyhow::Result;
use contacts_http::App;
use contacts_http::server::{self, Options};
use contacts_jobs::{Runner, poll};
use contacts_settings::Settings;
use contacts_telemetry::{Format, System, Traces};
use tokio::sync::watch;

use crate::{data, owner};

/// Serves until SIGTERM or SIGINT, then finishes the requests under way.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let traces = Traces::new(settings.traces.as_ref(), env!("CARGO_PKG_VERSION"))?;
    contacts_telemetry::init_logs(Format::Text, &traces)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "standalone");
    let stop = server::stop_signal()?;
    let api = server::listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let scrape = server::listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    let (_engine, jobs) = data::open(settings).await?;
    let url = format!("http://{}", server::reachable(api.local_addr()?));
    owner::greet(jobs.contacts(), settings.token.as_ref(), &url).await?;

    server::expose_metrics(scrape, metrics);
    // Whoever starts it again has mended what made jobs fail, or tries whether it mended itself.
    let brought_back = jobs.queue().redrive().await?;
    if brought_back > 0 {
        tracing::info!(brought_back, "messages that were given up get another try");
    }
    let (stopping, stopped) = watch::channel(false);
    let recording = stopped.clone();
    let work = poll(Runner::new(jobs.clone()), stopped);
    let task = contacts_history::task_name().await;
    let system = System::machine("standalone", &task, &settings.data.dir)?;
    let history = jobs.history().clone();
    let record = history.record(system.clone(), recording);
    let app = App::new(jobs, settings)?.with_system(system);
    let draining = app.draining();
    let router = contacts_http::router(app);
    let options = Options {
        linger: settings.listen.linger,
        ..Options::default()
    };
    let stop = async {
        stop.await;
        stopping.send_replace(true);
    };
    traces.send_in_background();
    let service = server::serve(api, router, options, draining, stop);
    tokio::join!(service, work, record);
    traces.finish().await;
    Ok(())
}
