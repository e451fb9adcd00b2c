//! What CloudWatch makes of a line in Embedded Metric Format (User Guide, "Specification: Embedded metric format").

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::samples::{Metric, Samples, Seconds};

/// Reads a line as if it had been written at `at`; how many metrics it had. One that is not in the format has none, as
/// in the log of a function.
///
/// # Errors
/// If it is in the format and breaks its limits: CloudWatch would drop it.
pub fn read(line: &str, at: Seconds, samples: &mut Samples) -> Result<usize> {
    let Ok(root) = serde_json::from_str::<Value>(line) else {
        return Ok(0);
    };
    let Some(directives) = root["_aws"]["CloudWatchMetrics"].as_array() else {
        return Ok(0);
    };
    ensure!(
        root["_aws"]["Timestamp"].is_u64(),
        "a line has a time: {line}"
    );
    let mut count = 0;
    for directive in directives {
        let namespace = directive["Namespace"]
            .as_str()
            .context("a namespace is a text")?;
        let sets = directive["Dimensions"]
            .as_array()
            .context("dimensions are sets")?;
        let metrics = directive["Metrics"]
            .as_array()
            .context("metrics are a list")?;
        ensure!(metrics.len() <= 100, "{} metrics on a line", metrics.len());
        for metric in metrics {
            let name = metric["Name"].as_str().context("a metric has a name")?;
            let values = numbers(&root[name]).with_context(|| format!("{name}: {line}"))?;
            for set in sets {
                let dimensions = dimensions(set, &root).with_context(|| line.to_owned())?;
                let metric = Metric::new(namespace, name, &dimensions);
                samples.put(&metric, at, values.iter().map(|value| (*value, 1)));
            }
            count += 1;
        }
    }
    Ok(count)
}

/// The members of the line that a set of dimensions names.
fn dimensions<'a>(set: &'a Value, root: &'a Value) -> Result<Vec<(&'a str, &'a str)>> {
    let names = set.as_array().context("a set of dimensions is a list")?;
    ensure!(names.len() <= 30, "{} dimensions", names.len());
    let pair = |name: &'a Value| {
        let name = name.as_str().context("a dimension has a name")?;
        let value = root[name]
            .as_str()
            .with_context(|| format!("{name} is no text"))?;
        ensure!(
            (1..=1024).contains(&value.len()),
            "{name} has {} characters",
            value.len()
        );
        Ok((name, value))
    };
    names.iter().map(pair).collect()
}

fn numbers(value: &Value) -> Result<Vec<f64>> {
    match value {
        Value::Number(number) => Ok(vec![number.as_f64().context("a number")?]),
        Value::Array(all) if (1..=100).contains(&all.len()) => all
            .iter()
            .map(|one| one.as_f64().context("a number"))
            .collect(),
        other => bail!("{other} is neither a number nor a list of at most 100"),
    }
}
