//! The API in a container. `api-container healthcheck` asks a running one whether it answers: 0 yes,
//! 1 no.

use std::io::{Write as _, stderr};
use std::process::ExitCode;

use anyhow::{Result, bail};
use contacts_http::server;
use contacts_settings::{Door, Settings};
use contacts_telemetry::Format;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(stderr(), "api-container: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<ExitCode> {
    let settings = Settings::from_env(Door::Container)?;
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("healthcheck") => {
            let healthy = server::answers(settings.listen.listen, "/health");
            return Ok(ExitCode::from(u8::from(!healthy)));
        }
        Some(other) => {
            bail!("{other:?} is not a command: there is `healthcheck`, or none to serve")
        }
    }
    contacts_telemetry::init_logs(Format::Json)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "container");
    api::container::run(&settings, metrics).await?;
    Ok(ExitCode::SUCCESS)
}
