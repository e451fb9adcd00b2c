//! An alarm as `DescribeAlarms` gives it, and its state by the samples there are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value as Json;

use super::insights::Select;
use super::math::Expression;
use super::rule::Rule;
use super::samples::{Metric, Samples, Seconds, Statistic};
use super::series::{Filling, Point, Value, compute};

/// CloudWatch looks at more points than an alarm evaluates, so that late ones count. How many more it does not say;
/// in the examples of the User Guide it looks at five for three.
const MORE: usize = 2;

/// The longest that an alarm looks at (CloudWatch API Reference, `PutMetricAlarm`, `EvaluationPeriods`).
const WEEK: Seconds = 7 * 24 * 60 * 60;

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Ok,
    /// Something is.
    Alarm,
    /// Nobody knows.
    InsufficientData,
}

impl FromStr for State {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "OK" => Ok(Self::Ok),
            "ALARM" => Ok(Self::Alarm),
            "INSUFFICIENT_DATA" => Ok(Self::InsufficientData),
            other => bail!("{other} is no state of an alarm"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        })
    }
}

/// What stands for points that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing; without any point the alarm does not know.
    Unknown,
    /// The alarm stays as it is.
    Ignore,
    /// A point beyond the threshold.
    Breaching,
    /// A point that is not.
    NotBreaching,
}

/// An alarm.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its description.
    pub description: String,
    /// The topics that hear when it goes into alarm.
    pub alarm_actions: Vec<String>,
    /// The topics that hear when it is over.
    pub ok_actions: Vec<String>,
    pub(super) watches: Watches,
}

/// What an alarm watches.
#[derive(Clone, Debug)]
pub(super) enum Watches {
    Metrics(Box<Metrics>),
    Alarms(Rule),
}

/// An alarm's queries, and when their result is beyond the threshold.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    queries: BTreeMap<String, Query>,
    /// The id of the query whose values count.
    result: String,
    pub(super) period: Seconds,
    pub(super) comparison: Comparison,
    pub(super) threshold: f64,
    pub(super) evaluated: usize,
    pub(super) enough: usize,
    pub(super) missing: Missing,
}

#[derive(Clone, Debug)]
enum Query {
    Metric(Metric, Statistic),
    Math(Expression),
    Insights(Select),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

impl Alarm {
    /// Reads the alarms of an answer of `DescribeAlarms`.
    ///
    /// # Errors
    /// If something in them is not known here.
    pub fn all(described: &Json) -> Result<Vec<Self>> {
        let of = |kind: &str| described[kind].as_array().into_iter().flatten();
        let all = of("MetricAlarms").chain(of("CompositeAlarms"));
        all.map(|one| Self::read(one).with_context(|| format!("{one}")))
            .collect()
    }

    fn read(described: &Json) -> Result<Self> {
        let watches = match described["AlarmRule"].as_str() {
            Some(rule) => Watches::Alarms(rule.parse()?),
            None => Watches::Metrics(Box::new(Metrics::read(described)?)),
        };
        let actions = |kind: &str| {
            let all = described[kind].as_array().into_iter().flatten();
            let all = all.filter(|_| described["ActionsEnabled"] == true);
            all.filter_map(|one| one.as_str().map(str::to_owned))
                .collect()
        };
        Ok(Self {
            name: text(described, "AlarmName")?.to_owned(),
            arn: text(described, "AlarmArn")?.to_owned(),
            description: described["AlarmDescription"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            alarm_actions: actions("AlarmActions"),
            ok_actions: actions("OKActions"),
            watches,
        })
    }

    /// How far it looks back; a composite alarm does not.
    #[must_use]
    pub fn looks_back(&self) -> Seconds {
        match &self.watches {
            Watches::Metrics(metrics) => {
                (0..metrics.evaluated + MORE).map(|_| metrics.period).sum()
            }
            Watches::Alarms(_) => 0,
        }
    }
}

impl Metrics {
    fn read(described: &Json) -> Result<Self> {
        let mut queries = BTreeMap::new();
        let (mut results, mut periods) = (Vec::new(), BTreeSet::new());
        for one in described["Metrics"]
            .as_array()
            .context("it watches no queries")?
        {
            let id = text(one, "Id")?;
            let (query, period) = Query::read(one).with_context(|| id.to_owned())?;
            periods.extend(period);
            if one["ReturnData"] != false {
                results.push(id.to_owned());
            }
            queries.insert(id.to_owned(), query);
        }
        let ([result], Some(period)) = (results.as_slice(), periods.first()) else {
            bail!("it has no period, or not one result: {results:?}");
        };
        ensure!(
            periods.len() == 1,
            "its metrics have several periods: {periods:?}"
        );
        ensure!(
            (60..=WEEK).contains(period) && period % 60 == 0,
            "{period} s are no whole minutes up to a week"
        );
        let evaluated = count(described, "EvaluationPeriods")?;
        Ok(Self {
            result: result.clone(),
            period: *period,
            queries,
            comparison: match text(described, "ComparisonOperator")? {
                "GreaterThanThreshold" => Comparison::More,
                "GreaterThanOrEqualToThreshold" => Comparison::AtLeast,
                "LessThanThreshold" => Comparison::Less,
                "LessThanOrEqualToThreshold" => Comparison::AtMost,
                other => bail!("{other} is no comparison that is known here"),
            },
            threshold: described["Threshold"]
                .as_f64()
                .context("it has no threshold")?,
            evaluated,
            enough: count(described, "DatapointsToAlarm").unwrap_or(evaluated),
            missing: match described["TreatMissingData"].as_str() {
                Some("missing") | None => Missing::Unknown,
                Some("ignore") => Missing::Ignore,
                Some("breaching") => Missing::Breaching,
                Some("notBreaching") => Missing::NotBreaching,
                Some(other) => bail!("{other} is no way to treat missing data"),
            },
        })
    }

