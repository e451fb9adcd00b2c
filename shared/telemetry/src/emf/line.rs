//! One line of Embedded Metric Format, and its limits.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::Key;
use serde_json::{Map, Number, Value, json};

use crate::names::{ALL, Metric};

/// The namespace of all metrics in CloudWatch.
const NAMESPACE: &str = "ContactManager";
/// The dimensions: the first on every metric, and both together on those that have the second.
pub(super) const DIMENSIONS: [&str; 2] = ["service", "status_class"];
/// Most values, and most metrics, of one line.
const LIMIT: usize = 100;
/// Longest property, the limit of a dimension's value. With it and [`LIMIT`] a line stays far below
/// the 256 KB of a log event.
const PROPERTY_CHARS: usize = 1024;

const _: () = assert!(ALL.len() <= LIMIT, "one line can hold every metric");

/// What a metric has to report: numbers of which CloudWatch takes the sum, the average, the
/// percentiles and so on.
pub(super) type Measure = Vec<Number>;

type Labels = BTreeMap<String, String>;

/// Writes `measures` as lines with the time of this flush.
pub(super) fn write(
    service: &str,
    time: SystemTime,
    measures: Vec<(Key, &'static Metric, Measure)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let timestamp = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let mut by_labels: BTreeMap<Labels, Vec<(&Metric, Measure)>> = BTreeMap::new();
    for (key, metric, measure) in measures {
        let group = by_labels.entry(labels(&key)).or_default();
        group.push((metric, measure));
    }
    for (labels, group) in &by_labels {
        for part in 0.. {
            let values: Vec<_> = group
                .iter()
                .filter_map(|(metric, measure)| Some((*metric, value(measure, part)?)))
                .collect();
            if values.is_empty() {
                break;
            }
            let mut text = line(service, timestamp, labels, values).to_string();
            text.push('\n');
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

fn labels(key: &Key) -> Labels {
    let bounded = |value: &str| value.chars().take(PROPERTY_CHARS).collect();
    key.labels()
        .map(|label| (label.key().to_owned(), bounded(label.value())))
        .collect()
}

/// The measure's share of line number `part`. A single number is written without an array, as
/// Logs Insights computes with numbers alone.
fn value(measure: &Measure, part: usize) -> Option<Value> {
    match measure.chunks(LIMIT).nth(part)? {
        [one] => Some(one.clone().into()),
        many => Some(many.iter().cloned().collect()),
    }
}

fn line(service: &str, timestamp: u64, labels: &Labels, values: Vec<(&Metric, Value)>) -> Value {
    let [on_all, second] = DIMENSIONS;
    let mut dimensions = vec![vec![on_all]];
    if labels.contains_key(second) {
        dimensions.push(vec![on_all, second]);
    }
    let metrics: Vec<_> = values
        .iter()
        .map(|(metric, _)| json!({"Name": metric.name, "Unit": metric.unit.cloudwatch()}))
        .collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": timestamp,
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
            ],
        }),
    );
    root.extend(
        labels
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into())),
    );
    root.insert(on_all.to_owned(), service.into());
    root.extend(
        values
            .into_iter()
            .map(|(metric, value)| (metric.name.to_owned(), value)),
    );
    Value::Object(root)
}
