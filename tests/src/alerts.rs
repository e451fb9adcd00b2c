//! The modules `infra/modules/alerts` and `dashboards`, applied alone to a simulated account.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{cloud::copy_of_infra, moto::Moto};

/// The account, and what it was told. All of it ends when this is dropped.
#[derive(Debug)]
pub struct Alerts {
    /// The account.
    pub moto: Moto,
    /// What its workspaces, CloudWatch and SNS were told: `workspaces`, `alarms` and `policies` of topics by ARN.
    pub watched: Value,
    root: PathBuf,
    _folder: TempDir,
}

impl Alerts {
    /// Applies it for these targets, of which one has the traffic. Blocks for some seconds.
    ///
    /// # Errors
    /// If Terraform is missing, or cannot apply it.
    pub fn apply(targets: &[&str], live: &str) -> Result<Self> {
        let moto = Moto::start()?;
        let folder = TempDir::new()?;
        let root = copy_of_infra(folder.path())?.join("watched");
        fs::create_dir(&root)?;
        fs::write(root.join("main.tf"), include_str!("alerts.tf"))?;
        let settings = json!({"targets": targets, "live": live}).to_string();
        fs::write(root.join("terraform.tfvars.json"), settings)?;
        let mut alerts = Self {
            moto,
            watched: Value::Null,
            root,
            _folder: folder,
        };
        alerts.succeeds(&["init", "-input=false", "-no-color"])?;
        alerts.succeeds(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
        alerts.watched = alerts.moto.tell(&json!({"watched": true}))?;
        Ok(alerts)
    }

    /// Whether a plan finds nothing to change.
    ///
    /// # Errors
    /// If there can be no plan.
    pub fn is_settled(&self) -> Result<bool> {
        let plan = ["plan", "-detailed-exitcode", "-input=false", "-no-color"];
        let done = self.terraform(&plan)?;
        let code = done.status.code().context("terraform was killed")?;
        let said = String::from_utf8_lossy(&done.stderr);
        // 2 says that there is something to do.
        ensure!([0, 2].contains(&code), "terraform {plan:?}: {said}");
        Ok(code == 0)
    }

    /// Terraform's state, as `terraform show -json` has it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn state(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.succeeds(&["show", "-json"])?)?)
    }

    fn succeeds(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let done = self.terraform(arguments)?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "terraform {arguments:?}: {said}");
        Ok(done.stdout)
    }

    fn terraform(&self, arguments: &[&str]) -> Result<Output> {
        let mut terraform = Command::new("terraform");
        terraform
            .args(arguments)
            .current_dir(&self.root)
            .env("TF_IN_AUTOMATION", "1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", self.moto.url())
            .env_remove("AWS_PROFILE");
        terraform.output().context("cannot start terraform")
    }
}
