//! The minutes of Lambda functions, from what `CloudWatch` has of them: Lambda's own metrics (AWS Lambda
//! Developer Guide, "Types of metrics for Lambda functions") and those that the functions write as log lines.
//!
//! One operation, `GetMetricData`, by AWS JSON 1.0 (Amazon `CloudWatch` API Reference).

use aws_config::SdkConfig;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::aws::{Aws, AwsError, Service};
use crate::point::{Figure, MINUTE, Point};

const MONITORING: Service = Service {
    id: "CloudWatch",
    signing_name: "monitoring",
};
const OPERATION: &str = "GraniteServiceVersion20100801.GetMetricData";

/// Where a figure of a function comes from.
struct Source {
    namespace: &'static str,
    dimension: &'static str,
    metric: &'static str,
    statistic: &'static str,
    figure: Figure,
}

const fn lambda(metric: &'static str, statistic: &'static str, figure: Figure) -> Source {
    Source {
        namespace: "AWS/Lambda",
        dimension: "FunctionName",
        metric,
        statistic,
        figure,
    }
}

const fn own(metric: &'static str, statistic: &'static str, figure: Figure) -> Source {
    Source {
        namespace: "ContactManager",
        dimension: "service",
        metric,
        statistic,
        figure,
    }
}

const SOURCES: &[Source] = &[
    lambda("Invocations", "Sum", Figure::Calls),
    lambda("Duration", "Average", Figure::CallAvg),
    lambda("Duration", "Maximum", Figure::CallMax),
    own(
        "process_resident_memory_bytes",
        "Average",
        Figure::MemoryAvg,
    ),
    own(
        "process_resident_memory_bytes",
        "Maximum",
        Figure::MemoryMax,
    ),
    own("contacts_cold_starts_total", "Sum", Figure::ColdStarts),
];

/// Why there are no minutes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloudWatchError {
    /// No answer.
    #[error("CloudWatch did not answer: {0}")]
    Call(String),
    /// An answer that is none.
    #[error("CloudWatch answered with status {0}")]
    Status(u16),
    /// An answer that cannot be read.
    #[error("CloudWatch's answer is not what its reference says")]
    Answer,
}

impl From<AwsError> for CloudWatchError {
    fn from(error: AwsError) -> Self {
        Self::Call(error.to_string())
    }
}

#[derive(Debug)]
pub(crate) struct CloudWatch(Aws);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    metric_data_results: Vec<Series>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
}

impl CloudWatch {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self(Aws::new(sdk, MONITORING))
    }

    /// The minutes that begin in `from..to`, in milliseconds since 1970, of each function that was invoked in
    /// them.
    pub(crate) async fn minutes(
        &self,
        functions: &[String],
        from: i64,
        to: i64,
    ) -> Result<Vec<Point>, CloudWatchError> {
        let mut queries = Vec::new();
        for (number, function) in functions.iter().enumerate() {
            queries.extend(SOURCES.iter().enumerate().map(|(at, source)| {
                json!({
                    "Id": format!("f{number}_{at}"),
                    "MetricStat": {
                        "Metric": {
                            "Namespace": source.namespace,
                            "MetricName": source.metric,
                            "Dimensions": [{"Name": source.dimension, "Value": function}],
                        },
                        "Period": 60,
                        "Stat": source.statistic,
                    },
                    "ReturnData": true,
                })
            }));
        }
        let mut found: BTreeMap<(usize, i64), Vec<(Figure, f64)>> = BTreeMap::new();
        let mut token = None::<String>;
        loop {
            let mut body = json!({
                "StartTime": from / 1000,
                "EndTime": to / 1000,
                "ScanBy": "TimestampAscending",
                "MetricDataQueries": queries,
            });
            if let Some(token) = &token {
                body["NextToken"] = token.as_str().into();
            }
            let answer = self.call(&body).await?;
            for series in answer.metric_data_results {
                let (number, figure) = asked(&series.id).ok_or(CloudWatchError::Answer)?;
                for (time, value) in series.timestamps.iter().zip(&series.values) {
                    let minute = (time * 1000.0) as i64 / MINUTE;
                    let figures = found.entry((number, minute)).or_default();
                    figures.push((figure, *value));
                }
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        let points = found.into_iter().filter_map(|((number, minute), figures)| {
            let name = functions.get(number)?;
            let target = if name.ends_with("-worker") {
                "worker-lambda"
            } else {
                "lambda"
            };
            let mut point = Point::new(name, target, minute * MINUTE, minute, 1);
            for (figure, value) in figures {
                // Lambda's durations are in milliseconds.
                let is_time = matches!(figure, Figure::CallAvg | Figure::CallMax);
                let value = if is_time { value / 1000.0 } else { value };
                point.set(figure, Some(value));
                if figure == Figure::Calls {
                    point.samples = value as i64;
                }
            }
            Some(point)
        });
        Ok(points.collect())
    }

    async fn call(&self, body: &Value) -> Result<Answer, CloudWatchError> {
        let url = match self.0.endpoint() {
            Some(endpoint) => endpoint,
            None => format!("https://{}", self.0.host("monitoring")?),
        };
        let request = Request::post(format!("{url}/"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", OPERATION)
            .body(Bytes::from(body.to_string()))
            .map_err(|_| CloudWatchError::Answer)?;
        match self.0.send(request).await? {
            (StatusCode::OK, body) => {
                serde_json::from_slice(&body).map_err(|_| CloudWatchError::Answer)
            }
            (status, _) => Err(CloudWatchError::Status(status.as_u16())),
        }
    }
}

/// What an id stands for: the number of a function, and a figure.
fn asked(id: &str) -> Option<(usize, Figure)> {
    let (number, at) = id.strip_prefix('f')?.split_once('_')?;
    let source = SOURCES.get(at.parse::<usize>().ok()?)?;
    Some((number.parse().ok()?, source.figure))
}
