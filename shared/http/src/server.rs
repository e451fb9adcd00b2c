//! The HTTP/1.1 server of the container and of the standalone process.
//!
//! Connections outlive the ALB's idle time of 60 s, or it would send requests into closing ones.
//! hyper has one clock for idle connections and slow heads; `clock` adds the second.

mod clock;
mod listener;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use http::header::{self, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tower::Service;

use crate::layers::Peer;
use clock::{Activity, Clocked};
pub use listener::{ListenError, answers, expose_metrics, listen, reachable, stop_signal};

/// Bytes that hyper reads for a request's head: above the limits of the frame (8 KiB of target, 16 KiB
/// of headers), so that a problem is answered, and hyper's bare 431 is the rare one.
const HEAD_BUFFER: usize = 40 * 1024;

/// What can be set about the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// A connection without a request is closed after this; above the ALB's 60 s.
    pub idle: Duration,
    /// From the first byte of a request's head to its last, else the connection is cut off.
    pub head: Duration,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// After the shutdown signal, for how long new connections are still answered: a load balancer
    /// takes a while to learn that this process leaves.
    pub linger: Duration,
    /// From the end of the lingering to the end; then connections are cut off.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(75),
            head: Duration::from_secs(10),
            max_connections: 4_096,
            linger: Duration::ZERO,
            drain: Duration::from_secs(25),
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut off because they were not done in time; 0 is a clean end.
    pub cut_off: usize,
}

/// Serves `app` until `shutdown` completes; then sets `draining` (which `/ready` reads), goes on
/// accepting for a while, answers with `Connection: close`, and returns when all is answered.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: Options,
    draining: Arc<AtomicBool>,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let (stop, stopped) = watch::channel(false);
    let mut door = Door {
        listener,
        slots: Arc::new(Semaphore::new(
            options.max_connections.min(Semaphore::MAX_PERMITS),
        )),
        shared: Shared {
            app,
            options: options.clone(),
            draining: Arc::clone(&draining),
            stopped,
        },
        connections: JoinSet::new(),
    };
    door.accept_until(shutdown).await;
    draining.store(true, Ordering::Release);
    door.accept_until(sleep(options.linger)).await;

    let Door {
        listener,
        mut connections,
        ..
    } = door;
    drop(listener);
    stop.send_replace(true);
    let all_done = async { while connections.join_next().await.is_some() {} };
    let closed = Instant::now();
    // Those that are not done in time are cut off as the set is dropped.
    let _ = timeout_at(closed + options.drain, all_done).await;
    Drained {
        cut_off: connections.len(),
    }
}

struct Door {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    shared: Shared,
    connections: JoinSet<()>,
}

impl Door {
    async fn accept_until(&mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                (stream, peer, slot) = accept(&self.listener, &self.slots) => {
                    self.connections.spawn(self.shared.clone().connection(stream, peer, slot));
                }
                Some(_) = self.connections.join_next() => {}
            }
        }
    }
}

/// The next connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Peer, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, Peer(peer.ip()), slot),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: give running requests time to free some.
                tracing::error!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The client was gone before it was accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

#[derive(Clone)]
struct Shared {
    app: Router,
    options: Options,
    draining: Arc<AtomicBool>,
    stopped: watch::Receiver<bool>,
}

impl Shared {
    async fn connection(self, stream: TcpStream, peer: Peer, slot: OwnedSemaphorePermit) {
        // Answers are written whole: waiting for more to send only delays them. Where it cannot be
        // set, answers are slower and right.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::default());
        let io = Clocked::new(
            stream,
            Arc::clone(&activity),
            self.options.head,
            self.options.idle,
        );
        let service = service_fn(|request| self.respond(request, peer, &activity));
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.options.idle)
                .max_buf_size(HEAD_BUFFER)
                .serve_connection(TokioIo::new(io), service)
        );
        let mut stopped = self.stopped.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = async { let _ = stopped.wait_for(|stopped| *stopped).await; } => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            // hyper would wait for the first request of a connection that has sent nothing.
            None if activity.is_untouched() => return,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(slot);
    }

    async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
        activity: &Activity,
    ) -> Result<Response, Infallible> {
        activity.begin();
        request.extensions_mut().insert(peer);
        let mut response = self.app.clone().call(request).await?;
        activity.end();
        if self.draining.load(Ordering::Acquire) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
