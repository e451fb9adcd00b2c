//! The router behind a listener of its own, and the metrics behind another.

use std::future::pending;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use contacts_http::server::{self, Options};
use contacts_settings::{Listen, Settings};
use contacts_telemetry::PrometheusHandle;

/// Serves until SIGTERM or SIGINT, then finishes the requests under way.
///
/// # Errors
/// One line that says what to do, if an address cannot be listened on.
pub async fn run(settings: &Settings, metrics: PrometheusHandle) -> Result<()> {
    let stop = server::stop_signal()?;
    let api = server::listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let scrape = server::listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    let (app, _) = crate::app(settings).await?;
    // Outlives the API's last request, and ends with the process.
    tokio::spawn(server::serve(
        scrape,
        server::metrics(metrics),
        Options::default(),
        Arc::default(),
        pending(),
    ));
    let draining = app.draining();
    server::serve(
        api,
        contacts_http::router(app),
        Options::default(),
        draining,
        stop,
    )
    .await;
    Ok(())
}

/// Asks the service of this environment whether it answers: the health check of an image that has no
/// shell and no curl.
///
/// # Errors
/// If `GET /health` is not answered 200 within three seconds.
pub fn healthcheck(listen: &Listen) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&server::reachable(listen.listen), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    ensure!(&status_line == b"HTTP/1.1 200", "/health is not 200");
    Ok(())
}
