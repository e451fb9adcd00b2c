//! Builds of the binaries under test, each made once per test run.

use std::{
    collections::HashMap,
    env,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, ensure};
use serde_json::Value;

/// The binaries built by this process, by the arguments of their builds.
static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The path of a binary of this workspace, built by cargo with the development profile into the
/// target directory that is in use. A second call with the same arguments only returns the path.
///
/// # Errors
/// If the build fails; the compiler's messages go to this process's standard error.
pub fn build(package: &str, binary: &str, features: &[&str]) -> anyhow::Result<PathBuf> {
    let features = features.join(",");
    cargo_build(&[
        "--package",
        package,
        "--bin",
        binary,
        "--features",
        &features,
    ])
}

/// The path of an example of this package, built likewise.
///
/// # Errors
/// If the build fails.
pub fn build_example(name: &str) -> anyhow::Result<PathBuf> {
    cargo_build(&["--package", env!("CARGO_PKG_NAME"), "--example", name])
}

fn cargo_build(arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    let key = arguments.join(" ");
    if let Some(path) = built.get(&key) {
        return Ok(path.clone());
    }
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .args(arguments)
        .current_dir(crate::repository())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo build {key}` failed: {}",
        output.status
    );
    let path = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .with_context(|| format!("`cargo build {key}` made no executable"))?;
    built.insert(key, path.clone());
    Ok(path)
}
