//! How long builds take, and what comes out of them.

use std::{
    fs::File,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, ensure};
use contacts_tests::repository;
use tempfile::TempDir;

use crate::{artifacts::cargo, report::Table};

/// Builds what `make run` builds and what gets deployed, from nothing and after a change to one file
/// of `shared/http`, in a folder of their own. Takes a quarter of an hour.
pub(crate) fn measure() -> Result<Table> {
    let mut table = Table::new(
        "Build times",
        "From nothing, with the crates downloaded; and after a change in `shared/http`.",
        ["built", "cold", "warm"],
    );
    let folder = TempDir::new()?;
    for (name, arguments) in [
        ("`make run`", &["--package", "standalone"][..]),
        (
            "`api-container`, release",
            &[
                "--release",
                "--package",
                "api",
                "--bin",
                "api-container",
                "--features",
                "container",
            ],
        ),
        (
            "`api-lambda`, release",
            &[
                "--release",
                "--package",
                "api",
                "--bin",
                "api-lambda",
                "--features",
                "lambda",
            ],
        ),
    ] {
        let target = folder.path().join(name.trim_matches('`'));
        let build = || -> Result<Duration> {
            let start = Instant::now();
            let status = cargo()
                .args(["build", "--quiet"])
                .args(arguments)
                .env("CARGO_TARGET_DIR", &target)
                .status()?;
            ensure!(status.success(), "{name} cannot be built");
            Ok(start.elapsed())
        };
        let cold = build()?;
        let changed = repository().join("shared/http/src/lib.rs");
        File::open(changed)?.set_modified(SystemTime::now())?;
        let warm = build()?;
        let seconds = |time: Duration| format!("{:.0} s", time.as_secs_f64());
        table.row([name.to_owned(), seconds(cold), seconds(warm)]);
    }
    Ok(table)
}
