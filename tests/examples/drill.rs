//! `make drill`: all six switches among the three targets under a load of reads and idempotent writes, then
//! releases that do not work, a program that is killed and a host that is lost. The last six lines say what
//! clients saw of each switch; the exit code is 1 if anything was lost or doubled, or failed that must not.

use std::{
    env::args,
    fs,
    io::{Write as _, stdout},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};
use contacts_tests::{
    cloud::{Cloud, Release},
    drill::{
        Report, deploy, deploy_again, deploy_in_vain, destroy, endure, is_as_planned, release_with,
        switch, switch_in_vain,
    },
    process::build_example,
};

/// Every ordered pair once, each beginning where the last one ended.
const WAY: [&str; 7] = [
    "lambda", "fargate", "ec2", "lambda", "ec2", "fargate", "lambda",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cloud = Cloud::start().await?;
    let good = Release::packaged()?;
    deploy(&cloud, WAY[0], &good).await?;
    let token = cloud.token("drill").await?;
    let mut switches = Vec::new();
    // `accidents` as an argument leaves the switches out.
    let pairs = if args().any(|word| word == "accidents") {
        &WAY[..1]
    } else {
        &WAY[..]
    };
    for pair in pairs.windows(2) {
        let report = switch(&cloud, &token, pair[1]).await?;
        say(&format!("switched {} to {}", pair[0], pair[1]))?;
        switches.push((format!("switch {}->{} {report}", pair[0], pair[1]), report));
    }
    let mut fine = switches.iter().all(|(_, report)| report.is_unharmed());
    fine &= accidents(&cloud, &token, &good).await?;
    let check = cloud.store().await?.check().await?;
    fine &= check.findings.is_empty();
    destroy(&cloud).await?;
    say(&format!("checker findings={}", check.findings.len()))?;
    for (line, _) in &switches {
        say(line)?;
    }
    Ok(ExitCode::from(u8::from(!fine)))
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(stdout(), "{line}")?)
}

/// What goes wrong, and how much of it clients may see. Begins on Lambda.
async fn accidents(cloud: &Cloud, token: &str, good: &Release) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let broken = build_example("broken")?;
    let zip = zipped(folder.path(), &broken)?;
    let crashing = script(
        folder.path(),
        "#!/bin/sh\necho no such option >&2; exit 1\n",
    )?;
    let release = |name: &str, replaced: &[(&str, &Path)]| {
        release_with(good, &folder.path().join(name), replaced)
    };

    let mut fine = true;
    let bad = release("function", &[("api-lambda.zip", &zip)])?;
    let (report, said) = deploy_in_vain(cloud, token, "lambda", &bad).await?;
    fine &= tell("rollback release on lambda", &report, 10, &said)?;
    // What failed is not what is deployed next.
    deploy_again(cloud).await?;
    is_as_planned(cloud).await?;

    let bad = release("container", &[("api-container", &broken)])?;
    deploy(cloud, "lambda", &bad).await?;
    let (report, said) = switch_in_vain(cloud, token, "fargate").await?;
    fine &= tell("rollback switch lambda->fargate", &report, 10, &said)?;

    deploy(cloud, "lambda", good).await?;
    switch(cloud, token, "fargate").await?;
    let (report, said) = deploy_in_vain(cloud, token, "fargate", &bad).await?;
    // ECS replaces all tasks before anybody looks at their answers.
    fine &= tell("rollback release on fargate", &report, 50, &said)?;
    deploy_again(cloud).await?;
    is_as_planned(cloud).await?;

    switch(cloud, token, "ec2").await?;
    let bad = release("crashing", &[("api-container", &crashing)])?;
    let (report, said) = deploy_in_vain(cloud, token, "ec2", &bad).await?;
    fine &= tell("rollback release on ec2", &report, 0, &said)?;

    deploy(cloud, "ec2", good).await?;
    // One of two.
    let report = endure(cloud, token, cloud.kill("api")).await?;
    fine &= tell("accident task killed", &report, 50, "")?;
    let report = endure(cloud, token, cloud.lose_host()).await?;
    fine &= tell("accident host lost", &report, 50, "")?;
    Ok(fine)
}

/// Says what clients saw. Whether nothing was lost or doubled, and of a hundred answers at most so many failed.
fn tell(what: &str, report: &Report, percent: u64, why: &str) -> Result<bool> {
    let Report {
        requests: asked,
        failed,
        lost,
        doubled,
        longest,
    } = report;
    let why = why.lines().last().unwrap_or_default();
    let ms = longest.as_millis();
    say(&format!(
        "{what} asked={asked} failed={failed} lost={lost} doubled={doubled} longest_ms={ms} {why}"
    ))?;
    // Chance gives one side a little more than its share.
    let bound = if percent == 0 {
        0
    } else {
        asked * percent / 100 + 5
    };
    Ok(*asked > 0 && *failed <= bound && (*lost, *doubled) == (0, 0))
}

fn zipped(folder: &Path, program: &Path) -> Result<PathBuf> {
    let zip = folder.join("broken.zip");
    let make =
        "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w', 8).write(sys.argv[2], 'bootstrap')";
    let done = Command::new("python3")
        .args(["-c", make])
        .args([&zip, program])
        .status()?;
    ensure!(done.success(), "{} cannot be written", zip.display());
    Ok(zip)
}

fn script(folder: &Path, text: &str) -> Result<PathBuf> {
    let path = folder.join("crashing.sh");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
