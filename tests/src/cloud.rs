//! An AWS account that fits on one machine: what Terraform applied to it is read back and started.
//!
//! moto keeps the account. Whatever it says is deployed runs here: functions as sandboxes of the zip that
//! was uploaded, tasks of ECS as processes in networks of their own, each with the environment, command,
//! ports and secrets that were applied, behind a load balancer that follows the listener's rules. Table and
//! items are those of the embedded engine, under the name that was applied.
//!
//! What it does not do as AWS does: no policy is enforced, no image is pulled (the commands are those of
//! the [`Release`] with its digest, and AWS's collector is one of the same components), and times of health
//! checks and draining are divided by [`HASTE`].

mod applied;
mod functions;
mod keeper;
mod monitoring;
mod releases;
mod services;
mod tasks;
mod workspace;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::Mutex,
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    alb::{Alb, Listener},
    dynamodb_local::Endpoint,
    moto::Moto,
};
use applied::text;
use keeper::{Keeper, State, keep};
pub use monitoring::{Monitoring, Program};
pub use releases::Release;
use workspace::Front;

/// How much faster than on AWS it is checked and drained here.
pub const HASTE: u32 = 60;

/// How often what runs is compared with what was applied.
const BEAT: Duration = Duration::from_millis(500);

/// The account, and all that runs in it. Everything ends when this is dropped.
#[derive(Debug)]
pub struct Cloud {
    /// The load balancer.
    pub alb: Alb,
    /// Where it listens.
    pub front: Listener,
    moto: Moto,
    workspace: Front,
    database: Endpoint,
    _server: contacts_embedded::Server,
    folder: TempDir,
    releases: Arc<SyncMutex<Vec<Release>>>,
    state: Arc<Mutex<State>>,
    _keeper: JoinSet<()>,
}

