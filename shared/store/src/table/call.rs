//! Calls to the SDK, measured, and what their errors mean.

use std::time::Instant;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError,
        transact_write_items::TransactWriteItemsError, update_item::UpdateItemError,
    },
    types::{CancellationReason, ConsumedCapacity},
};
use contacts_telemetry::{self as telemetry, traces};
use tracing::Instrument as _;

use super::Cancelled;
use crate::{error::StoreError, item::Item};

pub(super) fn cancelled(error: SdkError<TransactWriteItemsError>) -> Cancelled {
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancel)) =
        error.as_service_error()
    {
        let reasons = cancel.cancellation_reasons();
        let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
        let refused: Vec<_> = reasons
            .iter()
            .enumerate()
            .filter(|(_, reason)| code(reason) == "ConditionalCheckFailed")
            .map(|(index, reason)| (index, reason.item().cloned().map(Item)))
            .collect();
        if !refused.is_empty() {
            return Cancelled::Refused(refused);
        }
        let contended = [
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ];
        if reasons
            .iter()
            .any(|reason| contended.contains(&code(reason).as_str()))
        {
            telemetry::dynamodb_conflict();
            return Cancelled::Contended;
        }
        return Cancelled::Failed(database("TransactWriteItems", error));
    }
    match error.code() {
        Some("TransactionInProgressException") => Cancelled::Contended,
        // Refused for its form or for a missing permission: it did not happen and never will.
        Some(
            "ValidationException"
            | "AccessDeniedException"
            | "ResourceNotFoundException"
            | "UnrecognizedClientException"
            | "IdempotentParameterMismatchException",
        ) => Cancelled::Failed(database("TransactWriteItems", error)),
        _ => Cancelled::Unknown(database("TransactWriteItems", error)),
    }
}

pub(crate) fn database(
    operation: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Database {
        operation,
        source: source.into(),
    }
}

pub(super) fn error_code(error: &StoreError) -> Option<&str> {
    let StoreError::Database { source, .. } = error else {
        return None;
    };
    source
        .downcast_ref::<SdkError<PutItemError>>()
        .and_then(ProvideErrorMetadata::code)
        .or_else(|| {
            source
                .downcast_ref::<SdkError<UpdateItemError>>()
                .and_then(ProvideErrorMetadata::code)
        })
        .or_else(|| {
            source
                .downcast_ref::<SdkError<DeleteItemError>>()
                .and_then(ProvideErrorMetadata::code)
        })
}

/// Sends and measures; the SDK's own error comes back.
pub(super) async fn sent<O, E>(
    operation: &'static str,
    call: impl Future<Output = Result<O, SdkError<E>>>,
) -> Result<O, SdkError<E>>
where
    SdkError<E>: ProvideErrorMetadata,
{
    let start = Instant::now();
    let span = traces::database(operation);
    let answer = call.instrument(span.clone()).await;
    let outcome = outcome(&answer);
    telemetry::dynamodb_call(operation, outcome, start.elapsed().as_secs_f64());
    traces::database_answered(&span, outcome);
    answer
}

/// Like [`sent`], for calls whose every failure is a failure of the database.
pub(super) async fn measure<O, E>(
    operation: &'static str,
    call: impl Future<Output = Result<O, SdkError<E>>>,
) -> Result<O, StoreError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    sent(operation, call)
        .await
        .map_err(|error| database(operation, error))
}

fn outcome<O, E>(answer: &Result<O, SdkError<E>>) -> telemetry::Outcome
where
    SdkError<E>: ProvideErrorMetadata,
{
    let Err(error) = answer else {
        return telemetry::Outcome::Ok;
    };
    match error.code() {
        Some("ConditionalCheckFailedException" | "TransactionCanceledException") => {
            telemetry::Outcome::Condition
        }
        Some("TransactionConflictException") => telemetry::Outcome::Conflict,
        Some(
            "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded",
        ) => telemetry::Outcome::Throttled,
        _ => telemetry::Outcome::Error,
    }
}

pub(super) fn units(operation: &'static str, consumed: &[ConsumedCapacity]) {
    let writes = !matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan");
    let units = consumed
        .iter()
        .filter_map(ConsumedCapacity::capacity_units)
        .sum::<f64>();
    if writes {
        telemetry::dynamodb_units(operation, 0.0, units);
    } else {
        telemetry::dynamodb_units(operation, units, 0.0);
    }
}
