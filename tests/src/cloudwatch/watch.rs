//! The alarms of an account, looked at from time to time.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use super::alarm::{Alarm, Comparison, Metrics, State, Watches};
use super::samples::{Samples, Seconds};
use super::series::{Filling, Point};

/// Alarms and the states that they are in. What was just made does not know its state yet.
#[derive(Clone, Debug)]
pub struct Watch {
    alarms: Vec<Alarm>,
    states: BTreeMap<String, State>,
    filling: Filling,
}

/// An alarm went from one state to another.
#[derive(Clone, Debug)]
pub struct Change {
    /// The alarm.
    pub alarm: Alarm,
    /// Its state before.
    pub from: State,
    /// Its state now.
    pub to: State,
    /// Why, as CloudWatch says it.
    pub reason: String,
    /// When.
    pub at: Seconds,
}

impl Watch {
    /// These alarms, with what FILL makes of nothing.
    #[must_use]
    pub fn new(alarms: Vec<Alarm>, filling: Filling) -> Self {
        let new = |alarm: &Alarm| (alarm.name.clone(), State::InsufficientData);
        Self {
            states: alarms.iter().map(new).collect(),
            alarms,
            filling,
        }
    }

    /// The state of an alarm.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn state(&self, name: &str) -> Result<State> {
        let state = self.states.get(name).copied();
        state.with_context(|| format!("no alarm is called {name}"))
    }

    /// Looks at all alarms, those that watch metrics first; what has changed.
    ///
    /// # Errors
    /// If one cannot be evaluated.
    pub fn look(&mut self, samples: &Samples, now: Seconds) -> Result<Vec<Change>> {
        let of_metrics = |alarm: &&Alarm| matches!(alarm.watches, Watches::Metrics(_));
        let (metrics, composite): (Vec<_>, Vec<_>) = self.alarms.iter().partition(of_metrics);
        let mut changes = Vec::new();
        for alarm in metrics.into_iter().chain(composite) {
            let from = *self.states.get(&alarm.name).context("it is one of them")?;
            let (to, reason) = match &alarm.watches {
                Watches::Metrics(metrics) => {
                    let points = metrics.points(samples, now, self.filling);
                    let points = points.with_context(|| alarm.name.clone())?;
                    let to = metrics.state(&points, from);
                    (to, reason(metrics, &points, now, to))
                }
                Watches::Alarms(rule) => {
                    let state = |name: &str| {
                        let state = self.states.get(name).copied();
                        state.with_context(|| format!("no alarm is called {name}"))
                    };
                    let to = if rule.holds(&state)? {
                        State::Alarm
                    } else {
                        State::Ok
                    };
                    (to, format!("{} went to {to}: its rule says so", alarm.arn))
                }
            };
            self.states.insert(alarm.name.clone(), to);
            if from != to {
                changes.push(Change {
                    alarm: alarm.clone(),
                    from,
                    to,
                    reason,
                    at: now,
                });
            }
        }
        Ok(changes)
    }
}

/// In the words of CloudWatch's own emails, which name the points that speak for the new state.
fn reason(metrics: &Metrics, points: &[Point], now: Seconds, to: State) -> String {
    let alarm = to == State::Alarm;
    let starts = (1..).map(|back| now - metrics.period * back);
    let there = points.iter().rev().zip(starts);
    let there = there.filter_map(|(point, start)| Some(((*point)?, start)));
    let speaking: Vec<_> = there
        .take(metrics.evaluated)
        .filter(|(value, _)| metrics.breaches(*value) == alarm)
        .map(|(value, start)| {
            let start = Timestamp::from_second(start).unwrap_or_default();
            format!("{value:?} ({})", start.strftime("%d/%m/%y %H:%M:%S"))
        })
        .collect();
    let (of, enough) = (metrics.evaluated, metrics.enough);
    if speaking.is_empty() {
        return format!("Threshold Crossed: no datapoints were received for {of} periods");
    }
    let (not, least, transition) = match alarm {
        true => ("", enough, "OK -> ALARM"),
        false => ("not ", of + 1 - enough.min(of), "ALARM -> OK"),
    };
    let were = if speaking.len() == 1 { "was" } else { "were" };
    let plural = if least == 1 { "" } else { "s" };
    format!(
        "Threshold Crossed: {} out of the last {of} datapoints [{}] {were} {not}{} the threshold ({:?}) (minimum {least} datapoint{plural} for {transition} transition).",
        speaking.len(),
        speaking.join(", "),
        metrics.comparison.words(),
        metrics.threshold,
    )
}

impl Comparison {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::More => "GreaterThanThreshold",
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::Less => "LessThanThreshold",
            Self::AtMost => "LessThanOrEqualToThreshold",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::More => "greater than",
            Self::AtLeast => "greater than or equal to",
            Self::Less => "less than",
            Self::AtMost => "less than or equal to",
        }
    }
}
