//! A Redis server of a test's own: the real one, on a loopback port, in memory alone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{os::unix::fs::symlink, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use aws_config::SdkConfig;
use contacts_cache::Cache;
use contacts_settings::{Door, Settings, Strings};
use redis::{Client, FromRedisValue, aio::MultiplexedConnection};
use tempfile::TempDir;
use tokio::time::{Instant, interval};

use crate::{
    process::{Process, Signal, free_address},
    tools::program,
};

/// A running server. It ends when it is dropped, or when this process dies.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    address: SocketAddr,
    tls_address: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    login: String,
}

impl Redis {
    /// Starts one and returns when it answers.
    ///
    /// # Errors
    /// If it is not installed.
    pub async fn start() -> Result<Self> {
        Self::run(None).await
    }

    /// One that wants this password, and can also be reached by TLS.
    ///
    /// # Errors
    /// As with [`Redis::start`], and if no certificate can be made.
    pub async fn guarded(password: &str) -> Result<Self> {
        Self::run(Some(password)).await
    }

    async fn run(password: Option<&str>) -> Result<Self> {
        let folder = TempDir::new()?;
        // One program goes by two names, and looks at the one by which it is started.
        symlink(
            program(&["redis-server", "redis-check-rdb"])?,
            folder.path().join("redis-server"),
        )?;
        let (address, tls_address) = (free_address()?, free_address()?);
        let port = address.port().to_string();
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port, "--save", ""];
        arguments.extend(["--appendonly", "no", "--daemonize", "no"]);
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        if let Some(password) = password {
            certify(folder.path())?;
            let tls_port = tls_address.port().to_string();
            for (name, value) in [
                ("--requirepass", password),
                ("--tls-port", &tls_port),
                ("--tls-auth-clients", "no"),
            ] {
                arguments.extend([name.to_owned(), value.to_owned()]);
            }
            for (name, file) in [
                ("--tls-cert-file", "server.pem"),
                ("--tls-key-file", "server.key"),
                ("--tls-ca-cert-file", AUTHORITY),
            ] {
                let file = folder.path().join(file).display().to_string();
                arguments.extend([name.to_owned(), file]);
            }
        }
        let mut server = Self {
            process: launch(folder.path(), &arguments)?,
            address,
            tls_address,
            folder,
            arguments,
            login: password.map_or_else(String::new, |password| format!(":{password}@")),
        };
        server.until_ready().await?;
        Ok(server)
    }

    /// Its address by TLS, for `CONTACTS_CACHE_URL`.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("rediss://{}{}", self.login, self.tls_address)
    }

    /// The certificate of the authority that vouches for it, for `SSL_CERT_FILE`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// Its address, for `CONTACTS_CACHE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}{}", self.login, self.address)
    }

    /// The way to it, as a process of ours has one, once it is there.
    ///
    /// # Errors
    /// If it does not come within ten seconds.
    pub async fn cache(&self, namespace: &str) -> Result<Cache> {
        let url = self.url();
        let strings: Strings = [("CONTACTS_CACHE_URL", &*url)].into_iter().collect();
        let settings = Settings::read(Door::Standalone, &strings)?;
        let server = settings.cache.context("the URL is one")?;
        let cache = Cache::new(&server, namespace, &SdkConfig::builder().build());
        let (started, mut tries) = (Instant::now(), interval(Duration::from_millis(2)));
        while !cache.is_up() {
            tries.tick().await;
            if started.elapsed() > Duration::from_secs(10) {
                bail!("no connection came about");
            }
        }
        Ok(cache)
    }

    /// Asks it something.
    ///
    /// # Errors
    /// If it does not answer, or refuses.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&[u8]]) -> Result<T> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        Ok(command.query_async(&mut self.connection().await?).await?)
    }

    /// Every key with its value.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn everything(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let keys: Vec<Vec<u8>> = self.ask(&[b"KEYS", b"*"]).await?;
        let mut all = Vec::new();
        for key in keys {
            // It may have expired since.
            if let Some(value) = self.ask::<Option<Vec<u8>>>(&[b"GET", &key]).await? {
                all.push((key, value));
            }
        }
        Ok(all)
    }

    /// Empties it.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn flush(&self) -> Result<()> {
        self.ask::<()>(&[b"FLUSHALL"]).await
    }

    /// Freezes it (SIGSTOP): connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// If the operating system refuses.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await?;
        Ok(())
    }

    /// Starts it again on the same port, without what it held.
    ///
    /// # Errors
    /// As with [`Redis::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.process = launch(self.folder.path(), &self.arguments)?;
        self.until_ready().await
    }

    async fn connection(&self) -> Result<MultiplexedConnection> {
        let client = Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let (started, mut tries) = (Instant::now(), interval(Duration::from_millis(10)));
        loop {
            tries.tick().await;
            if self.ask::<String>(&[b"PING"]).await.is_ok() {
                return Ok(());
            }
            if started.elapsed() > Duration::from_secs(10) {
                bail!("redis-server does not answer:\n{}", self.process.output());
            }
        }
    }
}

fn launch(folder: &Path, arguments: &[String]) -> Result<Process> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Process::start(&folder.join("redis-server"), &arguments, &[])
}

const AUTHORITY: &str = "authority.pem";

/// Makes an authority, and a certificate of it for 127.0.0.1, good for a day.
fn certify(folder: &Path) -> Result<()> {
    let authority = "-subj /CN=authority -keyout authority.key -out authority.pem \
                     -addext basicConstraints=critical,CA:TRUE";
    let server = "-subj /CN=server -keyout server.key -out server.pem -CA authority.pem \
                  -CAkey authority.key -addext basicConstraints=critical,CA:FALSE \
                  -addext subjectAltName=IP:127.0.0.1";
    for request in [authority, server] {
        let done = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"])
            .args(request.split_whitespace())
            .current_dir(folder)
            .output()
            .context("cannot start openssl: `make test-commands` installs it")?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "openssl failed: {said}");
    }
    Ok(())
}
