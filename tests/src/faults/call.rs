//! What a request asks for, read as its service would.

use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// The services whose answers the proxy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    Sns,
    S3,
    CloudWatch,
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
    /// DynamoDB, SQS and `CloudWatch` speak AWS JSON 1.0, SNS the AWS query protocol, S3 its own.
    pub(super) fn read(head: &Parts, body: &[u8]) -> Self {
        // Every request to S3 has the hash of its body in a header, and no other has.
        if head.headers.contains_key("x-amz-content-sha256")
            && !head.headers.contains_key("x-amz-target")
        {
            return Self::s3(head);
        }
        let target = head.headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let Some((prefix, operation)) = target.and_then(|target| target.split_once('.')) else {
            return Self::query(body);
        };
        Self {
            service: match prefix {
                "AmazonSQS" => Service::Sqs,
                "GraniteServiceVersion20100801" => Service::CloudWatch,
                _ => Service::DynamoDb,
            },
            operation: operation.to_owned(),
            parameters: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// `/BUCKET/KEY`; the parameters are the key, or the prefix of a list.
    fn s3(head: &Parts) -> Self {
        let path = head.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let operation = match (head.method.as_str(), key) {
            ("GET", "") => "ListObjectsV2",
            ("GET", _) => "GetObject",
            ("PUT", _) => "PutObject",
            ("DELETE", _) => "DeleteObject",
            _ => "other",
        };
        Self {
            service: Service::S3,
            operation: operation.to_owned(),
            parameters: json!({"Bucket": bucket, "Key": key, "Query": head.uri.query()}),
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
