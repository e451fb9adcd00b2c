//! The table as this store uses it: single items, pages, batches and transactions. The only module
//! that talks to the SDK; every call is measured here, and every read is strongly consistent, so that
//! a read after a write sees it.

mod call;
mod write;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{
        AttributeValue, ConditionCheck, Delete, DeleteRequest, KeysAndAttributes, Put, PutRequest,
        ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem,
        Update, WriteRequest,
    },
};
use contacts_telemetry as telemetry;

pub(crate) use call::database;
pub(crate) use write::{Cancelled, Condition, Outcome, Write};

use call::{cancelled, error_code, measure, sent, units};

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
/// How long one attempt may take before the SDK tries again, and the whole call.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(3);
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// One DynamoDB table and the client that reaches it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
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

    /// How many items a partition has.
    pub(crate) async fn count(&self, pk: &str) -> Result<u64, StoreError> {
        let (mut count, mut start) = (0, None);
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .select(Select::Count)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(pk))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = measure("Query", request.send()).await?;
            units("Query", answer.consumed_capacity.as_slice());
            count += u64::try_from(answer.count).unwrap_or_default();
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }

    /// Calls `each` with every item of the table.
    pub(crate) async fn scan(&self, mut each: impl FnMut(Item)) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let (items, next) = self.scan_page(start.as_ref(), 1_000).await?;
            items.into_iter().for_each(&mut each);
            if next.is_none() {
                return Ok(());
            }
            start = next;
        }
    }

    /// Up to `limit` items of the table after `start`, and the key to go on from, if there may be more.
    pub(crate) async fn scan_page(
        &self,
        start: Option<&Key>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        let request = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(key_map))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = measure("Scan", request.send()).await?;
        units("Scan", answer.consumed_capacity.as_slice());
        let items = answer.items.unwrap_or_default();
        let next = answer.last_evaluated_key.map(|key| Item(key).key());
        Ok((items.into_iter().map(Item).collect(), next.transpose()?))
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
            // On its own it has nothing to hold together.
            Write::Check(..) => Ok(Outcome::Done),
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
            Write::Check(key, condition) => action.condition_check(
                ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_map(&key)))
                    .set_condition_expression(condition.expression)
                    .set_expression_attribute_values(non_empty(condition.values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()?,
            ),
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

fn non_empty(values: HashMap<String, AttributeValue>) -> Option<HashMap<String, AttributeValue>> {
    (!values.is_empty()).then_some(values)
}
