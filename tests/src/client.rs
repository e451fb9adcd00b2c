//! HTTP/1.1 as bytes: requests and responses that are sent and kept exactly as written.
//!
//! Ordinary clients refuse or tidy the targets and headers these tests are about, so this one does
//! neither. The simulated load balancer uses the same code towards its targets.

mod connection;
mod message;

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use tokio::{net::TcpStream, time::timeout};

pub(crate) use connection::{Connection, Inbound, has_body, is_token, reason};
pub use message::{Request, Response};

/// Why an exchange with a server brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No connection could be made.
    #[error("the connection was refused: {0}")]
    Connect(#[source] std::io::Error),
    /// The connection ended before the answer was complete.
    #[error("the server closed the connection before it had answered")]
    Closed,
    /// What came back is not HTTP/1.1; the text says where it breaks off.
    #[error("the answer is not HTTP/1.1: {0}")]
    Malformed(&'static str),
    /// Neither a connection nor the next bytes came in time.
    #[error("nothing came from the server within {0:?}")]
    TimedOut(Duration),
}

/// A client for one server, which keeps connections open between requests.
///
/// It follows no redirects, decodes no content, keeps no cookies and tries nothing twice.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    patience: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// A client for the server at `address`, patient for 60 seconds.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            patience: Duration::from_mins(1),
            idle: Mutex::default(),
        }
    }

    /// The same client, giving up when `patience` passes without an answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The server this client talks to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends `request` as it is and reads the whole answer. `Host` and, where there is a body,
    /// `Content-Length` are added if the request has none.
    ///
    /// # Errors
    /// [`ExchangeError`], if no complete answer comes.
    pub async fn send(&self, request: &Request) -> Result<Response, ExchangeError> {
        timeout(self.patience, self.exchange(request))
            .await
            .unwrap_or(Err(ExchangeError::TimedOut(self.patience)))
    }

    async fn exchange(&self, request: &Request) -> Result<Response, ExchangeError> {
        let mut connection = match self.idle_connection() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let (response, reusable) = connection.exchange(request, self.address).await?;
        if reusable && let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
        Ok(response)
    }

    async fn connect(&self) -> Result<Connection, ExchangeError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(ExchangeError::Connect)?;
        stream.set_nodelay(true).map_err(ExchangeError::Connect)?;
        Ok(Connection::new(stream))
    }

    /// The youngest idle connection on which the server has neither hung up nor spoken.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().ok()?;
        std::iter::from_fn(|| idle.pop()).find(Connection::is_quiet)
    }
}
