//! What the tests of this binary share.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{Instant, interval};

/// Runs a program to its end; what it wrote to standard output.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let done = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Asks again and again, for a minute.
pub(crate) async fn until(what: &str, mut fits: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    let mut tries = interval(Duration::from_millis(100));
    loop {
        tries.tick().await;
        if fits().await? {
            return Ok(());
        }
        ensure!(
            started.elapsed() < Duration::from_mins(1),
            "{what} took more than a minute"
        );
    }
}
