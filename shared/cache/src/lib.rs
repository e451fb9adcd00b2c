//! What the processes of a service share for seconds, in a Valkey or Redis server: look-ups
//! ([`Memory`]) and rate limits ([`Limiter`]).
//!
//! The server is never needed. Without one, and while one is away, frozen or slow, each process goes
//! on with what it remembers itself. A call waits for the server no longer than [`PATIENCE`]; after a
//! failure nobody asks it until a new connection, made in the background and tried no more than once
//! a [`PAUSE`], has answered.

mod iam;
mod key;
mod limit;
mod link;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use contacts_settings::{CacheServer, Settings};
use contacts_telemetry::{CacheOperation, CacheOutcome};

pub use key::Key;
pub use limit::{BURST, Limiter, Verdict};
use link::Link;
pub use link::{PATIENCE, PAUSE};
pub use memory::{Memory, Miss};

/// How old a look-up may be, from the moment before the database was asked, in this process and in
/// the server together.
pub const LIFE: Duration = Duration::from_secs(5);

/// The way to the server, if there is one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cache(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    namespace: String,
}

/// The server's clock: seconds since 1970, and microseconds.
type Time = (u64, u64);

/// What the server knows of a key.
enum Found {
    /// This value, for so long.
    Value(Vec<u8>, Duration),
    /// Nothing. What is read now may be kept until then, in milliseconds of the server's clock.
    Nothing { until: u64 },
    /// Nothing, and what is read now must not be kept: it was forgotten on purpose a moment ago, or
    /// the server did not answer.
    Unusable,
}

impl Cache {
    /// The way to `server`, in which the keys of one `namespace`, such as the name of the table, stay
    /// apart from others. `sdk` has the credentials of whoever logs in by IAM. Returns at once; within a
    /// tokio runtime it begins to connect.
    #[must_use]
    pub fn new(server: &CacheServer, namespace: &str, sdk: &SdkConfig) -> Self {
        let link = Link::new(server, sdk);
        link.connect();
        Self(Some(Arc::new(Shared {
            link,
            namespace: namespace.to_owned(),
        })))
    }

    /// The way to the server of these settings, or to none.
    #[must_use]
    pub fn of(settings: &Settings, sdk: &SdkConfig) -> Self {
        let server = settings.cache.as_ref();
        server.map_or_else(Self::default, |server| {
            Self::new(server, &settings.table.name, sdk)
        })
    }

    /// Whether there is a server and a connection to it, that has not failed.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.link.is_up())
    }

    /// The key of these parts, none of which can be read from it.
    fn key(&self, kind: &str, parts: &[&str]) -> Key {
        let namespace = self.0.as_ref().map_or("", |shared| &shared.namespace);
        Key::new(namespace, kind, parts)
    }

    async fn get(&self, key: &Key) -> Found {
        const GET: CacheOperation = CacheOperation::Get;
        let Some(shared) = &self.0 else {
            return Found::Unusable;
        };
        let mut ask = redis::pipe();
        ask.cmd("TIME").cmd("GET").arg(key.as_bytes());
        let answer = shared.link.call::<(Time, Option<Vec<u8>>)>(GET, &ask);
        let Some(((seconds, micros), value)) = answer.await else {
            return Found::Unusable;
        };
        let now = seconds * 1_000 + micros / 1_000;
        let found = match value {
            None => Found::Nothing {
                until: now + millis(LIFE),
            },
            Some(value) => match value.split_first_chunk() {
                Some((until, value)) if u64::from_be_bytes(*until) > now => Found::Value(
                    value.to_vec(),
                    Duration::from_millis(u64::from_be_bytes(*until) - now).min(LIFE),
                ),
                _ => Found::Unusable,
            },
        };
        let hit = matches!(found, Found::Value(..));
        let outcome = if hit {
            CacheOutcome::Hit
        } else {
            CacheOutcome::Miss
        };
        contacts_telemetry::cache_operation(GET, outcome);
        found
    }

    /// Keeps a value until then, unless there is one or it was forgotten on purpose.
    ///
    /// The end is a moment of the server's own clock: a command that a frozen server carries out
    /// when it wakes keeps nothing that is out of date by then.
    async fn put(&self, key: &Key, value: &[u8], until: u64) {
        let Some(shared) = &self.0 else { return };
        let value = [&until.to_be_bytes(), value].concat();
        let mut ask = redis::pipe();
        ask.cmd("SET").arg(key.as_bytes()).arg(value);
        ask.arg("NX").arg("PXAT").arg(until);
        let done = shared.link.call::<redis::Value>(CacheOperation::Put, &ask);
        if done.await.is_some() {
            contacts_telemetry::cache_operation(CacheOperation::Put, CacheOutcome::Ok);
        }
    }

    /// Forgets a value. What is left in its place keeps those out who read it before.
    async fn forget(&self, key: &Key) {
        let Some(shared) = &self.0 else { return };
        let mut ask = redis::pipe();
        ask.cmd("SET").arg(key.as_bytes()).arg("");
        ask.arg("PX").arg(millis(LIFE));
        let done = shared
            .link
            .call::<redis::Value>(CacheOperation::Forget, &ask);
        if done.await.is_some() {
            contacts_telemetry::cache_operation(CacheOperation::Forget, CacheOutcome::Ok);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
