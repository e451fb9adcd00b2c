//! The project's real binaries as child processes: built, started, watched, and never left behind.

mod build;
mod output;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, kill_process};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{Instant, interval, timeout},
};

use crate::client::{Client, Request};

pub use build::{build, build_example};
pub use output::{Line, Output, Stream};
pub use rustix::process::Signal;

/// A child process. It is killed when this value is dropped, and also when the process that holds
/// the value dies, however it dies.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
    output: Output,
    _guard: (Child, Option<ChildStdin>),
}

impl Process {
    /// Starts the program at `path` with these arguments and exactly this environment, its output
    /// captured.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(
        path: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        Self::start_into(path, arguments, environment, Output::default())
    }

    pub(crate) fn start_into(
        path: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        output: Output,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(path)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", path.display()))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.context("the process ended before it could be watched")?;
        output.capture(Stream::Out, child.stdout.take());
        output.capture(Stream::Err, child.stderr.take());
        Ok(Self {
            child,
            pid,
            output,
            _guard: guard(pid)?,
        })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// What the process has written so far, and a way to wait for more.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Sends a signal; nothing happens if the process has already ended.
    pub fn signal(&self, signal: Signal) {
        // While `child` has not been waited for, the id cannot have passed to another process.
        if self.child.id().is_some() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// If the operating system refuses to tell.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the process to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// If it still runs when `patience` is over; then it is killed.
    pub async fn terminate(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = timeout(patience, self.wait()).await {
            return Ok(status?);
        }
        self.kill().await?;
        bail!("the process did not stop within {patience:?} of SIGTERM")
    }

    /// Kills the process (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub async fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait().await
    }
}

/// A shell that waits for the end of its input, which comes when this process dies, and then kills
/// the child. Unlike a parent-death signal this works on every Unix, from any thread, without
/// `unsafe`.
fn guard(pid: Pid) -> anyhow::Result<(Child, Option<ChildStdin>)> {
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "trap '' INT TERM; read -r line; kill -KILL \"$0\""])
        .arg(pid.as_raw_nonzero().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .context("cannot start /bin/sh to guard a child process")?;
    let stdin = shell.stdin.take();
    Ok((shell, stdin))
}

/// A server of ours that listens on a loopback port of its own.
#[derive(Debug)]
pub struct Server {
    /// The running process.
    pub process: Process,
    /// Where its API listens.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub metrics: SocketAddr,
}

impl Server {
    /// Starts the binary at `path` on free ports, by `CONTACTS_LISTEN` and
    /// `CONTACTS_METRICS_LISTEN`, and waits until `GET /health` answers 200.
    ///
    /// # Errors
    /// If it ends or is not healthy within 30 seconds; the error has what it wrote.
    pub async fn start(path: &Path, environment: &[(String, String)]) -> anyhow::Result<Self> {
        let (address, metrics) = (free_address()?, free_address()?);
        let mut all = environment.to_vec();
        all.push(("CONTACTS_LISTEN".to_owned(), address.to_string()));
        all.push(("CONTACTS_METRICS_LISTEN".to_owned(), metrics.to_string()));
        let process = Process::start(path, &[], &all)?;
        let mut server = Self {
            process,
            address,
            metrics,
        };
        server.until_healthy(Duration::from_secs(30)).await?;
        Ok(server)
    }

    async fn until_healthy(&mut self, patience: Duration) -> anyhow::Result<()> {
        let client = Client::new(self.address).with_patience(Duration::from_secs(5));
        let started = Instant::now();
        let mut tries = interval(Duration::from_millis(10));
        loop {
            tries.tick().await;
            let health = client.send(&Request::new("GET", "/health")).await;
            if health.is_ok_and(|response| response.status == 200) {
                return Ok(());
            }
            let ended = self.process.child.try_wait()?;
            if ended.is_some() || started.elapsed() > patience {
                bail!(
                    "the server is not healthy (ended: {ended:?}); it wrote:\n{}",
                    self.process.output
                );
            }
        }
    }
}

/// A loopback address on which nothing listens now.
///
/// # Errors
/// If the machine has no port left.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
