//! The worker in a container.
//!
//! `worker-container healthcheck` asks a running one whether it lives: 0 yes, 1 no.
//! `worker-container redrive` brings messages back from the dead-letter queue.

use std::io::{Write as _, stderr, stdout};
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
            let _ = writeln!(stderr(), "worker-container: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<ExitCode> {
    let settings = Settings::from_env(Door::WorkerContainer)?;
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("healthcheck") => {
            let healthy = server::answers(settings.listen.metrics, "/metrics");
            return Ok(ExitCode::from(u8::from(!healthy)));
        }
        Some("redrive") => {
            let moved = worker::runner(&settings).await.queue().redrive().await?;
            writeln!(stdout(), "{moved} messages are back in the queue.")?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => {
            bail!("{other:?} is not a command: there is `healthcheck`, `redrive`, or none to work")
        }
    }
    contacts_telemetry::init_logs(Format::Json)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "worker-container");
    let runner = worker::runner(&settings).await;
    worker::container::run(&settings, runner, metrics).await?;
    Ok(ExitCode::SUCCESS)
}
