//! The answers that the services themselves would give.
//! Source: each one's API Reference, "Common Errors" and each operation's "Errors".

use serde_json::{Value, json};

use super::call::{Call, Service};
use crate::calls::Made;

/// A status, a media type and a body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media_type: &'static str,
    pub(super) body: String,
}

pub(super) fn throttle(service: Service) -> Answer {
    let (name, message) = match service {
        Service::DynamoDb => (
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. \
             Consider increasing your provisioning level with the UpdateTable API.",
        ),
        Service::Sqs => (
            "RequestThrottled",
            "The request was denied due to request throttling.",
        ),
        Service::Sns | Service::CloudWatch => ("Throttling", "Rate exceeded"),
        Service::S3 => ("SlowDown", "Please reduce your request rate."),
    };
    let status = if service == Service::S3 { 503 } else { 400 };
    error(service, status, name, message)
}

pub(super) fn internal_server_error(service: Service) -> Answer {
    let (name, message) = match service {
        Service::DynamoDb => ("InternalServerError", "Internal server error"),
        Service::Sqs => ("InternalFailure", "The request processing has failed."),
        Service::Sns | Service::S3 => ("InternalError", "The request processing has failed."),
        Service::CloudWatch => (
            "InternalServiceFault",
            "Request processing has failed due to an unknown error.",
        ),
    };
    error(service, 500, name, message)
}

pub(super) fn access_denied(service: Service, made: &Made) -> Answer {
    let (status, name) = match service {
        Service::DynamoDb => (400, "AccessDeniedException"),
        Service::Sqs => (403, "AccessDeniedException"),
        Service::Sns => (403, "AuthorizationError"),
        Service::S3 => (403, "AccessDenied"),
        Service::CloudWatch => (403, "AccessDenied"),
    };
    let message = format!(
        "{} is not authorized to perform {} on its {}: tests/src/calls.txt does not have it",
        made.by.name(),
        made.call,
        made.on
    );
    error(service, status, name, &message)
}

/// `None` for a service that has no transactions.
pub(super) fn transaction_conflict(call: &Call) -> Option<Answer> {
    let conflict = "Transaction is ongoing for the item";
    if call.service != Service::DynamoDb {
        return None;
    }
    let Some(items) = call.parameters["TransactItems"].as_array() else {
        let name = "TransactionConflictException";
        return Some(error(call.service, 400, name, conflict));
    };
    let reasons: Vec<Value> = (0..items.len())
        .map(|index| match index {
            0 => json!({"Code": "TransactionConflict", "Message": conflict}),
            _ => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason["Code"].as_str())
        .collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let mut body = json_error(DYNAMODB, "TransactionCanceledException", &message);
    body["CancellationReasons"] = Value::Array(reasons);
    Some(json_answer(400, &body))
}

/// `None` for an operation that is no batch.
pub(super) fn unprocessed(call: &Call) -> Option<Answer> {
    let work = &call.parameters["RequestItems"];
    let body = match call.operation.as_str() {
        "BatchWriteItem" => json!({"UnprocessedItems": work}),
        "BatchGetItem" => json!({"Responses": {}, "UnprocessedKeys": work}),
        _ => return None,
    };
    Some(json_answer(200, &body))
}

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810";

fn error(service: Service, status: u16, name: &str, message: &str) -> Answer {
    match service {
        Service::DynamoDb => json_answer(status, &json_error(DYNAMODB, name, message)),
        Service::Sqs => json_answer(status, &json_error("com.amazonaws.sqs", name, message)),
        Service::CloudWatch => json_answer(
            status,
            &json_error("com.amazonaws.cloudwatch", name, message),
        ),
        Service::S3 => Answer {
            status,
            media_type: "application/xml",
            body: format!("<Error><Code>{name}</Code><Message>{message}</Message></Error>"),
        },
        Service::Sns => Answer {
            status,
            media_type: "text/xml",
            body: format!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>\
                 <Type>{}</Type><Code>{name}</Code><Message>{message}</Message></Error>\
                 <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
                if status < 500 { "Sender" } else { "Receiver" }
            ),
        },
    }
}

fn json_error(namespace: &str, name: &str, message: &str) -> Value {
    json!({"__type": format!("{namespace}#{name}"), "message": message})
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        media_type: "application/x-amz-json-1.0",
        body: body.to_string(),
    }
}
