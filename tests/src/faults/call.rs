//! What a request asks for, read as its service would.

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The services whose answers the proxy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    Sns,
}

/// A call of one operation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    /// As in `X-Amz-Target` or `Action`, without a prefix.
    pub(crate) operation: String,
    /// The parameters; null if the body cannot be read.
    pub(crate) parameters: Value,
}

impl Call {
    /// DynamoDB and SQS speak AWS JSON 1.0, SNS the AWS query protocol.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let target = headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let Some((prefix, operation)) = target.and_then(|target| target.split_once('.')) else {
            return Self::query(body);
        };
        Self {
            service: match prefix {
                "AmazonSQS" => Service::Sqs,
                _ => Service::DynamoDb,
            },
            operation: operation.to_owned(),
            parameters: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    fn query(body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let parameters: Map<_, _> = body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value).into()))
            .collect();
        let operation = parameters.get("Action").and_then(Value::as_str);
        Self {
            service: Service::Sns,
            operation: operation.unwrap_or_default().to_owned(),
            parameters: Value::Object(parameters),
        }
    }
}
