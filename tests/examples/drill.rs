//! `make drill`: all six switches among the three targets under a load of reads and idempotent writes. The
//! last six lines say what clients saw of each; the exit code is 1 if one of them lost anything.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use anyhow::Result;
use contacts_tests::{
    cloud::Cloud,
    drill::{deploy, destroy, switch},
};

/// Every ordered pair once, each beginning where the last one ended.
const WAY: [&str; 7] = [
    "lambda", "fargate", "ec2", "lambda", "ec2", "fargate", "lambda",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cloud = Cloud::start().await?;
    deploy(&cloud, WAY[0]).await?;
    let token = cloud.token("drill").await?;
    let mut reports = Vec::new();
    for pair in WAY.windows(2) {
        let report = switch(&cloud, &token, pair[1]).await?;
        reports.push((format!("switch {}->{} {report}", pair[0], pair[1]), report));
    }
    let check = cloud.store().await?.check().await?;
    destroy(&cloud).await?;
    writeln!(stdout(), "checker findings={}", check.findings.len())?;
    for (line, _) in &reports {
        writeln!(stdout(), "{line}")?;
    }
    let fine = check.findings.is_empty() && reports.iter().all(|(_, report)| report.is_unharmed());
    Ok(ExitCode::from(u8::from(!fine)))
}
