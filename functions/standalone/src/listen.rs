//! Listeners, signals, and the metrics that a second listener serves.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use contacts_telemetry::PrometheusHandle;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Listens on `address`, which the setting `variable` gave.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn listen(variable: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: free it, or set {variable} to another address")
    })
}

/// The URL to call for a listener's address: "every interface" is no place to connect to.
pub(crate) fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// Resolves at the first SIGTERM or SIGINT. The handlers are in place when this returns, so that no
/// signal is missed while the service starts.
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
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
pub(crate) fn metrics(handle: PrometheusHandle) -> Router {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    Router::new().route(
        "/metrics",
        get(move || async move { (text, handle.render()) }),
    )
}
