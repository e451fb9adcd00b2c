use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Get, KeysAndAttributes, Put, PutRequest,
    ReturnConsumedCapacity, ReturnValue, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    TransactGetItem, TransactWriteItem, Update, WriteRequest,
};
use contacts_embedded::{Engine, serve};
use tokio::net::TcpListener;

use crate::{TABLE, create_table, get, n, put, s};

#[tokio::test]
async fn every_operation_works_in_process() {
    every_operation(&Engine::memory().unwrap().client()).await;
}

#[tokio::test]
async fn every_operation_works_over_loopback() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = serve(Engine::memory().unwrap(), listener).await.unwrap();
    let client = Client::from_conf(server.config().build());
    every_operation(&client).await;
    // The client's idle connection must not hold up the end.
    drop(client);
    server.shutdown().await.unwrap();
}

async fn every_operation(client: &Client) {
    tables(client).await;
    single_items(client).await;
    queries(client).await;
    batches(client).await;
    transactions(client).await;
    let refusal = client.list_tables().send().await.unwrap_err();
    assert_eq!(refusal.code(), Some("UnknownOperationException"));
}

async fn tables(client: &Client) {
    let missing = client.describe_table().table_name(TABLE).send().await;
    assert_eq!(
        missing.unwrap_err().code(),
        Some("ResourceNotFoundException")
    );
    // Told apart from a malformed request: the engine reports it while it reads the JSON.
    let bad_name = client.describe_table().table_name("t").send().await;
    let error = bad_name.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    let message = error.message().unwrap_or_default();
    assert!(message.starts_with("TableName must"), "{message}");
    assert!(!message.contains(" at line "), "{message}");
    create_table(client).await;
    let described = client.describe_table().table_name(TABLE).send().await;
    let table = described.unwrap().table.unwrap();
    assert_eq!(table.table_status, Some(TableStatus::Active));

    let ttl = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .unwrap();
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(ttl)
        .send()
        .await
        .unwrap();
    let ttl = client.describe_time_to_live().table_name(TABLE).send();
    let ttl = ttl.await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
}

async fn single_items(client: &Client) {
    let value = AttributeValue::M(HashMap::from([
        ("text".to_owned(), s("Zoë \u{1f600} \" \\ \u{0}")),
        (
            "bytes".to_owned(),
            AttributeValue::B(Blob::new([0, 255, 7])),
        ),
        ("number".to_owned(), AttributeValue::N("-12.5".to_owned())),
        ("large".to_owned(), n(u64::MAX)),
        ("yes".to_owned(), AttributeValue::Bool(true)),
        ("nothing".to_owned(), AttributeValue::Null(true)),
        ("list".to_owned(), AttributeValue::L(vec![n(1), s("")])),
        (
            "set".to_owned(),
            AttributeValue::Ss(vec!["a".into(), "b".into()]),
        ),
    ]));
    put(client, "item", "1", value.clone()).await;
    assert_eq!(get(client, "item", "1").await, Some(value));
    assert_eq!(get(client, "item", "none").await, None);

    put(client, "item", "2", n(7)).await;
    let updated = client
        .update_item()
        .table_name(TABLE)
        .key("pk", s("item"))
        .key("sk", s("2"))
        .update_expression("SET #v = #v + :one")
        .condition_expression("#v = :seven")
        .expression_attribute_names("#v", "value")
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":seven", n(7))
        .return_values(ReturnValue::AllNew)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .unwrap();
    assert_eq!(updated.attributes.unwrap()["value"], n(8));
    let capacity = updated.consumed_capacity.unwrap();
    assert_eq!(capacity.capacity_units, Some(1.0));

    let refused = client
        .delete_item()
        .table_name(TABLE)
        .key("pk", s("item"))
        .key("sk", s("2"))
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("ConditionalCheckFailedException"));
    let deleted = client
        .delete_item()
        .table_name(TABLE)
        .key("pk", s("item"))
        .key("sk", s("2"))
        .send();
    deleted.await.unwrap();
    assert_eq!(get(client, "item", "2").await, None);
}

