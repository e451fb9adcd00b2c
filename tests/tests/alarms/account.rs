//! An account in which the alerts of all three targets were applied, and nothing else.

use contacts_tests::alerts::Alerts;
use contacts_tests::cloudwatch::Alarm;
use contacts_tests::moto::Moto;
use serde_json::Value;

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
        let alerts = Alerts::apply(&["lambda", "fargate", "ec2"], "lambda").unwrap();
        let watched = &alerts.watched;
        let workspace = watched["workspaces"][0]["arn"].as_str().unwrap();
        Self {
            moto: alerts.moto.clone(),
            alarms: Alarm::all(&watched["alarms"]).unwrap(),
            workspace: workspace.rsplit('/').next().unwrap().to_owned(),
            policies: watched["policies"].clone(),
        }
    }
}
