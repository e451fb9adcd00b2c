//! What a process with listeners needs around the server: addresses, signals, and the metrics page.

use std::future::pending;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use contacts_telemetry::PrometheusHandle;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Options, serve};

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

/// Serves `GET /metrics`, and nothing else (prometheus.io, "Exposition formats"), for as long as the
/// process lives: a request under way at its end is still counted.
pub fn expose_metrics(listener: TcpListener, handle: PrometheusHandle) {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    let page = get(move || async move { (text, handle.render()) });
    let app = Router::new().route("/metrics", page);
    let options = Options::default();
    tokio::spawn(serve(listener, app, options, Arc::default(), pending()));
}

/// Asks the process that listens on `address` for `path`: the health check of an image that has no shell
/// and no curl.
#[must_use]
pub fn answers(address: SocketAddr, path: &str) -> bool {
    const PATIENCE: Duration = Duration::from_secs(3);
    let ask = || -> io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect_timeout(&reachable(address), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line)?;
        Ok(status_line)
    };
    ask().is_ok_and(|status_line| &status_line == b"HTTP/1.1 200")
}
