//! Everything in one process with an embedded database.
//!
//! ```text
//! standalone                     serve the API on CONTACTS_LISTEN
//! standalone backup FILE         copy the data into FILE, running or not
//! standalone restore FILE        bring the data of FILE back, while the service is stopped
//! standalone database COMMAND…   run COMMAND with the database at its AWS_* variables
//! ```

mod data;
mod database;
mod owner;
mod serve;

use std::ffi::OsString;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use contacts_settings::{Door, Settings};

const USAGE: &str = "there is `backup FILE`, `restore FILE`, `database COMMAND…`, or none to serve";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(stderr(), "standalone: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<ExitCode> {
    let settings = Settings::from_env(Door::Standalone)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    match words.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
        [] => serve::run(&settings).await?,
        ["backup", _] => data::backup(&settings.data, Path::new(&arguments[1]))?,
        ["restore", _] => data::restore(&settings, Path::new(&arguments[1])).await?,
        ["database", _, ..] => return database::run(&settings, &arguments[1..]).await,
        _ => bail!("this is not a command: {USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
