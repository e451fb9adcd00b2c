//! The table as this store uses it: single items, pages, batches and transactions. The only module
//! that talks to the SDK; every call is measured here, and every read is strongly consistent, so that
//! a read after a write sees it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::{
        AttributeValue, CancellationReason, ConsumedCapacity, Delete, DeleteRequest,
        KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
    },
};
use contacts_telemetry as telemetry;

use crate::{
    backoff::Backoff,
    error::StoreError,
    item::{Item, key_map, s},
    keys::Key,
};

/// The most keys that one `BatchGetItem` takes.
const BATCH_GET: usize = 100;
/// The most items that one `BatchWriteItem` takes.
const BATCH_WRITE: usize = 25;
/// How many single or batch writes of one request are under way at once.
const PARALLEL: usize = 8;

/// One DynamoDB table and the client that reaches it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// A condition on the item as it stands, with the values that it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    expression: Option<String>,
    values: HashMap<String, AttributeValue>,
}

impl Condition {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn absent() -> Self {
        Self::of("attribute_not_exists(pk)")
    }

    pub(crate) fn of(expression: impl Into<String>) -> Self {
        Self {
            expression: Some(expression.into()),
            values: HashMap::new(),
        }
    }

    pub(crate) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// A write to one item.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Put(Item, Condition),
    Delete(Key, Condition),
    /// An update expression; its values live in the condition's.
    Update(Key, String, Condition),
}

impl Write {
    /// Roughly what it adds to a transaction's 4 MB.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put(item, _) => item.size(),
            Self::Delete(key, _) => key.pk.len() + key.sk.len(),
            Self::Update(key, _, condition) => {
                key.pk.len() + key.sk.len() + Item(condition.values.clone()).size()
            }
        }
    }
}

/// What became of a conditional write to one item.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// The condition did not hold; the item as it stands, if there is one.
    Refused(Option<Item>),
}

/// Why a transaction did not happen, or may not have happened.
#[derive(Debug)]
pub(crate) enum Cancelled {
    /// The conditions of the actions at these indices did not hold; the items as they stand. At
    /// least one, in order.
    Refused(Vec<(usize, Option<Item>)>),
    /// Another transaction or the table's capacity was in the way: try again.
    Contended,
    /// No answer, or an answer that leaves open whether it happened.
    Unknown(StoreError),
    /// The request itself is wrong: trying again cannot help.
    Failed(StoreError),
}

/// What to read of one partition, in key order.
#[derive(Debug, Clone)]
pub(crate) struct Range<'a> {
    pub(crate) pk: String,
    /// Sort keys begin with this.
    pub(crate) prefix: Option<&'a str>,
    /// Sort keys come after this one.
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: usize,
    pub(crate) backwards: bool,
}

impl<'a> Range<'a> {
    pub(crate) fn new(pk: String, limit: usize) -> Self {
        Self {
            pk,
            prefix: None,
            after: None,
            limit,
            backwards: false,
        }
    }

    pub(crate) fn prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    pub(crate) fn after(mut self, sk: Option<&'a str>) -> Self {
        self.after = sk;
        self
    }
}

