//! An account in which the alerts of all three targets were applied, and nothing else.

use contacts_tests::alerts::Alerts;
use contacts_tests::cloudwatch::{Alarm, Metric};
use contacts_tests::moto::Moto;
use serde_json::Value;

/// What every alarm's name begins with.
pub(crate) const TITLE: &str = "contact-manager dev";

/// The account, and what was read back from it.
pub(crate) struct Account {
    pub(crate) moto: Moto,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) policies: Value,
    /// What the dashboard shows.
    pub(crate) panels: Vec<Metric>,
    /// The identifier of the workspace.
    pub(crate) workspace: String,
}

impl Account {
    /// Blocks for some seconds.
    pub(crate) fn start() -> Self {
        let alerts = Alerts::apply(&["lambda", "fargate", "ec2"], "lambda").unwrap();
        let watched = &alerts.watched;
        let state = alerts.state().unwrap();
        let workspace = watched["workspaces"][0]["arn"].as_str().unwrap();
        Self {
            moto: alerts.moto.clone(),
            alarms: Alarm::all(&watched["alarms"]).unwrap(),
            workspace: workspace.rsplit('/').next().unwrap().to_owned(),
            policies: watched["policies"].clone(),
            panels: panels(&state),
        }
    }
}

/// The metrics on the dashboard in Terraform's state (CloudWatch API Reference, "Dashboard Body Structure and Syntax").
fn panels(state: &Value) -> Vec<Metric> {
    let modules = state["values"]["root_module"]["child_modules"].as_array();
    let dashboard = modules
        .unwrap()
        .iter()
        .flat_map(|module| module["resources"].as_array().unwrap())
        .find(|resource| resource["type"] == "aws_cloudwatch_dashboard");
    let body = dashboard.unwrap()["values"]["dashboard_body"].as_str();
    let body: Value = serde_json::from_str(body.unwrap()).unwrap();
    let widgets = body["widgets"].as_array().unwrap().iter();
    widgets
        .filter_map(|widget| widget["properties"]["metrics"].as_array())
        .flatten()
        .map(|metric| {
            let words: Vec<_> = metric
                .as_array()
                .unwrap()
                .iter()
                .map_while(Value::as_str)
                .collect();
            let (name, dimensions) = words.split_at(2);
            let dimensions: Vec<_> = dimensions
                .chunks(2)
                .map(|pair| (pair[0], pair[1]))
                .collect();
            Metric::new(name[0], name[1], &dimensions)
        })
        .collect()
}
