//! Everything in one process with an embedded database.
//!
//! `standalone --help` says what there is.

mod data;
mod database;
mod owner;
mod serve;

use std::ffi::OsString;
use std::io::{Write as _, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use contacts_settings::{Door, Settings};

const USAGE: &str = "\
standalone                     serve the API on CONTACTS_LISTEN, 127.0.0.1:8080 if it is not set
standalone backup FILE         copy the data into the new FILE, running or not
standalone restore FILE        bring the data of FILE back, while the service is stopped
standalone database COMMAND…   run COMMAND with the database at its AWS_* variables
standalone --help              print this

The data is in CONTACTS_DATA_DIR, ./data if it is not set.
";

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
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if asks_for_help(&arguments) {
        // Before the settings are read: who asks for help may have wrong ones.
        stdout().write_all(USAGE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = Settings::from_env(Door::Standalone)?;
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    match words.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
        [] => serve::run(&settings).await?,
        ["backup", _] => data::backup(&settings.data, Path::new(&arguments[1]))?,
        ["restore", _] => data::restore(&settings, Path::new(&arguments[1])).await?,
        ["database", _, ..] => return database::run(&settings, &arguments[1..]).await,
        _ => bail!(
            "this is not a command: there is `backup FILE`, `restore FILE`, `database COMMAND…`, or none \
             to serve; `standalone --help` says what they do"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// What follows `database` is another program's.
fn asks_for_help(arguments: &[OsString]) -> bool {
    let is_help = |word: &OsString| word == "--help" || word == "-h";
    match arguments {
        [first, ..] if first == "database" => arguments.get(1).is_some_and(is_help),
        all => all.iter().any(is_help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_asked_for_anywhere_but_in_another_programs_arguments() {
        let asks = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            asks_for_help(&words)
        };
        for words in [
            &["--help"][..],
            &["-h"],
            &["backup", "-h"],
            &["database", "--help"],
        ] {
            assert!(asks(words), "{words:?}");
        }
        for words in [
            &[][..],
            &["backup", "file"],
            &["database", "cargo", "--help"],
        ] {
            assert!(!asks(words), "{words:?}");
        }
    }
}