impl Table {
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_map(key)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = measure("GetItem", request.send()).await?;
        units("GetItem", answer.consumed_capacity.as_slice());
        Ok(answer.item.map(Item))
    }

    /// The items that exist among `keys`, in no order. Keys must differ.
    pub(crate) async fn batch_get(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut wanted: Vec<_> = keys.into_iter().map(|key| key_map(&key)).collect();
        let mut found = Vec::with_capacity(wanted.len());
        let mut backoff = Backoff::start();
        while !wanted.is_empty() {
            let some = wanted.split_off(wanted.len().saturating_sub(BATCH_GET));
            let request = KeysAndAttributes::builder()
                .set_keys(Some(some))
                .consistent_read(true)
                .build()
                .map_err(|e| database("BatchGetItem", e))?;
            let answer = measure(
                "BatchGetItem",
                self.client
                    .batch_get_item()
                    .request_items(&self.name, request)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send(),
            )
            .await?;
            units("BatchGetItem", answer.consumed_capacity());
            for items in answer.responses.unwrap_or_default().into_values() {
                found.extend(items.into_iter().map(Item));
            }
            let left: Vec<_> = answer
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .flat_map(|rest| rest.keys)
                .collect();
            if !left.is_empty() {
                backoff.wait().await?;
                wanted.extend(left);
            }
        }
        Ok(found)
    }

    /// Up to `limit` items of the range; fewer only where it ends.
    pub(crate) async fn query(&self, range: Range<'_>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = range.after.map(|sk| key_map(&Key::new(&range.pk, sk)));
        loop {
            let mut request = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(!range.backwards)
                .limit(i32::try_from(range.limit - items.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .expression_attribute_values(":pk", s(&range.pk))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            request = match range.prefix {
                Some(prefix) => request
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", s(prefix)),
                None => request.key_condition_expression("pk = :pk"),
            };
            let answer = measure("Query", request.send()).await?;
            units("Query", answer.consumed_capacity.as_slice());
            items.extend(answer.items.unwrap_or_default().into_iter().map(Item));
            // A page also ends at 1 MB; the range ends only where no key to go on from is given.
            start = answer.last_evaluated_key;
            if start.is_none() || items.len() >= range.limit {
                return Ok(items);
            }
        }
    }

    /// Calls `each` with every item of the table. For the checker alone.
    pub(crate) async fn scan(&self, mut each: impl FnMut(Item)) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let request = self
                .client
                .scan()
                .table_name(&self.name)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = measure("Scan", request.send()).await?;
            units("Scan", answer.consumed_capacity.as_slice());
            answer
                .items
                .unwrap_or_default()
                .into_iter()
                .map(Item)
                .for_each(&mut each);
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Writes one item if its condition holds.
    ///
    /// After a lost answer the SDK tries again and then meets its own write: callers whose condition
    /// cannot hold twice recognise that by what [`Outcome::Refused`] carries.
    pub(crate) async fn write(&self, write: Write) -> Result<Outcome, StoreError> {
        let mut backoff = Backoff::start();
        loop {
            match self.write_once(write.clone()).await {
                // A transaction on the same item was under way.
                Err(error) if error_code(&error) == Some("TransactionConflictException") => {
                    telemetry::dynamodb_conflict();
                    backoff.wait().await?;
                }
                answer => return answer,
            }
        }
    }

    async fn write_once(&self, write: Write) -> Result<Outcome, StoreError> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        match write {
            Write::Put(item, condition) => {
                let request = self
                    .client
                    .put_item()
                    .table_name(&self.name)
                    .set_item(Some(item.0))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                match sent("PutItem", request.send()).await {
                    Ok(answer) => {
                        units("PutItem", answer.consumed_capacity.as_slice());
                        Ok(Outcome::Done)
                    }
                    Err(error) => match error.as_service_error() {
                        Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                            Ok(Outcome::Refused(refused.item().cloned().map(Item)))
                        }
                        _ => Err(database("PutItem", error)),
                    },
                }
            }
            Write::Update(key, expression, condition) => {
                let request = self
                    .client
                    .update_item()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&key)))
                    .update_expression(expression)
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                match sent("UpdateItem", request.send()).await {
                    Ok(answer) => {
                        units("UpdateItem", answer.consumed_capacity.as_slice());
                        Ok(Outcome::Done)
                    }
                    Err(error) => match error.as_service_error() {
                        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                            Ok(Outcome::Refused(refused.item().cloned().map(Item)))
                        }
                        _ => Err(database("UpdateItem", error)),
                    },
                }
            }
            Write::Delete(key, condition) => {
                let request = self
                    .client
                    .delete_item()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&key)))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                match sent("DeleteItem", request.send()).await {
                    Ok(answer) => {
                        units("DeleteItem", answer.consumed_capacity.as_slice());
                        Ok(Outcome::Done)
                    }
                    Err(error) => match error.as_service_error() {
                        Some(e) if e.is_conditional_check_failed_exception() => {
                            Ok(Outcome::Refused(None))
                        }
                        _ => Err(database("DeleteItem", error)),
                    },
                }
            }
        }
    }

    /// Carries out conditional writes side by side; a refused one is no failure.
    pub(crate) async fn write_each(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        use futures::{StreamExt, TryStreamExt};
        futures::stream::iter(writes.into_iter().map(|write| self.write(write)))
            .buffer_unordered(PARALLEL)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Puts items without a condition, in batches. Keys must differ.
    pub(crate) async fn put_all(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let requests = items.into_iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(item.0)).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        });
        self.batch_write(
            requests
                .collect::<Result<_, _>>()
                .map_err(|e| database("BatchWriteItem", e))?,
        )
        .await
    }

    /// Deletes items without a condition, in batches. Keys must differ.
    pub(crate) async fn delete_all(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<(), StoreError> {
        let requests = keys.into_iter().map(|key| {
            let delete = DeleteRequest::builder()
                .set_key(Some(key_map(&key)))
                .build();
            delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
        });
        self.batch_write(
            requests
                .collect::<Result<_, _>>()
                .map_err(|e| database("BatchWriteItem", e))?,
        )
        .await
    }

    async fn batch_write(&self, requests: Vec<WriteRequest>) -> Result<(), StoreError> {
        use futures::{StreamExt, TryStreamExt};
        let batches: Vec<_> = requests.chunks(BATCH_WRITE).map(<[_]>::to_vec).collect();
        futures::stream::iter(batches.into_iter().map(|batch| self.batch_write_one(batch)))
            .buffer_unordered(PARALLEL)
            .try_for_each(|()| async { Ok(()) })
            .await
    }

    async fn batch_write_one(&self, mut batch: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut backoff = Backoff::start();
        loop {
            let answer = measure(
                "BatchWriteItem",
                self.client
                    .batch_write_item()
                    .request_items(&self.name, batch)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send(),
            )
            .await?;
            units("BatchWriteItem", answer.consumed_capacity());
            batch = answer
                .unprocessed_items
                .unwrap_or_default()
                .into_values()
                .flatten()
                .collect();
            if batch.is_empty() {
                return Ok(());
            }
            backoff.wait().await?;
        }
    }

    /// Carries out `writes` all or none (at most 100 actions and 4 MB; the caller packs).
    pub(crate) async fn transact(&self, writes: &[Write]) -> Result<(), Cancelled> {
        let actions = writes
            .iter()
            .map(|write| self.action(write.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Cancelled::Failed(database("TransactWriteItems", e)))?;
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match sent("TransactWriteItems", request.send()).await {
            Ok(answer) => {
                units("TransactWriteItems", answer.consumed_capacity());
                Ok(())
            }
            Err(error) => Err(cancelled(error)),
        }
    }

    fn action(
        &self,
        write: Write,
    ) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        Ok(match write {
            Write::Put(item, condition) => action.put(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(item.0))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()?,
            ),
            Write::Update(key, expression, condition) => action.update(
                Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&key)))
                    .update_expression(expression)
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()?,
            ),
            Write::Delete(key, condition) => action.delete(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&key)))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()?,
            ),
        }
        .build())
    }
}

