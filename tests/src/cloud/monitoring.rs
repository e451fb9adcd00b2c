//! What AWS runs behind a workspace: a Prometheus under the rules that were applied, and an Alertmanager under the
//! definition that was. In the definition is added what AWS adds: where SNS is, and with whose key to ask it.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, interval};

use super::{
    Cloud,
    applied::{list, text},
    workspace::Front,
};
use crate::{
    client::{Client, Request},
    process::{Process, free_address},
    tools::{alertmanager as alertmanager_in, program},
};

/// The workspace that was applied, at work. Its programs end when this is dropped.
#[derive(Debug)]
pub struct Monitoring {
    front: Front,
    /// Evaluates the rules.
    pub prometheus: Program,
    /// Tells of what fires.
    pub alertmanager: Program,
    _folder: TempDir,
}

/// One of its programs, which can be ended and started again where it was.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    address: SocketAddr,
    process: Option<Process>,
}

impl Cloud {
    /// Starts what evaluates the rules that were applied and tells of what fires.
    ///
    /// # Errors
    /// If no workspace was applied, or its documents are not accepted.
    pub async fn monitor(&self) -> Result<Monitoring> {
        let moto = self.moto.clone();
        let watched = tokio::task::spawn_blocking(move || moto.tell(&json!({"watched": true})));
        let watched = watched.await??;
        let workspace = list(&watched["workspaces"])?.first();
        let workspace = workspace.context("a workspace was applied")?;
        let folder = TempDir::new()?;
        let (prometheus, alertmanager) = (free_address()?, free_address()?);

        let rules = workspace["rules"].as_object().context("rules by name")?;
        for (name, document) in rules {
            let path = folder.path().join(format!("{name}.rules.yaml"));
            fs::write(&path, document.as_str().context("rules are text")?)?;
            checked("promtool", &["check", "rules"], &path)?;
        }
        let settings = json!({
            "rule_files": [folder.path().join("*.rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.to_string()]}]}]},
        });
        // JSON is YAML.
        fs::write(folder.path().join("prometheus.yaml"), settings.to_string())?;

        let definition = &workspace["definition"];
        for (name, template) in definition["template_files"]
            .as_object()
            .into_iter()
            .flatten()
        {
            fs::write(
                folder.path().join(name),
                template.as_str().context("templates are text")?,
            )?;
        }
        let path = folder.path().join("alertmanager.yaml");
        let applied = text(definition, "alertmanager_config")?;
        fs::write(&path, with_access(applied, self.workspace.address))?;
        checked("amtool", &["check-config"], &path)?;

        {
            let mut state = self.workspace.state();
            state.publisher = (
                text(workspace, "arn")?.to_owned(),
                watched["policies"].clone(),
            );
            state.prometheus = Some(prometheus);
            state.alertmanager = Some(alertmanager);
        }
        let folder_of = |name: &str| folder.path().join(name).display().to_string();
        let mut monitoring = Monitoring {
            front: self.workspace.clone(),
            prometheus: Program {
                path: program(&["prometheus"])?,
                arguments: vec![
                    format!("--config.file={}", folder_of("prometheus.yaml")),
                    format!("--storage.tsdb.path={}", folder_of("series")),
                    format!("--web.listen-address={prometheus}"),
                    "--web.enable-remote-write-receiver".to_owned(),
                ],
                address: prometheus,
                process: None,
            },
            alertmanager: Program {
                path: alertmanager_in(folder.path())?,
                arguments: vec![
                    format!("--config.file={}", folder_of("alertmanager.yaml")),
                    format!("--storage.path={}", folder_of("notified")),
                    format!("--web.listen-address={alertmanager}"),
                    // It stands alone.
                    "--cluster.listen-address=".to_owned(),
                ],
                address: alertmanager,
                process: None,
            },
            _folder: folder,
        };
        monitoring.alertmanager.start().await?;
        monitoring.prometheus.start().await?;
        Ok(monitoring)
    }
}

impl Monitoring {
    /// What a query finds now: each series as `{"metric", "value"}`.
    ///
    /// # Errors
    /// If Prometheus does not answer, or the query is none.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let found = self
            .prometheus
            .get(&format!("/api/v1/query?query={query}"))
            .await?;
        ensure!(found["status"] == "success", "{found}");
        Ok(list(&found["data"]["result"])?.to_vec())
    }

    /// The names of the alerts that fire.
    ///
    /// # Errors
    /// If Prometheus does not answer.
    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let found = self.query(r#"ALERTS{alertstate="firing"}"#).await?;
        found
            .iter()
            .map(|one| Ok(text(&one["metric"], "alertname")?.to_owned()))
            .collect()
    }

    /// The names of the alerts that the Alertmanager has.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn reported(&self) -> Result<BTreeSet<String>> {
        let found = self.alertmanager.get("/api/v2/alerts").await?;
        list(&found)?
            .iter()
            .map(|one| Ok(text(&one["labels"], "alertname")?.to_owned()))
            .collect()
    }

    /// From now on samples are answered with this status, or taken again.
    pub fn refuse_samples(&self, status: Option<StatusCode>) {
        self.front.state().refuse_samples = status;
    }

    /// From now on SNS answers the Alertmanager with this status, or takes its messages again.
    pub fn refuse_messages(&self, status: Option<StatusCode>) {
        self.front.state().refuse_messages = status;
    }

    /// When samples were last taken.
    #[must_use]
    pub fn written(&self) -> Option<Instant> {
        self.front.state().written
    }

    /// When a message to SNS was last taken.
    #[must_use]
    pub fn published(&self) -> Option<Instant> {
        self.front.state().published
    }
}

impl Program {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become so: what it said.
    pub async fn start(&mut self) -> Result<()> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let process = Process::start(&self.path, &arguments, &[])?;
        let process = self.process.insert(process);
        let client = Client::new(self.address);
        let mut tries = interval(Duration::from_millis(100));
        for _ in 0..300 {
            tries.tick().await;
            let answer = client.send(&Request::new("GET", "/-/ready")).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
        }
        bail!("{} is not ready: {}", self.path.display(), process.output())
    }

    /// Ends it; what it has stored stays.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(Duration::from_secs(30)).await?;
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer = Client::new(self.address)
            .send(&Request::new("GET", path))
            .await?;
        Ok(answer.json()?)
    }
}

/// What AWS knows by itself and refuses to be told.
fn with_access(definition: &str, front: SocketAddr) -> String {
    let mut with = String::new();
    for line in definition.lines() {
        with += line;
        with.push('\n');
        let indent = &line[..line.len() - line.trim_start().len()];
        if line
            .trim_start()
            .trim_start_matches("- ")
            .starts_with("topic_arn:")
        {
            // A list's first key stands after its dash.
            let dash = if line.trim_start().starts_with('-') {
                "  "
            } else {
                ""
            };
            with += &format!("{indent}{dash}api_url: http://{front}/sns/\n");
        } else if line.trim_start().starts_with("region:") {
            with += &format!("{indent}access_key: test\n{indent}secret_key: test\n");
        }
    }
    with
}

fn checked(tool: &str, arguments: &[&str], document: &Path) -> Result<()> {
    let done = std::process::Command::new(program(&[tool])?)
        .args(arguments)
        .arg(document)
        .output()?;
    let said = [done.stdout, done.stderr].concat();
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}
