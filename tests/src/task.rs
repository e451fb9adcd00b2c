//! A task of Amazon ECS with `awsvpc` networking: its containers are processes in a network of their
//! own, with the commands, the environment and the ports that its definition gives them.
//!
//! What a container engine would add is not there: images, file systems, limits. The container's own
//! test has those.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixListener},
    task::JoinSet,
};

use crate::{
    namespace::{isolated, lead_in},
    tools::Script,
};

/// A container of a task.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name in the task.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// Names of the containers on which it depends: they start before it and stop after it.
    pub after: Vec<String>,
}

/// A running task. Its processes end when this is dropped or this process dies.
#[derive(Debug)]
pub struct Task {
    script: Arc<Mutex<Script>>,
    folder: TempDir,
    /// Where on this machine each of its ports is reached.
    pub ports: BTreeMap<u16, SocketAddr>,
    _relays: JoinSet<()>,
}

impl Task {
    /// Starts the containers. `ports` are those on which the task is reached; `outside` are loopback
    /// ports of this machine that the task reaches on its own loopback under the same number.
    ///
    /// # Errors
    /// If iproute2 or Python is missing, this user may not make a network namespace, or a program
    /// cannot be started.
    pub async fn start(
        containers: &[Container],
        ports: &[u16],
        outside: &[SocketAddr],
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let mut relays = JoinSet::new();
        for address in outside {
            let socket = UnixListener::bind(way(folder.path(), address.port()))?;
            relays.spawn(lead_out(socket, *address));
        }
        let described: Vec<Value> = containers.iter().map(describe).collect();
        let out: Vec<_> = outside.iter().map(SocketAddr::port).collect();
        let out: Vec<_> = out
            .iter()
            .map(|port| json!([port, port.to_string()]))
            .collect();
        let task = json!({"containers": described, "in": ports, "out": out});
        let path = folder.path().to_owned();
        let script = tokio::task::spawn_blocking(move || start(&path, &task)).await??;
        let mut reached = BTreeMap::new();
        for port in ports {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            reached.insert(*port, listener.local_addr()?);
            relays.spawn(lead_in(listener, way(folder.path(), *port)));
        }
        Ok(Self {
            script: Arc::new(Mutex::new(script)),
            folder,
            ports: reached,
            _relays: relays,
        })
    }

    /// Stops the task as ECS does: SIGTERM to those on whom nobody depends, then to the others; SIGKILL
    /// after `grace` for each. The exit codes, negative for signals.
    ///
    /// # Errors
    /// If the host of the task is gone.
    pub async fn stop(&self, grace: Duration) -> Result<BTreeMap<String, Option<i64>>> {
        exits(&self.ask(json!({"stop": grace.as_secs_f64()})).await?)
    }

    /// Ends all of it at once and without a word, as the loss of its host does.
    pub async fn end(&self) {
        // Nobody is left to answer.
        let _ = self.ask(json!({"end": true})).await;
    }

    /// Kills a container (SIGKILL).
    ///
    /// # Errors
    /// If there is no such container, or the host of the task is gone.
    pub async fn kill(&self, container: &str) -> Result<()> {
        self.ask(json!({"kill": container})).await.map(drop)
    }

    /// Starts a container again that has ended, as a restart policy does.
    ///
    /// # Errors
    /// If there is no such container, its program is gone, or the host of the task is.
    pub async fn restart(&self, container: &str) -> Result<()> {
        self.ask(json!({"restart": container})).await.map(drop)
    }

    /// The exit codes of the containers that have ended.
    ///
    /// # Errors
    /// If the host of the task is gone.
    pub async fn exits(&self) -> Result<BTreeMap<String, Option<i64>>> {
        exits(&self.ask(json!({})).await?)
    }

    /// Runs a command with the environment and in the network of a container, such as its health
    /// check: its exit code.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn run(&self, container: &str, command: &[String]) -> Result<i64> {
        let code = self.ask(json!({"name": container, "run": command})).await?;
        code.as_i64().context("an exit code is a number")
    }

    /// What a container has written so far.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn log(&self, container: &str) -> Result<String> {
        let file = self.folder.path().join(format!("{container}.log"));
        let log = fs::read(&file).with_context(|| format!("there is no container {container}"))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    async fn ask(&self, question: Value) -> Result<Value> {
        let script = Arc::clone(&self.script);
        tokio::task::spawn_blocking(move || {
            let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
            script.ask(&question)
        })
        .await?
    }
}

fn start(folder: &Path, task: &Value) -> Result<Script> {
    let host = crate::repository().join("tests/src/task/host.py");
    let (mut script, _) = Script::start(isolated("python3").arg(host).arg(folder))
        .context("cannot run a task in a network of its own")?;
    script.ask(task)?;
    Ok(script)
}

fn describe(container: &Container) -> Value {
    let environment: BTreeMap<_, _> = container.environment.iter().cloned().collect();
    json!({
        "name": container.name,
        "command": container.command,
        "environment": environment,
        "after": container.after,
    })
}

fn exits(answer: &Value) -> Result<BTreeMap<String, Option<i64>>> {
    let answer = answer
        .as_object()
        .context("the host tells of each container")?;
    Ok(answer
        .iter()
        .map(|(name, code)| (name.clone(), code.as_i64()))
        .collect())
}

fn way(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("{port}.sock"))
}

async fn lead_out(socket: UnixListener, address: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut here, _)) = socket.accept().await {
        connections.spawn(async move {
            if let Ok(mut there) = TcpStream::connect(address).await {
                let _ = there.set_nodelay(true);
                let _ = copy_bidirectional(&mut here, &mut there).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
