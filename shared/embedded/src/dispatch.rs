//! DynamoDB's JSON protocol, from the operation's name and body to the answer.
//! Source: Amazon DynamoDB Developer Guide, "DynamoDB low-level API".

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What precedes the operation in `X-Amz-Target`.
const TARGET: &str = "DynamoDB_20120810.";
/// The content type of requests and answers.
pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.0";

/// A status and a JSON body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Calls the engine for an `X-Amz-Target`. Blocks. The operations are those the product uses; all
/// others are unknown.
pub(crate) fn answer(database: &Database, target: &str, body: &[u8]) -> Answer {
    let result = match target.strip_prefix(TARGET).unwrap_or_default() {
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        _ => return unknown_operation(),
    };
    match result {
        Ok(body) => Answer { status: 200, body },
        Err(error) => Answer {
            status: error.status_code(),
            body: error.to_json().into_bytes(),
        },
    }
}

fn call<Request, Response>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError>
where
    Request: DeserializeOwned,
    Response: Serialize,
{
    let request = serde_json::from_slice(body).map_err(malformed)?;
    serde_json::to_vec(&operation(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The engine's readers mark what DynamoDB calls a validation error with `VALIDATION…:`. Of any other
/// failure only the place is told: the JSON reader's message may quote a value.
fn malformed(error: serde_json::Error) -> DynoxideError {
    let message = error.to_string();
    match message.split_once(':') {
        Some((marker, text)) if marker.starts_with("VALIDATION") => {
            let end = text.rfind(" at line ").unwrap_or(text.len());
            DynoxideError::ValidationException(text[..end].to_owned())
        }
        _ => DynoxideError::SerializationException(format!(
            "the request is not valid at line {} column {}",
            error.line(),
            error.column()
        )),
    }
}

fn unknown_operation() -> Answer {
    Answer {
        status: 400,
        body: br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_vec(),
    }
}
