//! The API on AWS Lambda.

use std::env;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use contacts_settings::{Door, Settings};
use contacts_telemetry::{Format, System, Traces};

/// Lambda tells every function its name (Lambda Developer Guide, "Defined runtime environment variables").
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// And how much memory it is configured with, in MiB.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// One thread: a sandbox serves one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(stderr(), "api-lambda: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<()> {
    let settings = Settings::from_env(Door::Lambda)?;
    let traces = Traces::new(settings.traces.as_ref(), env!("CARGO_PKG_VERSION"))?;
    contacts_telemetry::init_logs(Format::Json, &traces)?;
    let function = env::var(FUNCTION).with_context(|| format!("{FUNCTION} is not set"))?;
    let metrics = contacts_telemetry::emf(&function)?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "lambda");
    contacts_telemetry::cold_start();
    let memory = env::var(MEMORY).ok().and_then(|mib| mib.parse().ok());
    let memory = memory.map(|mib: f64| mib * 1024.0 * 1024.0);
    let system = System::process("lambda", &function, memory);
    let (app, jobs) = api::app(&settings, system).await?;
    // The first call pays for credentials, name look-up and TLS: here it costs no request anything.
    if let Err(error) = jobs.contacts().store().ready().await {
        tracing::warn!(%error, "the table did not answer during the start");
    }
    let flush = async || {
        if let Err(error) = metrics.flush(&mut stdout()) {
            tracing::warn!(%error, "metrics were not written");
        }
        traces.flush().await;
    };
    api::lambda::run(contacts_http::router(app), flush)
        .await
        .map_err(|error| anyhow!(error))
}
