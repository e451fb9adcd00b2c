//! The API in a container. `api-container healthcheck` asks a running one whether it answers: 0 yes,
//! 1 no.

use std::io::{Write as _, stderr};
use std::process::ExitCode;

use anyhow::{Result, bail};
use contacts_http::server;
use contacts_settings::{Door, Settings};
use contacts_telemetry::{Format, Traces};

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
    let traces = Traces::new(settings.traces.as_ref(), env!("CARGO_PKG_VERSION"))?;
    contacts_telemetry::init_logs(Format::Json, &traces)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "container");
    traces.send_in_background();
    let served = api::container::run(&settings, metrics).await;
    traces.finish().await;
    served?;
    Ok(ExitCode::SUCCESS)
}
