//! What a process with listeners needs around the server: addresses, signals, and the metrics page.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::routing::get;
use contacts_telemetry::PrometheusHandle;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: free it, or set {variable} to another address")]
pub struct ListenError {
    address: SocketAddr,
    variable: &'static str,
    source: io::Error,
}

/// Listens on `address`, which the setting `variable` gave.
///
/// # Errors
/// One line that says what to do.
pub async fn listen(
    variable: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError {
            address,
            variable,
            source,
        })
}

/// The address to call for one that is listened on: "every interface" is no place to connect to.
#[must_use]
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Resolves at the first SIGTERM or SIGINT. The handlers are in place when this returns, so that no
/// signal is missed while the service starts.
///
/// # Errors
/// The operating system refuses the handlers.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
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
pub fn metrics(handle: PrometheusHandle) -> Router {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    Router::new().route(
        "/metrics",
        get(move || async move { (text, handle.render()) }),
    )
}
