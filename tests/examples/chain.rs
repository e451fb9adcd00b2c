//! `make chain`: what goes wrong with a program, its collector, Prometheus, the Alertmanager and SNS, and who is told
//! of it; at last the way of one alert, hop by hop. Durations are those on AWS, divided by the argument if there is
//! one. The exit code is 1 if somebody was told of what mends itself, or nobody of what does not.

use std::{
    env::args,
    io::{Write as _, stdout},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use contacts_tests::chain::{Chain, ENDS, HANGS};
use tokio::time::{Instant, sleep};

/// Longer than what mends itself may last before somebody is told: the window, the duration and a little more.
const PATIENCE_S: u64 = 300;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let pace = match args().nth(1) {
        Some(word) => word.parse().context("the argument is a number, e.g. 10")?,
        None => 1,
    };
    let mut chain = Chain::start(pace).await?;
    let mut fine = true;
    fine &= told("a program killed once: silence", killed_once(&chain).await)?;
    fine &= told(
        "a collector killed: silence",
        collector_killed(&chain).await,
    )?;
    fine &= told("a deployment: silence", deployed(&mut chain).await)?;
    fine &= told(
        "Prometheus restarted: silence",
        prometheus_restarted(&mut chain).await,
    )?;
    fine &= told(
        "samples refused for ten minutes (503): late, none lost",
        delayed(&chain).await,
    )?;
    fine &= told(
        "samples refused for good (403): told, and in the collector's log",
        lost(&chain).await,
    )?;
    fine &= told("a program that hangs: told", hung(&chain).await)?;
    fine &= told(
        "SNS failing for a while: told after it",
        sns_failing(&chain).await,
    )?;
    fine &= told(
        "the Alertmanager restarted: told once",
        told_once(&mut chain).await,
    )?;

    let broken = Instant::now();
    chain.break_api(ENDS).await?;
    let way = chain.follow("Down", broken).await;
    chain.mend_api()?;
    let mended = Instant::now();
    let over = chain.until_told("Down", true).await;
    match way.and_then(|way| over.map(|_| way)) {
        Ok(way) => say(&format!(
            "{way}\nresolved at_s={}",
            mended.elapsed().as_secs()
        ))?,
        Err(error) => {
            say(&format!("{error:#}"))?;
            fine = false;
        }
    }
    Ok(ExitCode::from(u8::from(!fine)))
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(stdout(), "{line}")?)
}

fn told(fault: &str, outcome: Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => say(&format!("ok     {fault}"))?,
        Err(ref error) => say(&format!("FAILED {fault}: {error:#}"))?,
    }
    Ok(outcome.is_ok())
}

async fn killed_once(chain: &Chain) -> Result<()> {
    chain.cloud.kill("api").await?;
    chain.stays_silent(PATIENCE_S).await?;
    chain.until_seen().await
}

async fn collector_killed(chain: &Chain) -> Result<()> {
    chain.cloud.kill_in("api", "collector").await?;
    chain.stays_silent(PATIENCE_S).await?;
    chain.until_seen().await
}

async fn deployed(chain: &mut Chain) -> Result<()> {
    chain.deploy_another().await?;
    chain.stays_silent(PATIENCE_S).await?;
    chain.until_seen().await
}

async fn prometheus_restarted(chain: &mut Chain) -> Result<()> {
    chain.monitoring.prometheus.stop().await?;
    chain.monitoring.prometheus.start().await?;
    chain.stays_silent(PATIENCE_S).await
}

async fn delayed(chain: &Chain) -> Result<()> {
    chain
        .monitoring
        .refuse_samples(Some(StatusCode::SERVICE_UNAVAILABLE));
    sleep(chain.lasts(600)).await;
    chain.monitoring.refuse_samples(None);
    chain.until_complete(600).await?;
    // Nobody could know meanwhile whether the API lived, and that was told.
    chain.until_told("Down", true).await.map(drop)
}

async fn lost(chain: &Chain) -> Result<()> {
    chain.monitoring.refuse_samples(Some(StatusCode::FORBIDDEN));
    chain.until_told("Down", false).await?;
    chain.monitoring.refuse_samples(None);
    chain.until_told("Down", true).await?;
    // The pattern by which CloudWatch counts what is lost.
    ensure!(
        chain.cloud.logs().await.contains("Dropping data"),
        "the collector does not say so"
    );
    Ok(())
}

async fn hung(chain: &Chain) -> Result<()> {
    chain.break_api(HANGS).await?;
    let outcome = chain.until_told("Down", false).await;
    chain.mend_api()?;
    outcome?;
    chain.until_told("Down", true).await.map(drop)
}

async fn sns_failing(chain: &Chain) -> Result<()> {
    chain
        .monitoring
        .refuse_messages(Some(StatusCode::INTERNAL_SERVER_ERROR));
    chain.break_api(ENDS).await?;
    chain.until_reported("Down").await?;
    chain.stays_silent(60).await?;
    chain.monitoring.refuse_messages(None);
    let outcome = chain.until_told("Down", false).await;
    chain.mend_api()?;
    outcome?;
    chain.until_told("Down", true).await.map(drop)
}

async fn told_once(chain: &mut Chain) -> Result<()> {
    chain.break_api(ENDS).await?;
    let outcome = told_once_while_broken(chain).await;
    chain.mend_api()?;
    outcome?;
    chain.until_told("Down", true).await.map(drop)
}

async fn told_once_while_broken(chain: &mut Chain) -> Result<()> {
    chain.until_told("Down", false).await?;
    chain.monitoring.alertmanager.stop().await?;
    chain.monitoring.alertmanager.start().await?;
    chain.until_reported("Down").await?;
    chain.stays_silent(PATIENCE_S).await
}