async fn queries(client: &Client) {
    for i in 0..5 {
        put(client, "list", &format!("a{i}"), n(i)).await;
    }
    put(client, "list", "b", n(9)).await;
    let query = || {
        client
            .query()
            .table_name(TABLE)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s("list"))
            .expression_attribute_values(":prefix", s("a"))
            .limit(3)
    };
    let first = query().send().await.unwrap();
    assert_eq!(first.count, 3);
    let rest = query()
        .set_exclusive_start_key(first.last_evaluated_key)
        .send()
        .await
        .unwrap();
    let values: Vec<_> = rest
        .items()
        .iter()
        .map(|item| item["value"].clone())
        .collect();
    assert_eq!(values, [n(3), n(4)]);

    let scan = client.scan().table_name(TABLE).send().await.unwrap();
    assert_eq!(scan.count, 7);
}

async fn batches(client: &Client) {
    let write = |sk: &str| {
        let put = PutRequest::builder()
            .item("pk", s("batch"))
            .item("sk", s(sk))
            .build()
            .unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let written = client
        .batch_write_item()
        .request_items(TABLE, vec![write("1"), write("2")])
        .send()
        .await
        .unwrap();
    assert!(written.unprocessed_items.unwrap_or_default().is_empty());

    let keys = ["1", "2", "3"]
        .map(|sk| HashMap::from([("pk".to_owned(), s("batch")), ("sk".to_owned(), s(sk))]));
    let wanted = KeysAndAttributes::builder()
        .set_keys(Some(keys.to_vec()))
        .consistent_read(true)
        .build()
        .unwrap();
    let read = client.batch_get_item().request_items(TABLE, wanted).send();
    assert_eq!(read.await.unwrap().responses.unwrap()[TABLE].len(), 2);
}

async fn transactions(client: &Client) {
    put(client, "tx", "old", n(1)).await;
    put(client, "tx", "count", n(1)).await;
    let write = |expected: u64, token: &str| {
        let item = Put::builder()
            .table_name(TABLE)
            .item("pk", s("tx"))
            .item("sk", s("new"))
            .item("value", n(2));
        let count = Update::builder()
            .table_name(TABLE)
            .key("pk", s("tx"))
            .key("sk", s("count"))
            .update_expression("SET #v = #v + :one")
            .condition_expression("#v = :expected")
            .expression_attribute_names("#v", "value")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":expected", n(expected));
        let gone = Delete::builder()
            .table_name(TABLE)
            .key("pk", s("tx"))
            .key("sk", s("old"));
        let check = ConditionCheck::builder()
            .table_name(TABLE)
            .key("pk", s("batch"))
            .key("sk", s("1"))
            .condition_expression("attribute_exists(pk)");
        let items = [
            TransactWriteItem::builder().put(item.build().unwrap()),
            TransactWriteItem::builder().update(count.build().unwrap()),
            TransactWriteItem::builder().delete(gone.build().unwrap()),
            TransactWriteItem::builder().condition_check(check.build().unwrap()),
        ];
        client
            .transact_write_items()
            .set_transact_items(Some(items.map(|item| item.build()).to_vec()))
            .client_request_token(token)
            .send()
    };
    let error = write(7, "one").await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) = error
    else {
        panic!("expected a cancelled transaction, got {error:?}");
    };
    let reasons: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(reasons, ["None", "ConditionalCheckFailed", "None", "None"]);

    write(1, "two").await.unwrap();
    // The same token again is the same write.
    write(1, "two").await.unwrap();

    let wanted = ["old", "new", "count"].map(|sk| {
        let key = Get::builder()
            .table_name(TABLE)
            .key("pk", s("tx"))
            .key("sk", s(sk));
        TransactGetItem::builder().get(key.build().unwrap()).build()
    });
    let read = client
        .transact_get_items()
        .set_transact_items(Some(wanted.to_vec()))
        .send()
        .await
        .unwrap();
    let values: Vec<_> = read
        .responses()
        .iter()
        .map(|response| response.item().map(|item| item["value"].clone()))
        .collect();
    assert_eq!(values, [None, Some(n(2)), Some(n(2))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_increments_are_all_counted() {
    let client = Engine::memory().unwrap().client();
    create_table(&client).await;
    put(&client, "hot", "count", n(0)).await;
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let update = client
                .update_item()
                .table_name(TABLE)
                .key("pk", s("hot"))
                .key("sk", s("count"))
                .update_expression("ADD #v :one")
                .expression_attribute_names("#v", "value")
                .expression_attribute_values(":one", n(1));
            tokio::spawn(update.send())
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(get(&client, "hot", "count").await, Some(n(16)));
}
