//! The engine's handle: opened once, cloned freely.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Credentials, Region, StalledStreamProtectionConfig,
};
use dynoxide::Database;
use tokio::sync::Semaphore;

use crate::connector::InProcess;
use crate::dispatch::{Answer, answer};
use crate::folder::Folder;

/// The embedded database. Clones share it; the data folder is released with the last one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    database: Database,
    /// The engine runs one call at a time. Callers wait here rather than each on a thread of its own.
    turn: Semaphore,
    /// Dropped after the database, so that the next holder finds a closed file.
    _folder: Option<Folder>,
}

impl Engine {
    /// Opens the database in `dir`: the file `contacts.sqlite`, made if it is missing.
    ///
    /// The folder is made 0700, its files 0600. An answered write survives the death of the process
    /// and of the machine: `SQLite`'s write-ahead log is flushed to disk at each commit.
    ///
    /// # Errors
    /// One line that names the folder and says what to do, if another process holds it, it cannot be
    /// written, it is open to other users, or the file is not a database of this version.
    pub fn open(dir: &Path) -> Result<Self> {
        let folder = Folder::take(dir)?;
        let file = folder.database();
        let path = file
            .to_str()
            .with_context(|| format!("the data folder {} must be UTF-8", dir.display()))?;
        let database = Database::new(path).map_err(|error| {
            anyhow!(
                "cannot open the database {path}, it is damaged or of another version ({error}): \
                 bring a backup back with `restore`, or start with another folder"
            )
        })?;
        Ok(Self::new(database, Some(folder)))
    }

    /// A database that lives as long as this value and touches no disk.
    ///
    /// # Errors
    /// When `SQLite` cannot be started, which means that memory is short.
    pub fn memory() -> Result<Self> {
        Ok(Self::new(Database::memory()?, None))
    }

    fn new(database: Database, folder: Option<Folder>) -> Self {
        Self(Arc::new(Inner {
            database,
            turn: Semaphore::new(1),
            _folder: folder,
        }))
    }

    /// The SDK's way to this engine, for a configuration of one's own.
    #[must_use]
    pub fn http_client(&self) -> InProcess {
        InProcess::new(self.clone())
    }

    /// An SDK configuration that reaches this engine in process, to be adjusted before it is built.
    /// Its credentials and endpoint are placeholders; nothing is looked up in the environment.
    #[must_use]
    pub fn config(&self) -> Builder {
        local_config(Credentials::new(
            "embedded", "embedded", None, None, "embedded",
        ))
        .endpoint_url("http://embedded.invalid")
        .http_client(self.http_client())
    }

    /// The SDK's client with [`Engine::config`] as it is.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(self.config().build())
    }

    /// Replaces everything with the content of a backup, in one transaction.
    pub(crate) fn replace_with(&self, file: &str) -> Result<()> {
        Ok(self.0.database.restore_from(file)?)
    }

    /// Answers one request of DynamoDB's JSON protocol.
    pub(crate) async fn answer(&self, operation: String, body: Vec<u8>) -> Result<Answer> {
        let _turn = self.0.turn.acquire().await?;
        let engine = self.clone();
        let call = move || answer(&engine.0.database, &operation, &body);
        Ok(tokio::task::spawn_blocking(call).await?)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// What every way to the engine has in common: a region that exists, and no look-ups outside.
pub(crate) fn local_config(credentials: Credentials) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .credentials_provider(credentials)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

pub(crate) const REGION: &str = "us-east-1";