    /// The points that CloudWatch looks at, the oldest first. The last period ends now, whatever its length:
    /// CloudWatch's own messages show periods of five minutes that begin at any minute.
    pub(super) fn points(
        &self,
        samples: &Samples,
        now: Seconds,
        filling: Filling,
    ) -> Result<Vec<Point>> {
        let open = RefCell::new(Vec::new());
        match self.value(&self.result, samples, now, filling, &open)? {
            Value::Series(points) => Ok(points),
            Value::Number(number) => bail!("{number} is no series"),
        }
    }

    fn value(
        &self,
        id: &str,
        samples: &Samples,
        now: Seconds,
        filling: Filling,
        open: &RefCell<Vec<String>>,
    ) -> Result<Value> {
        let query = self
            .queries
            .get(id)
            .with_context(|| format!("nothing is called {id}"))?;
        let count = self.evaluated + MORE;
        let series = |of: &dyn Fn(Range<Seconds>) -> Point| {
            let starts = (1..).map(|back| now - self.period * back);
            let mut points: Vec<_> = starts
                .map(|start| of(start..start + self.period))
                .take(count)
                .collect();
            points.reverse();
            Ok(Value::Series(points))
        };
        match query {
            Query::Metric(metric, statistic) => {
                series(&|range| statistic.of(&samples.within(metric, range)))
            }
            Query::Insights(select) => series(&|range| select.within(samples, &range)),
            Query::Math(expression) => {
                ensure!(
                    !open.borrow().iter().any(|one| one == id),
                    "{id} needs itself"
                );
                open.borrow_mut().push(id.to_owned());
                let value = compute(expression, count, filling, &mut |id| {
                    self.value(id, samples, now, filling, open)
                });
                open.borrow_mut().pop();
                value
            }
        }
    }

    /// Whether a value is beyond the threshold.
    pub(super) fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::More => value > self.threshold,
            Comparison::AtLeast => value >= self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::AtMost => value <= self.threshold,
        }
    }

    /// The state by these points, the oldest first (User Guide, "Configuring how CloudWatch alarms treat missing data"):
    /// the newest that are there count as long as they are enough. Only for those that are too few stands what the
    /// alarm says of missing ones, and an alarm that says nothing of them waits whether a single point stays alone.
    pub(super) fn state(&self, points: &[Point], now: State) -> State {
        let there = points.iter().rev().flatten().take(self.evaluated);
        let (mut there_are, mut breaching) = (0, 0);
        for point in there {
            there_are += 1;
            breaching += usize::from(self.breaches(*point));
        }
        let missing = self.evaluated - there_are;
        let in_alarm = |breaching| {
            if breaching >= self.enough {
                State::Alarm
            } else {
                State::Ok
            }
        };
        if missing == 0 || breaching >= self.enough {
            return in_alarm(breaching);
        }
        let oldest = points.iter().position(Option::is_some);
        let old = oldest.is_some_and(|oldest| points.len() - oldest >= self.enough);
        match self.missing {
            Missing::NotBreaching => in_alarm(breaching),
            Missing::Breaching => in_alarm(breaching + missing),
            Missing::Unknown | Missing::Ignore if breaching < there_are => State::Ok,
            Missing::Unknown if old => State::Alarm,
            Missing::Unknown => State::InsufficientData,
            Missing::Ignore => now,
        }
    }
}

impl Query {
    fn read(described: &Json) -> Result<(Self, Option<Seconds>)> {
        if let Some(expression) = described["Expression"].as_str() {
            let period = described["Period"].as_i64();
            let query = match expression.starts_with("SELECT ") {
                true => Self::Insights(expression.parse()?),
                false => Self::Math(expression.parse()?),
            };
            return Ok((query, period));
        }
        let (stat, metric) = (&described["MetricStat"], &described["MetricStat"]["Metric"]);
        let mut dimensions = Vec::new();
        for one in metric["Dimensions"].as_array().into_iter().flatten() {
            dimensions.push((text(one, "Name")?, text(one, "Value")?));
        }
        let metric = Metric::new(
            text(metric, "Namespace")?,
            text(metric, "MetricName")?,
            &dimensions,
        );
        let period = stat["Period"].as_i64().context("a metric has a period")?;
        Ok((
            Self::Metric(metric, text(stat, "Stat")?.parse()?),
            Some(period),
        ))
    }
}

fn text<'a>(of: &'a Json, name: &str) -> Result<&'a str> {
    of[name]
        .as_str()
        .with_context(|| format!("{name} is missing"))
}

fn count(of: &Json, name: &str) -> Result<usize> {
    let count = of[name]
        .as_u64()
        .with_context(|| format!("{name} is missing"))?;
    ensure!((1..=1440).contains(&count), "{name} is {count}");
    Ok(usize::try_from(count)?)
}
