//! What the tests of this binary share.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{Instant, interval};

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

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

/// The folders in which programs are: those of the path, and those of the tools that the Makefile
/// installs, for a run that it did not start.
pub(crate) fn program_folders() -> Vec<PathBuf> {
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    let mut tools: Vec<PathBuf> = fs::read_dir(home.join(".cache/contact-manager/tools"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .flat_map(|tool| [tool.join("bin"), tool])
        .collect();
    // The newest version of a tool first.
    tools.sort_by(|a, b| b.cmp(a));
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(tools).collect()
}

/// The path of a program, which may go by any of these names.
pub(crate) fn program(names: &[&str]) -> Result<PathBuf> {
    program_folders()
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .with_context(|| format!("{} is missing: `make test-tools` installs it", names[0]))
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
