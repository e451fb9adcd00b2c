//! The module `alerts`, applied alone to a simulated account and read back from it.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use contacts_tests::{
    cloud::copy_of_infra,
    moto::{Moto, python},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An account under the module.
pub(crate) struct Applied {
    /// What its workspace, CloudWatch and SNS were told.
    pub(crate) watched: Value,
    /// The resources in Terraform's state.
    pub(crate) resources: Vec<Value>,
    /// Whether a second plan found something to change.
    pub(crate) unsettled: bool,
    folder: TempDir,
}

impl Applied {
    /// For all targets at once, `fargate` having the traffic; shared by the tests of this program.
    pub(crate) fn everywhere() -> &'static Self {
        static EVERYWHERE: OnceLock<Applied> = OnceLock::new();
        EVERYWHERE.get_or_init(|| Self::to(&["lambda", "fargate", "ec2"]))
    }

    /// For these targets.
    pub(crate) fn to(targets: &[&str]) -> Self {
        let moto = Moto::start().unwrap();
        let folder = TempDir::new().unwrap();
        let root = copy_of_infra(folder.path()).unwrap().join("watched");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("main.tf"), include_str!("alerts.tf")).unwrap();
        let settings = json!({"targets": targets}).to_string();
        fs::write(root.join("terraform.tfvars.json"), settings).unwrap();
        let terraform = |arguments: &[&str], fine: &[i32]| {
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
            let code = done.status.code().unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(fine.contains(&code), "terraform {arguments:?}: {said}");
            (code, done.stdout)
        };
        terraform(&["init", "-input=false", "-no-color"], &[0]);
        terraform(
            &["apply", "-auto-approve", "-input=false", "-no-color"],
            &[0],
        );
        // 2 says that there is something to do.
        let (code, _) = terraform(
            &["plan", "-detailed-exitcode", "-input=false", "-no-color"],
            &[0, 2],
        );
        let (_, state) = terraform(&["show", "-json"], &[0]);
        let state: Value = serde_json::from_slice(&state).unwrap();
        let modules = list(&state["values"]["root_module"]["child_modules"]);
        Self {
            watched: moto.tell(&json!({"watched": true})).unwrap(),
            resources: modules
                .iter()
                .flat_map(|module| list(&module["resources"]))
                .cloned()
                .collect(),
            unsettled: code == 2,
            folder,
        }
    }

    /// The only workspace.
    pub(crate) fn workspace(&self) -> &Value {
        &self.watched["workspaces"][0]
    }

    /// The rules of a target, if it has any.
    pub(crate) fn rules(&self, target: &str) -> Vec<Value> {
        let document = &self.workspace()["rules"][format!("contact-manager-dev-{target}")];
        match document.as_str() {
            Some(document) => list(&yaml(document)["groups"][0]["rules"]).to_vec(),
            None => Vec::new(),
        }
    }

    /// The names of all alarms.
    pub(crate) fn alarms(&self) -> Vec<&str> {
        ["MetricAlarms", "CompositeAlarms"]
            .iter()
            .flat_map(|kind| list(&self.watched["alarms"][kind]))
            .map(|alarm| text(&alarm["AlarmName"]))
            .collect()
    }

    /// Writes a text into a file that goes with this value.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// A YAML document. Terraform breaks long lines in its own.
pub(crate) fn yaml(document: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let mut reader = Command::new(python().unwrap())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = reader.stdin.take().unwrap();
    input.write_all(document.as_bytes()).unwrap();
    drop(input);
    serde_json::from_slice(&reader.wait_with_output().unwrap().stdout).unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not text: {value}"))
}