impl Cloud {
    /// An empty account, and a copy of `infra/` that Terraform applies to it.
    ///
    /// # Errors
    /// If one of its parts cannot be started.
    pub async fn start() -> Result<Self> {
        let moto = tokio::task::spawn_blocking(Moto::start).await??;
        let engine = contacts_embedded::Engine::memory()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = contacts_embedded::serve(engine, listener).await?;
        let database = Endpoint::from(&server);
        let alb = Alb::empty();
        let front = alb.listen().await?;
        moto.tell(&json!({"front": front.address.to_string()}))?;
        let workspace = Front::start(&moto).await?;
        let folder = TempDir::new()?;
        copy_of_infra(folder.path())?;
        let (state, releases) = (Arc::default(), Arc::default());
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(Keeper {
            moto: moto.clone(),
            workspace: workspace.clone(),
            database: database.clone(),
            alb: alb.clone(),
            folder: folder.path().join("functions"),
            releases: Arc::clone(&releases),
            state: Arc::clone(&state),
        }));
        Ok(Self {
            alb,
            front,
            moto,
            workspace,
            database,
            _server: server,
            folder,
            releases,
            state,
            _keeper: keeper,
        })
    }

    /// The environment by which Terraform and the tools of `infra/tools` reach the account.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let url = self.moto.url();
        let mut all: Vec<_> = [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", url),
            ("TF_VAR_region", "us-east-1"),
            ("TF_IN_AUTOMATION", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for name in ["HOME", "PATH", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"] {
            if let Ok(value) = std::env::var(name) {
                all.push((name.to_owned(), value));
            }
        }
        all
    }

    /// Runs a command of `infra/tools` on the copy: its exit code, and what it said.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn tool(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let mut command = Command::new(crate::moto::python()?);
        command
            .args(["-m", "contact_manager_infra"])
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .env("PYTHONPATH", self.folder.path().join("infra/tools"))
            .current_dir(self.folder.path());
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = [done.stdout, done.stderr].concat();
        let code = done.status.code().context("the tool was killed")?;
        Ok((code, String::from_utf8_lossy(&said).into_owned()))
    }

    /// Writes a setting of Terraform for an environment, beside its own files.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn set(&self, environment: &str, settings: &str) -> Result<()> {
        let folder = self
            .folder
            .path()
            .join("infra/environments")
            .join(environment);
        fs::write(folder.join("simulator_override.tf"), SIMULATOR)?;
        fs::write(folder.join("test.auto.tfvars"), settings)?;
        Ok(())
    }

    /// Makes a release one that can be deployed.
    pub fn push(&self, release: &Release) {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        releases.push(release.clone());
    }

    /// Kills the program of one task of a service, as a crash would.
    ///
    /// # Errors
    /// If no such service runs.
    pub async fn kill(&self, service: &str) -> Result<()> {
        self.kill_in(service, service).await
    }

    /// Kills one container of one task of a service.
    ///
    /// # Errors
    /// If no such service runs, or its task has no such container.
    pub async fn kill_in(&self, service: &str, container: &str) -> Result<()> {
        let state = self.state.lock().await;
        let running = state.services.tasks.iter();
        let mut running = running.filter(|one| one.service.ends_with(&format!("/{service}")));
        let running = running.next().context("no task of the service runs")?;
        running.task.kill(container).await
    }

    /// Takes a host away, with all that runs on it and without a word.
    ///
    /// # Errors
    /// If no task runs on a host.
    pub async fn lose_host(&self) -> Result<()> {
        let state = self.state.lock().await;
        let host = state.services.tasks.iter().find_map(|one| one.host);
        let host = host.context("no task runs on a host")?;
        let lost = state.services.tasks.iter();
        for running in lost.filter(|one| one.host == Some(host)) {
            running.task.end().await;
        }
        Ok(())
    }

    /// Opens the link in the message that asks an address to confirm.
    ///
    /// # Errors
    /// If it is subscribed to nothing.
    pub fn confirm(&self, address: &str) -> Result<()> {
        self.moto.confirm(address)
    }

    /// What was sent to an address, each as `{"subject", "body"}`.
    ///
    /// # Errors
    /// If moto has ended.
    pub fn mailbox(&self, address: &str) -> Result<Vec<Value>> {
        self.moto.mailbox(address)
    }

    /// What there is in the account.
    ///
    /// # Errors
    /// If moto has ended.
    pub async fn applied(&self) -> Result<Value> {
        applied::read(&self.moto).await
    }

    /// Waits until what was applied runs and is healthy.
    ///
    /// # Errors
    /// If that takes more than three minutes: what is amiss.
    pub async fn settle(&self) -> Result<()> {
        let begun = Instant::now();
        let mut looks = interval(BEAT);
        // What was found before may be out of date.
        self.state.lock().await.trouble = Some("nobody has looked yet".to_owned());
        loop {
            looks.tick().await;
            let Some(trouble) = self.state.lock().await.trouble.clone() else {
                return Ok(());
            };
            if begun.elapsed() > Duration::from_mins(3) {
                bail!("{trouble}");
            }
        }
    }

    /// The store in the table that was applied.
    ///
    /// # Errors
    /// If there is none.
    pub async fn store(&self) -> Result<contacts_store::Store> {
        let applied = self.applied().await?;
        let table = text(&applied["tables"][0], "TableName")?;
        let client = self.database.client();
        Ok(contacts_store::Store::new(client, table, 90))
    }

    /// A token that an operator makes for somebody, by the command that is deployed.
    ///
    /// # Errors
    /// If there is no table, or the command fails.
    pub async fn token(&self, name: &str) -> Result<String> {
        let applied = self.applied().await?;
        let table = text(&applied["tables"][0], "TableName")?;
        let program = {
            let releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
            let release = releases.last().context("nothing was pushed")?;
            release.program("worker-container")?
        };
        let mut command = Command::new(program);
        command
            .args(["token", name])
            .env_clear()
            .envs(self.database.environment())
            .env("CONTACTS_TABLE", table);
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "no token was made: {said}");
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// Everything that the functions and containers have written.
    pub async fn logs(&self) -> String {
        let state = self.state.lock().await;
        state
            .functions
            .logs()
            .chain(state.services.logs())
            .collect()
    }
}

/// The settings by which the provider works with moto, and the state stays in the folder.
const SIMULATOR: &str = r#"
terraform {
  backend "local" {}
}

provider "aws" {
  max_retries                 = 5
  s3_use_path_style           = true
  skip_credentials_validation = true
}
"#;

/// Copies `infra/` into a folder, so that what Terraform writes beside it stays out of the repository.
///
/// # Errors
/// If something cannot be read or written.
pub fn copy_of_infra(folder: &Path) -> Result<PathBuf> {
    let infra = folder.join("infra");
    copy(&crate::repository().join("infra"), &infra)?;
    Ok(infra)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // What somebody has applied from this checkout stays out of it.
        if name == ".terraform" || name.to_string_lossy().contains("tfstate") {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