fn cancelled(error: SdkError<TransactWriteItemsError>) -> Cancelled {
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

fn non_empty(values: HashMap<String, AttributeValue>) -> Option<HashMap<String, AttributeValue>> {
    (!values.is_empty()).then_some(values)
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

fn error_code(error: &StoreError) -> Option<&str> {
    let StoreError::Database { source, .. } = error else {
        return None;
    };
    source
        .downcast_ref::<SdkError<PutItemError>>()
        .and_then(ProvideErrorMetadata::code)
        .or_else(|| source.downcast_ref::<SdkError<UpdateItemError>>().and_then(ProvideErrorMetadata::code))
        .or_else(|| {
            source
                .downcast_ref::<SdkError<aws_sdk_dynamodb::operation::delete_item::DeleteItemError>>()
                .and_then(ProvideErrorMetadata::code)
        })
}

/// Sends and measures; the SDK's own error comes back.
async fn sent<O, E>(
    operation: &'static str,
    call: impl Future<Output = Result<O, SdkError<E>>>,
) -> Result<O, SdkError<E>>
where
    SdkError<E>: ProvideErrorMetadata,
{
    let start = Instant::now();
    let answer = call.await;
    telemetry::dynamodb_call(operation, outcome(&answer), start.elapsed().as_secs_f64());
    answer
}

/// Like [`sent`], for calls whose every failure is a failure of the database.
async fn measure<O, E>(
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

fn units(operation: &'static str, consumed: &[ConsumedCapacity]) {
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

/// How long one attempt may take before the SDK tries again, and the whole call.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(3);
pub(crate) const CALL: Duration = Duration::from_secs(10);
