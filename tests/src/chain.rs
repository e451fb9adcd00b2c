//! The way of an alert from a program that has ended to the email, hop by hop.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, Interval, interval};

use crate::{
    cloud::{Cloud, Monitoring, Release},
    drill::{ON_CALL, deploy_at, release_with},
    moto::Email,
};

/// An environment on `fargate` with everything that watches it.
#[derive(Debug)]
pub struct Chain {
    /// The account.
    pub cloud: Cloud,
    /// What AWS runs for its workspace.
    pub monitoring: Monitoring,
    release: Release,
    pace: u32,
    folder: TempDir,
    /// How many emails somebody has waited for.
    read: AtomicUsize,
}

/// When an alert passed each place, from the fault on.
#[derive(Debug)]
pub struct Way {
    hops: Vec<(&'static str, Duration)>,
    /// What arrived.
    pub email: Email,
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .hops
            .iter()
            .map(|(hop, at)| format!("hop={hop} at_s={}", at.as_secs()));
        out.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

/// A program that cannot start.
pub const ENDS: &str = "#!/bin/sh\nexit 1\n";

/// A program that takes connections and never answers.
pub const HANGS: &str = r#"#!/usr/bin/env python3
import signal, socket
listeners = [socket.create_server(address) for address in (("0.0.0.0", 8080), ("127.0.0.1", 5000))]
signal.pause()
"#;

/// The places that an alert passes on its way to a mailbox.
const HOPS: [&str; 5] = ["scrape", "remote_write", "rule", "alertmanager", "sns"];

impl Chain {
    /// Applies the environment and waits until its tasks are seen. `pace` divides the durations of alerts.
    ///
    /// # Errors
    /// If it cannot be applied, or the metrics of a task do not arrive.
    pub async fn start(pace: u32) -> Result<Self> {
        let packaged = tokio::task::spawn_blocking(Release::packaged).await??;
        let folder = TempDir::new()?;
        // Its own copy, to be broken.
        let release = release_with(&packaged, &folder.path().join("release"), &[])?;
        let cloud = Cloud::start().await?;
        deploy_at(&cloud, "fargate", &release, pace).await?;
        let monitoring = cloud.monitor().await?;
        let chain = Self {
            cloud,
            monitoring,
            release,
            pace,
            folder,
            read: AtomicUsize::default(),
        };
        chain.until_seen().await?;
        Ok(chain)
    }

    /// Waits until the metrics of the API and of the worker arrive.
    ///
    /// # Errors
    /// If they do not: what was written instead.
    pub async fn until_seen(&self) -> Result<()> {
        let up = r#"count by (aws_ecs_task_family) (up{job="contact-manager"} == 1)"#;
        let mut looks = interval(Duration::from_millis(200));
        for _ in 0..600 {
            looks.tick().await;
            if self.monitoring.query(up).await?.len() == 2 {
                return Ok(());
            }
        }
        bail!("no metrics arrive:\n{}", self.cloud.logs().await)
    }

    /// From now on this script is the API's program, and the one that ran has ended.
    ///
    /// # Errors
    /// If it cannot be replaced.
    pub async fn break_api(&self, script: &str) -> Result<()> {
        let program = self.release.folder.join("api-container");
        fs::rename(&program, program.with_extension("good"))?;
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        self.cloud.kill("api").await
    }

    /// The API's program is as it was.
    ///
    /// # Errors
    /// If it was not broken.
    pub fn mend_api(&self) -> Result<()> {
        let program = self.release.folder.join("api-container");
        Ok(fs::rename(program.with_extension("good"), &program)?)
    }

    /// Follows an alert until its email has arrived.
    ///
    /// # Errors
    /// If it does not: where it was last seen.
    pub async fn follow(&self, alert: &str, since: Instant) -> Result<Way> {
        let began = (SystemTime::now() - since.elapsed()).duration_since(SystemTime::UNIX_EPOCH)?;
        let patience = self.patience();
        let (mut hops, mut looks) = (Vec::new(), looks());
        for hop in HOPS {
            while !self.passed(hop, alert, began, since).await? {
                looks.tick().await;
                ensure!(
                    since.elapsed() < patience,
                    "{alert} did not reach {hop} within {patience:?}; it passed {hops:?}\n{}",
                    self.cloud.logs().await
                );
            }
            hops.push((hop, since.elapsed()));
        }
        let email = self.until_told(alert, false).await?;
        hops.push(("email", since.elapsed()));
        Ok(Way { hops, email })
    }

    /// Whether an alert has passed a place since then.
    async fn passed(
        &self,
        hop: &str,
        alert: &str,
        began: Duration,
        since: Instant,
    ) -> Result<bool> {
        Ok(match hop {
            "scrape" => {
                let newest = self.scraped().await?;
                newest.is_some_and(|at| at > began.as_secs_f64())
            }
            "remote_write" => self.monitoring.written().is_some_and(|at| at > since),
            "rule" => self.monitoring.firing().await?.contains(alert),
            "alertmanager" => self.monitoring.reported().await?.contains(alert),
            _ => self.monitoring.published().is_some_and(|at| at > since),
        })
    }

    /// Waits for the next email that an alert is there, or over.
    ///
    /// # Errors
    /// If it does not arrive.
    pub async fn until_told(&self, alert: &str, over: bool) -> Result<Email> {
        let (until, mut looks) = (Instant::now() + self.patience(), looks());
        loop {
            looks.tick().await;
            if let Some(email) = self.next_email(alert, over)? {
                return Ok(email);
            }
            let logs = self.cloud.logs();
            ensure!(
                Instant::now() < until,
                "nobody was told of {alert}\n{}",
                logs.await
            );
        }
    }

    /// Waits until the Alertmanager has heard of an alert.
    ///
    /// # Errors
    /// If it does not.
    pub async fn until_reported(&self, alert: &str) -> Result<()> {
        let (until, mut looks) = (Instant::now() + self.patience(), looks());
        while !self.monitoring.reported().await?.contains(alert) {
            looks.tick().await;
            ensure!(
                Instant::now() < until,
                "the Alertmanager does not hear of {alert}"
            );
        }
        Ok(())
    }

    /// Replaces the release by one whose programs are other files.
    ///
    /// # Errors
    /// If it cannot be deployed.
    pub async fn deploy_another(&mut self) -> Result<()> {
        let folder = self.folder.path().join("another");
        let another = release_with(&self.release, &folder, &[])?;
        for name in ["api-container", "worker-container"] {
            // What follows a program's last section is no part of it.
            let mut file = fs::OpenOptions::new()
                .append(true)
                .open(folder.join(name))?;
            file.write_all(b"another")?;
        }
        self.release = Release::of(&another.folder)?;
        deploy_at(&self.cloud, "fargate", &self.release, self.pace).await
    }

    /// How long something takes here that takes so many seconds on AWS.
    #[must_use]
    pub fn lasts(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) / self.pace
    }

    /// Watches for so many seconds of AWS whether somebody is told of something.
    ///
    /// # Errors
    /// If somebody is: of what.
    pub async fn stays_silent(&self, seconds: u64) -> Result<()> {
        let (before, until) = (self.emails()?.len(), Instant::now() + self.lasts(seconds));
        let mut looks = interval(Duration::from_millis(200));
        while Instant::now() < until {
            looks.tick().await;
            let emails = self.emails()?;
            ensure!(emails.len() == before, "{:?}", &emails[before..]);
        }
        Ok(())
    }

    /// Waits until all samples of `up` of the API are there that were taken in the last seconds of AWS.
    ///
    /// # Errors
    /// If more than two of them are missing.
    pub async fn until_complete(&self, seconds: u64) -> Result<()> {
        let window = self.lasts(seconds).as_secs();
        let now = Timestamp::now().as_second();
        let query = format!(
            r#"sum(count_over_time(up{{aws_ecs_task_family=~".*-api"}}[{window}s] @ {now}))"#
        );
        let (until, mut looks) = (Instant::now() + self.patience(), looks());
        loop {
            looks.tick().await;
            let found = self.monitoring.query(&query).await?;
            let found = found.first().and_then(|one| one["value"][1].as_str());
            let found: u64 = found.map_or(Ok(0), str::parse)?;
            if found + 2 >= seconds / 15 {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "{found} of {} samples are there",
                seconds / 15
            );
        }
    }

    /// Everything that was sent to whoever is on call.
    ///
    /// # Errors
    /// If the account is gone.
    pub fn emails(&self) -> Result<Vec<Email>> {
        let mailbox = self.cloud.mailbox(ON_CALL)?;
        let text = |email: &Value, part: &str| email[part].as_str().unwrap_or_default().to_owned();
        Ok(mailbox
            .iter()
            .map(|email| Email {
                subject: text(email, "subject"),
                body: text(email, "body"),
            })
            .collect())
    }

    /// The first email about an alert that nobody has waited for yet.
    fn next_email(&self, alert: &str, over: bool) -> Result<Option<Email>> {
        let read = self.read.load(Ordering::Relaxed);
        let emails = self.emails()?;
        let found = emails.iter().enumerate().skip(read).find(|(_, email)| {
            email.subject.ends_with(alert) && email.subject.contains("RESOLVED") == over
        });
        if let Some((place, _)) = found {
            self.read.store(place + 1, Ordering::Relaxed);
        }
        Ok(found.map(|(_, email)| email.clone()))
    }

    /// How long an alert may be on its way.
    fn patience(&self) -> Duration {
        self.lasts(900) + Duration::from_mins(1)
    }

    /// When the newest sample was taken, in seconds since 1970.
    async fn scraped(&self) -> Result<Option<f64>> {
        let found = self
            .monitoring
            .query(r#"max(timestamp(up{job="contact-manager"}))"#)
            .await?;
        let newest = found.first().and_then(|one| one["value"][1].as_str());
        Ok(newest.and_then(|text| text.parse().ok()))
    }
}

fn looks() -> Interval {
    interval(Duration::from_millis(100))
}
