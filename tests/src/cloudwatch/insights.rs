//! Metrics Insights, as far as an alarm on one sum of metrics needs it (User Guide, "Metrics Insights query components
//! and syntax").

use std::ops::Range;
use std::str::FromStr;

use anyhow::{Result, bail};

use super::samples::{Metric, Samples, Seconds, Statistic};
use super::tokens::Tokens;

/// `SELECT SUM(name) FROM "namespace" WHERE dimension = 'value'`: over all metrics of the name that have the dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    statistic: Statistic,
    name: String,
    namespace: String,
    dimension: String,
    value: String,
}

impl FromStr for Select {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut tokens = Tokens::of(text)?;
        tokens.expect("SELECT")?;
        let statistic = match &*tokens.word()? {
            "SUM" => Statistic::Sum,
            "AVG" => Statistic::Average,
            "MIN" => Statistic::Minimum,
            "MAX" => Statistic::Maximum,
            "COUNT" => Statistic::SampleCount,
            other => bail!("{other} is no function of Metrics Insights"),
        };
        tokens.expect("(")?;
        let name = tokens.word()?;
        tokens.expect(")")?;
        tokens.expect("FROM")?;
        let namespace = tokens.quoted('"')?;
        tokens.expect("WHERE")?;
        let dimension = tokens.word()?;
        tokens.expect("=")?;
        let value = tokens.quoted('\'')?;
        tokens.end()?;
        Ok(Self {
            statistic,
            name,
            namespace,
            dimension,
            value,
        })
    }
}

impl Select {
    /// Its value within a range of time.
    pub(super) fn within(&self, samples: &Samples, range: &Range<Seconds>) -> Option<f64> {
        let fits = |metric: &&Metric| {
            metric.namespace == self.namespace
                && metric.name == self.name
                && metric.dimensions.get(&self.dimension) == Some(&self.value)
        };
        let metrics = samples.metrics().filter(fits);
        let all: Vec<_> = metrics
            .flat_map(|metric| samples.within(metric, range.clone()))
            .collect();
        self.statistic.of(&all)
    }
}
