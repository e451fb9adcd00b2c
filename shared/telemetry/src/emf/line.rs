//! One line of Embedded Metric Format, and its limits.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::Key;
use serde_json::{Map, Number, Value, json};

use crate::names::{ALL, Metric};

/// The namespace of all metrics in CloudWatch.
const NAMESPACE: &str = "ContactManager";
/// The dimension of every metric. One that has a dimension of its own has both together as well.
const SERVICE: &str = "service";
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

/// What all metrics of a line have in common: their labels, and which of them is a dimension.
type Common = (Labels, Option<&'static str>);

/// Writes `measures` as lines with the time of this flush.
pub(super) fn write(
    service: &str,
    time: SystemTime,
    measures: Vec<(Key, &'static Metric, Measure)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let timestamp = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let mut groups: BTreeMap<Common, Vec<(&Metric, Measure)>> = BTreeMap::new();
    for (key, metric, measure) in measures {
        let group = groups.entry((labels(&key), metric.dimension));
        group.or_default().push((metric, measure));
    }
    for ((labels, dimension), group) in &groups {
        for part in 0.. {
            let values: Vec<_> = group
                .iter()
                .filter_map(|(metric, measure)| Some((*metric, value(measure, part)?)))
                .collect();
            if values.is_empty() {
                break;
            }
            let mut text = line(service, timestamp, labels, *dimension, values).to_string();
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

fn line(
    service: &str,
    timestamp: u64,
    labels: &Labels,
    dimension: Option<&str>,
    values: Vec<(&Metric, Value)>,
) -> Value {
    let mut dimensions = vec![vec![SERVICE]];
    dimensions.extend(dimension.map(|dimension| vec![SERVICE, dimension]));
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
    root.insert(SERVICE.to_owned(), service.into());
    root.extend(
        values
            .into_iter()
            .map(|(metric, value)| (metric.name.to_owned(), value)),
    );
    Value::Object(root)
}
