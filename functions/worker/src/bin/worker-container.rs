//! The worker in a container.
//!
//! `worker-container healthcheck` asks a running one whether it lives: 0 yes, 1 no.
//! The others are for operators, on the table and the queue that the environment names:
//! `redrive` brings messages back from the dead-letter queue; `token NAME [DAYS]` prints a new token for
//! somebody; `begin-epoch` is due after a table was brought back to an earlier state; `check` reads the whole
//! table and says whether it agrees with itself: 0 yes, 1 no.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Result, bail};
use contacts_http::server;
use contacts_settings::{Door, Settings};
use contacts_telemetry::{Format, Traces};
use worker::operate;

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
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words[..] {
        [] => None,
        ["healthcheck"] => {
            let healthy = server::answers(settings.listen.metrics, "/metrics");
            return Ok(ExitCode::from(u8::from(!healthy)));
        }
        ["redrive"] => Some(operate::redrive(&settings).await?),
        ["token", name] => Some(operate::token(&settings, name, "90").await?),
        ["token", name, days] => Some(operate::token(&settings, name, days).await?),
        ["begin-epoch"] => Some(operate::begin_epoch(&settings).await?),
        ["check"] => {
            let (said, clean) = operate::check(&settings).await?;
            writeln!(stdout(), "{said}")?;
            return Ok(ExitCode::from(u8::from(!clean)));
        }
        _ => bail!(
            "{:?} is not a command: there is `healthcheck`, `redrive`, `token NAME [DAYS]`, \
             `begin-epoch`, `check`, or none to work",
            words.join(" ")
        ),
    };
    if let Some(said) = said {
        writeln!(stdout(), "{said}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let traces = Traces::new(settings.traces.as_ref(), env!("CARGO_PKG_VERSION"))?;
    contacts_telemetry::init_logs(Format::Json, &traces)?;
    let metrics = contacts_telemetry::prometheus()?;
    contacts_telemetry::build_info(env!("CARGO_PKG_VERSION"), "worker-container");
    let runner = worker::runner(&settings).await;
    traces.send_in_background();
    let worked = worker::container::run(&settings, runner, metrics).await;
    traces.finish().await;
    worked?;
    Ok(ExitCode::SUCCESS)
}
