//! The programs that are measured.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use contacts_tests::process::{build, build_example};
use contacts_tests::repository;
use tempfile::TempDir;

/// The product's programs and their bare peers.
#[derive(Debug)]
pub(crate) struct Artifacts {
    pub(crate) lambda: PathBuf,
    pub(crate) container: PathBuf,
    pub(crate) worker: PathBuf,
    pub(crate) bare_lambda: PathBuf,
    pub(crate) bare_container: PathBuf,
    pub(crate) unwatched_container: PathBuf,
    /// What gets deployed, where that was measured.
    pub(crate) zip: Option<PathBuf>,
    _unpacked: TempDir,
}

impl Artifacts {
    /// What `make package` left in `dist/`, and the peers, built with the same profile.
    pub(crate) fn packaged() -> Result<Self> {
        let dist = repository().join("dist");
        let zip = dist.join("api-lambda.zip");
        let container = dist.join("api-container");
        let worker = dist.join("worker-container");
        for file in [&zip, &container, &worker] {
            ensure!(
                file.exists(),
                "{} is missing: run `make package`",
                file.display()
            );
        }
        let unpacked = TempDir::new()?;
        let status = Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([&zip, unpacked.path()])
            .status()?;
        ensure!(status.success(), "cannot unpack {}", zip.display());
        let lambda = unpacked.path().join("bootstrap");
        // The module forgets who may do what.
        fs::set_permissions(&lambda, fs::Permissions::from_mode(0o755))?;
        let peers = released_examples()?;
        Ok(Self {
            lambda,
            container,
            worker,
            bare_lambda: peers.join("bare_lambda"),
            bare_container: peers.join("bare_container"),
            unwatched_container: peers.join("unwatched_container"),
            zip: Some(zip),
            _unpacked: unpacked,
        })
    }

    /// Development builds, to try the benchmark itself.
    pub(crate) fn development() -> Result<Self> {
        Ok(Self {
            lambda: build("api", "api-lambda", &["lambda"])?,
            container: build("api", "api-container", &["container"])?,
            worker: build("worker", "worker-container", &["container"])?,
            bare_lambda: build_example("bare_lambda")?,
            bare_container: build_example("bare_container")?,
            unwatched_container: build_example("unwatched_container")?,
            zip: None,
            _unpacked: TempDir::new()?,
        })
    }
}

pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).stdout(Stdio::null());
    cargo
}

/// Builds the peers, with the flag for aws-lc that the Lambda artifact is built with; the folder that
/// they are in.
fn released_examples() -> Result<PathBuf> {
    let status = cargo()
        .args(["build", "--quiet", "--release", "--package"])
        .args([env!("CARGO_PKG_NAME"), "--example", "bare_lambda"])
        .args(["--example", "bare_container"])
        .args(["--example", "unwatched_container"])
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "1")
        .status()?;
    ensure!(status.success(), "the peers cannot be built");
    // This program is in `PROFILE/deps` of the target folder.
    let program = env::current_exe()?;
    let target = program.ancestors().nth(3).context("no target folder")?;
    Ok(target.join("release/examples"))
}
