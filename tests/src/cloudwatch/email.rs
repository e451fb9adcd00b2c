//! What CloudWatch tells by email, through the topic that an alarm names.

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::alarm::{State, Watches};
use super::watch::Change;
use crate::moto::{Email, Moto};
use crate::policy::allows;

/// The longest subject that SNS takes (Amazon SNS API Reference, `Publish`).
const SUBJECT: usize = 100;

impl Change {
    /// The email of this change, as the examples of AWS's documentation show it (AWS Support User Guide, "Creating
    /// Amazon CloudWatch alarms to monitor AWS Trusted Advisor metrics").
    #[must_use]
    pub fn email(&self) -> Email {
        let Self {
            alarm, from, to, ..
        } = self;
        let (name, reason) = (&alarm.name, &self.reason);
        let part = |number| alarm.arn.split(':').nth(number).unwrap_or_default();
        let region = region(part(3));
        let at = Timestamp::from_second(self.at).unwrap_or_default();
        let at = at.strftime("%A %d %B, %Y %H:%M:%S UTC");
        let subject = format!("{to}: \"{name}\" in {region}");
        let mut body = format!(
            "You are receiving this email because your Amazon CloudWatch Alarm \"{name}\" in the {region} region has \
             entered the {to} state, because \"{reason}\" at \"{at}\".\n\n\
             Alarm Details:\n\
             - Name:                       {name}\n\
             - Description:                {}\n\
             - State Change:               {from} -> {to}\n\
             - Reason for State Change:    {reason}\n\
             - Timestamp:                  {at}\n\
             - AWS Account:                {}\n\
             - Alarm Arn:                  {}\n",
            alarm.description,
            part(4),
            alarm.arn,
        );
        if let Watches::Metrics(metrics) = &alarm.watches {
            body += &format!(
                "\nThreshold:\n- The alarm is in the ALARM state when the metric is {} {:?} for at least {} of the \
                 last {} period(s) of {} seconds.\n",
                metrics.comparison.name(),
                metrics.threshold,
                metrics.enough,
                metrics.evaluated,
                metrics.period,
            );
        }
        Email {
            subject: subject.chars().take(SUBJECT).collect(),
            body,
        }
    }

    /// Publishes the email to each topic that the alarm names for its new state, if the topic's policy lets CloudWatch.
    ///
    /// # Errors
    /// If a policy does not, or the account is gone.
    pub async fn tell(&self, moto: &Moto, policies: &Value) -> Result<()> {
        let topics: &[String] = match self.to {
            State::Alarm => &self.alarm.alarm_actions,
            State::Ok => &self.alarm.ok_actions,
            State::InsufficientData => &[],
        };
        let Email { subject, body } = self.email();
        for topic in topics {
            ensure!(
                allows(
                    &policies[topic.as_str()],
                    "cloudwatch.amazonaws.com",
                    &self.alarm.arn
                ),
                "the policy of {topic} does not let {} publish",
                self.alarm.arn
            );
            let publish = moto.sns().publish().topic_arn(topic);
            let publish = publish.subject(&subject).message(&body);
            publish.send().await.with_context(|| topic.clone())?;
        }
        Ok(())
    }
}

/// The name of a region as emails have it; of one that no test is about, its code.
fn region(code: &str) -> &str {
    match code {
        "us-east-1" => "US East (N. Virginia)",
        other => other,
    }
}
