//! The answers that DynamoDB itself would give.
//! Source: DynamoDB API Reference, "Common Errors" and each operation's "Errors".

use serde_json::{Value, json};

/// A status and a JSON body.
pub(super) type Answer = (u16, Value);

pub(super) fn throttle() -> Answer {
    let message = "The level of configured provisioned throughput for the table was exceeded. \
                   Consider increasing your provisioning level with the UpdateTable API.";
    error(400, "ProvisionedThroughputExceededException", message)
}

pub(super) fn internal_server_error() -> Answer {
    error(500, "InternalServerError", "Internal server error")
}

pub(super) fn transaction_conflict(request: &Value) -> Answer {
    let conflict = "Transaction is ongoing for the item";
    let Some(items) = request["TransactItems"].as_array() else {
        return error(400, "TransactionConflictException", conflict);
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
    let (status, mut body) = error(400, "TransactionCanceledException", &message);
    body["CancellationReasons"] = Value::Array(reasons);
    (status, body)
}

/// `None` for an operation that is no batch.
pub(super) fn unprocessed(operation: &str, request: &Value) -> Option<Answer> {
    let work = &request["RequestItems"];
    match operation {
        "BatchWriteItem" => Some((200, json!({"UnprocessedItems": work}))),
        "BatchGetItem" => Some((200, json!({"Responses": {}, "UnprocessedKeys": work}))),
        _ => None,
    }
}

fn error(status: u16, name: &str, message: &str) -> Answer {
    let name = format!("com.amazonaws.dynamodb.v20120810#{name}");
    (status, json!({"__type": name, "message": message}))
}
