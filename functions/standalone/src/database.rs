//! The database for another process: the Lambda build under `cargo lambda watch`, for one.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use contacts_http::server;
use contacts_jobs::{Runner, poll};
use contacts_settings::Settings;
use contacts_telemetry::{Format, Traces};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;

use crate::{data, owner};

/// Where `make watch` has `cargo lambda watch` listen.
const WATCHED: &str = "http://127.0.0.1:9000";

/// Variables that would lead the command to another account, or that are the owner's alone.
const UNWANTED: [&str; 5] = [
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "CONTACTS_TOKEN",
    "CONTACTS_TABLE",
];

/// Serves the database on a loopback port behind this start's random credential, runs `command` with
/// both in its environment, and ends with it. A SIGTERM or SIGINT stops the command and what it
/// started, as a SIGTERM to its process group.
pub(crate) async fn run(settings: &Settings, command: &[OsString]) -> Result<ExitCode> {
    contacts_telemetry::init_logs(Format::Text, &Traces::default())?;
    let stop = server::stop_signal()?;
    let (engine, jobs) = data::open(settings).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let database = contacts_embedded::serve(engine, listener).await?;
    let news = format!("The database is open. Under `make watch`, the API will be on {WATCHED}.");
    owner::announce(&news, jobs.contacts(), settings.token.as_ref(), WATCHED).await?;

    let (program, arguments) = command.split_first().context("name a command to run")?;
    let mut prepared = Command::new(program);
    for variable in UNWANTED {
        prepared.env_remove(variable);
    }
    let mut child = prepared
        .args(arguments)
        .envs(database.environment())
        .env("CONTACTS_TABLE", &settings.table.name)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    // What the command's process asks for is done here.
    let (stopping, stopped) = watch::channel(false);
    let work = tokio::spawn(poll(Runner::new(jobs), stopped));
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let status = tokio::select! {
        status = child.wait() => status?,
        () = stop => {
            if let Some(group) = group {
                // It may have ended by itself in this moment.
                let _ = kill_process_group(group, Signal::TERM);
            }
            child.wait().await?
        }
    };
    stopping.send_replace(true);
    work.await?;
    database.shutdown().await?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::SUCCESS, ExitCode::from))
}
