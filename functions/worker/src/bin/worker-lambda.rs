//! The worker on AWS Lambda.

use std::env;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use contacts_settings::{Door, Settings};
use contacts_telemetry::{Format, Traces};

/// Lambda tells every function its name (Lambda Developer Guide, "Defined runtime environment variables").
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// One thread: what a sandbox has of a processor is less.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(stderr(), "worker-lambda: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<()> {
    let settings = Settings::from_env(Door::WorkerLambda)?;
    let traces = Traces::new(settings.traces.as_ref(), env!("CARGO_PKG_VERSION"))?;
    contacts_telemetry::init_logs(Format::Json, &traces)?;
    let function = env::var(FUNCTION).with_context(|| format!("{FUNCTION} is not set"))?;
    let metrics = contacts_telemetry::emf(&function)?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "worker-lambda");
    contacts_telemetry::cold_start();
    let runner = worker::runner(&settings).await;
    let flush = async || {
        if let Err(error) = metrics.flush(&mut stdout()) {
            tracing::warn!(%error, "metrics were not written");
        }
        traces.flush().await;
    };
    worker::lambda::run(runner, flush)
        .await
        .map_err(|error| anyhow!(error))
}
