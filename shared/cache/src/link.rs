//! One connection to the server, and when it is left alone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use contacts_settings::CacheServer;
use contacts_telemetry::{CacheOperation, CacheOutcome};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, RedisResult,
};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::iam;

/// The longest that one call waits for the server. One in the same region answers within a
/// millisecond or two.
pub const PATIENCE: Duration = Duration::from_millis(25);

/// For how long the server is left alone after a failure.
pub const PAUSE: Duration = Duration::from_secs(1);

/// For a new connection with TLS and log-in, which no request waits for.
const CONNECT: Duration = Duration::from_secs(2);

pub(crate) struct Link {
    server: CacheServer,
    sdk: SdkConfig,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    /// Connections made so far: the number of the present one.
    made: u64,
    /// Whether the log has it that the server is away.
    told: bool,
}

enum State {
    Away { until: Option<Instant> },
    Connecting,
    Here(MultiplexedConnection),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It knows the password.
        f.write_str("Link")
    }
}

impl Link {
    pub(crate) fn new(server: &CacheServer, sdk: &SdkConfig) -> Arc<Self> {
        contacts_telemetry::cache_up(false);
        Arc::new(Self {
            server: server.clone(),
            sdk: sdk.clone(),
            inner: Mutex::new(Inner {
                state: State::Away { until: None },
                made: 0,
                told: false,
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is a single step: a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.inner().state, State::Here(_))
    }

    /// Begins to connect, unless there is a connection, one is being made, or the pause since the last
    /// failure is not over.
    pub(crate) fn connect(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut inner = self.inner();
        match inner.state {
            State::Away { until } if until.is_none_or(|until| until <= Instant::now()) => {}
            _ => return,
        }
        inner.state = State::Connecting;
        drop(inner);
        let link = Arc::clone(self);
        runtime.spawn(async move {
            let opened = timeout(CONNECT, link.open()).await;
            link.opened(opened.unwrap_or_else(|_| Err(too_late())));
        });
    }

    async fn open(&self) -> RedisResult<MultiplexedConnection> {
        let (server, user) = (&self.server, self.server.user.as_deref());
        let password = match (&server.iam, &server.password) {
            (Some(group), _) => {
                Some(iam::password(&self.sdk, group, user.unwrap_or_default()).await?)
            }
            (None, password) => password
                .as_ref()
                .map(|password| password.expose().to_owned()),
        };
        let client = client(server, password)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let _: redis::Value = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(connection)
    }

    fn opened(&self, opened: RedisResult<MultiplexedConnection>) {
        match opened {
            Ok(connection) => {
                let mut inner = self.inner();
                inner.state = State::Here(connection);
                inner.made += 1;
                if std::mem::take(&mut inner.told) {
                    tracing::info!("the cache answers");
                }
                contacts_telemetry::cache_up(true);
            }
            Err(error) => self.failed(None, &error),
        }
    }

    /// Leaves the server alone for a while, unless the connection that failed has been replaced.
    fn failed(&self, number: Option<u64>, error: &RedisError) {
        let mut inner = self.inner();
        if number.is_some_and(|number| number != inner.made) {
            return;
        }
        inner.state = State::Away {
            until: Some(Instant::now() + PAUSE),
        };
        if !std::mem::replace(&mut inner.told, true) {
            // It names an address at most, never the password.
            tracing::warn!(%error, "the cache is away: each process goes on by itself");
        }
        contacts_telemetry::cache_up(false);
    }

    /// The connection and its number. Where there is none, one begins to be made.
    fn connection(self: &Arc<Self>) -> Option<(MultiplexedConnection, u64)> {
        let inner = self.inner();
        if let State::Here(connection) = &inner.state {
            return Some((connection.clone(), inner.made));
        }
        drop(inner);
        self.connect();
        None
    }

    /// The server's answer, none if it gave no good one in time or is being left alone. What became
    /// of an answer is for the caller to count.
    pub(crate) async fn call<T: FromRedisValue>(
        self: &Arc<Self>,
        operation: CacheOperation,
        ask: &Pipeline,
    ) -> Option<T> {
        let Some((mut connection, number)) = self.connection() else {
            contacts_telemetry::cache_operation(operation, CacheOutcome::Skipped);
            return None;
        };
        let answer = timeout(PATIENCE, ask.query_async(&mut connection)).await;
        match answer.unwrap_or_else(|_| Err(too_late())) {
            Ok(answer) => Some(answer),
            Err(error) => {
                contacts_telemetry::cache_operation(operation, CacheOutcome::Error);
                self.failed(Some(number), &error);
                None
            }
        }
    }
}

fn too_late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn client(server: &CacheServer, password: Option<String>) -> RedisResult<Client> {
    let (host, port) = (server.host.clone(), server.port);
    let address = if server.tls {
        // The same as the AWS SDK's; where the process has chosen already, that one stays.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default()
        .set_db(server.database.into())
        .set_skip_set_lib_name();
    if let Some(user) = &server.user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    let info = address
        .into_connection_info()?
        .set_tcp_settings(TcpSettings::default().set_nodelay(true))
        .set_redis_settings(login);
    Client::open(info)
}
