//! What was measured, and statistics of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};

/// A moment, in seconds since 1970.
pub type Seconds = i64;

/// A metric: namespace, name and all of its dimensions. With other dimensions it is another metric (User Guide,
/// "Metrics concepts").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Such as `AWS/Lambda`.
    pub namespace: String,
    /// Such as `Errors`.
    pub name: String,
    /// By name, its value.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// The metric of this name with these dimensions.
    #[must_use]
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(owned).collect(),
        }
    }
}

/// A value, and how often it was measured.
pub type Counted = (f64, u32);

/// Samples of metrics.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<Metric, BTreeMap<Seconds, Vec<Counted>>>);

impl Samples {
    /// Adds values that were measured at a moment.
    pub fn put(&mut self, metric: &Metric, at: Seconds, values: impl IntoIterator<Item = Counted>) {
        let series = self.0.entry(metric.clone()).or_default();
        series.entry(at).or_default().extend(values);
    }

    /// Every metric there is.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.0.keys()
    }

    /// What was measured within a range of time.
    #[must_use]
    pub fn within(&self, metric: &Metric, range: Range<Seconds>) -> Vec<Counted> {
        let series = self.0.get(metric).into_iter();
        let values = series.flat_map(|series| series.range(range.clone()));
        values.flat_map(|(_, values)| values).copied().collect()
    }
}

/// What is made of the samples of a period (User Guide, "CloudWatch statistics definitions").
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    /// All of them together.
    Sum,
    /// The sum, divided by how many there are.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// How many there are.
    SampleCount,
    /// The value that so many percent of the samples do not exceed.
    Percentile(f64),
}

impl FromStr for Statistic {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "Sum" => Self::Sum,
            "Average" => Self::Average,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            other => {
                let percent = other.strip_prefix('p').map(str::parse::<f64>);
                let Some(Ok(percent)) = percent else {
                    bail!("{other} is no statistic that is known here");
                };
                ensure!((0.0..=100.0).contains(&percent), "{other} is no percentile");
                Self::Percentile(percent)
            }
        })
    }
}

impl Statistic {
    /// The statistic of these samples; `None` of none.
    pub(super) fn of(self, samples: &[Counted]) -> Option<f64> {
        let values = samples.iter().map(|(value, _)| *value);
        let all: f64 = samples.iter().map(|(_, count)| f64::from(*count)).sum();
        let sum = || -> f64 {
            samples
                .iter()
                .map(|(value, count)| value * f64::from(*count))
                .sum()
        };
        if all == 0.0 {
            return None;
        }
        match self {
            Self::Sum => Some(sum()),
            Self::Average => Some(sum() / all),
            Self::SampleCount => Some(all),
            Self::Minimum => values.reduce(f64::min),
            Self::Maximum => values.reduce(f64::max),
            Self::Percentile(percent) => {
                let mut sorted = samples.to_vec();
                sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
                // The nearest rank: the first value that enough of them do not exceed.
                let mut seen = 0.0;
                let enough = |(_, count): &&Counted| {
                    seen += f64::from(*count);
                    seen >= percent / 100.0 * all
                };
                sorted.iter().find(enough).map(|(value, _)| *value)
            }
        }
    }
}
