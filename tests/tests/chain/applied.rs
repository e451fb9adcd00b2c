//! The module `alerts`, applied alone to a simulated account and read back from it.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use contacts_tests::{alerts::Alerts, moto::python};
use serde_json::Value;
use tempfile::TempDir;

/// The target that has the traffic where all of them are.
pub(crate) const LIVE: &str = "fargate";

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
    /// For all targets at once; shared by the tests of this program.
    pub(crate) fn everywhere() -> &'static Self {
        static EVERYWHERE: OnceLock<Applied> = OnceLock::new();
        EVERYWHERE.get_or_init(|| Self::to(&["lambda", "fargate", "ec2"], LIVE))
    }

    /// For these targets, of which one has the traffic.
    pub(crate) fn to(targets: &[&str], live: &str) -> Self {
        let alerts = Alerts::apply(targets, live).unwrap();
        let state = alerts.state().unwrap();
        let modules = list(&state["values"]["root_module"]["child_modules"]);
        Self {
            resources: modules
                .iter()
                .flat_map(|module| list(&module["resources"]))
                .cloned()
                .collect(),
            unsettled: !alerts.is_settled().unwrap(),
            folder: TempDir::new().unwrap(),
            watched: alerts.watched,
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
