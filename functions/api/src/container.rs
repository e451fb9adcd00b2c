//! The router behind a listener of its own, and the metrics behind another.

use std::future::pending;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::get;
use contacts_http::server::{self, Options};
use contacts_settings::{Listen, Settings};
use contacts_telemetry::PrometheusHandle;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Serves until SIGTERM or SIGINT, then finishes the requests under way.
///
/// # Errors
/// One line that says what to do, if an address cannot be listened on.
pub async fn run(settings: &Settings, metrics: PrometheusHandle) -> Result<()> {
    let stop = stop()?;
    let api = listen("CONTACTS_LISTEN", settings.listen.listen).await?;
    let scrape = listen("CONTACTS_METRICS_LISTEN", settings.listen.metrics).await?;
    let (app, _) = crate::app(settings).await?;
    // Outlives the API's last request, and ends with the process.
    tokio::spawn(server::serve(
        scrape,
        metrics_router(metrics),
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
    let mut stream = TcpStream::connect_timeout(&reachable(listen.listen), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line)?;
    ensure!(&status_line == b"HTTP/1.1 200", "/health is not 200");
    Ok(())
}

/// The address to call for one that is listened on: "every interface" is no place to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn listen(variable: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: free it, or set {variable} to another address")
    })
}

/// Resolves at the first SIGTERM or SIGINT. The handlers are in place when this returns, so that no
/// signal is missed while the service starts.
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// `GET /metrics`, and nothing else (prometheus.io, "Exposition formats").
fn metrics_router(metrics: PrometheusHandle) -> Router {
    let render = move || async move {
        (
            [(CONTENT_TYPE, "text/plain; version=0.0.4")],
            metrics.render(),
        )
    };
    Router::new().route("/metrics", get(render))
}
