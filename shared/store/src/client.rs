//! The SDK client as this store wants it, and the table where Terraform does not make it.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client, config,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
        },
    },
    error::BoxError,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TimeToLiveSpecification,
    },
};
use aws_smithy_runtime_api::client::{orchestrator::Metadata, retries::RequestAttempts};
use contacts_telemetry as telemetry;

use crate::{
    error::StoreError,
    table::{ATTEMPT, CALL, Table, database},
};

/// Attempts of one call, the first included. A connection that was frozen with its sandbox is reset at
/// the first; throttling wants the rest.
const ATTEMPTS: u32 = 5;

/// The environment's AWS configuration (`AWS_REGION`, credentials, `AWS_ENDPOINT_URL_DYNAMODB`, …).
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .load()
        .await
}

/// A client with this store's time-outs, retries and measurements.
pub fn client(sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(25))
        .with_max_backoff(Duration::from_secs(1));
    let config = config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(retries)
        .interceptor(CountAttempts)
        .build();
    Client::from_conf(config)
}

/// Counts what the SDK does between a call and its answer: retries and throttled attempts.
#[derive(Debug)]
struct CountAttempts;

impl Intercept for CountAttempts {
    fn name(&self) -> &'static str {
        "CountAttempts"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if bag
            .load::<RequestAttempts>()
            .is_some_and(|attempts| attempts.attempts() > 1)
        {
            telemetry::dynamodb_retry(operation(bag));
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let throttled = |body: &[u8]| {
            let text = String::from_utf8_lossy(body);
            [
                "ThrottlingException",
                "ProvisionedThroughputExceeded",
                "RequestLimitExceeded",
            ]
            .iter()
            .any(|code| text.contains(code))
        };
        let answer = context.response();
        if answer.status().is_client_error() && answer.body().bytes().is_some_and(throttled) {
            telemetry::dynamodb_throttle(operation(bag));
        }
        Ok(())
    }
}

/// The operation under way, from the names that this store uses.
fn operation(bag: &ConfigBag) -> &'static str {
    let name = bag
        .load::<Metadata>()
        .map_or("", |metadata| metadata.name());
    let known = [
        "GetItem",
        "BatchGetItem",
        "Query",
        "Scan",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
    ];
    known
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("other")
}

pub(crate) async fn create_table(table: &Table) -> Result<(), StoreError> {
    let failed = |error: aws_sdk_dynamodb::error::BuildError| database("CreateTable", error);
    let mut create = table
        .client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(failed)?;
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .map_err(failed)?;
        create = create.attribute_definitions(definition).key_schema(key);
    }
    match create.send().await {
        Ok(_) => {}
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(());
        }
        Err(error) => return Err(database("CreateTable", error)),
    }
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .map_err(|error| database("UpdateTimeToLive", error))?;
    let update = table.client.update_time_to_live().table_name(&table.name);
    update
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(|error| database("UpdateTimeToLive", error))?;
    Ok(())
}
