//! An account in which the alerts of all three targets were applied, and nothing else.

use std::fs;
use std::process::Command;

use contacts_tests::cloud::copy_of_infra;
use contacts_tests::cloudwatch::Alarm;
use contacts_tests::moto::Moto;
use serde_json::{Value, json};

/// What every alarm's name begins with.
pub(crate) const TITLE: &str = "contact-manager dev";

/// The account, and what was read back from it.
pub(crate) struct Account {
    pub(crate) moto: Moto,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) policies: Value,
    /// The identifier of the workspace.
    pub(crate) workspace: String,
}

impl Account {
    /// Blocks for some seconds.
    pub(crate) fn start() -> Self {
        let moto = Moto::start().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let root = copy_of_infra(copy.path()).unwrap().join("alerts");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("main.tf"), include_str!("../chain/alerts.tf")).unwrap();
        let targets = json!({"targets": ["lambda", "fargate", "ec2"]});
        fs::write(root.join("terraform.tfvars.json"), targets.to_string()).unwrap();
        for arguments in [
            &["init", "-input=false", "-no-color"][..],
            &["apply", "-auto-approve", "-input=false", "-no-color"],
        ] {
            let done = Command::new("terraform")
                .args(arguments)
                .current_dir(&root)
                .env("TF_IN_AUTOMATION", "1")
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_ENDPOINT_URL", moto.url())
                .env_remove("AWS_PROFILE")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "terraform {arguments:?}: {said}");
        }
        let mut read = moto.tell(&json!({"watched": true})).unwrap();
        let workspace = read["workspaces"][0]["arn"].as_str().unwrap().to_owned();
        Self {
            moto,
            alarms: Alarm::all(&read["alarms"]).unwrap(),
            workspace: workspace.rsplit('/').next().unwrap().to_owned(),
            policies: read["policies"].take(),
        }
    }
}
