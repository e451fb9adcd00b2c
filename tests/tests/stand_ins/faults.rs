use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    Delete, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity, TransactWriteItem,
    WriteRequest,
};
use contacts_embedded::{Engine, Server, serve};
use contacts_tests::dynamodb_local::Endpoint;
use contacts_tests::faults::{Count, Fault, Faults, Gate, Rule};
use tokio::net::TcpListener;

use crate::{create_table, s};

const TABLE: &str = "contacts";

/// The way through the proxy, without retries, and the way around it.
struct Bench {
    faults: Faults,
    through: Client,
    around: Client,
    _server: Server,
}

async fn bench(seed: u64) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = serve(Engine::memory().unwrap(), listener).await.unwrap();
    let endpoint = Endpoint::from(&server);
    let faults = Faults::start(&endpoint, seed).await.unwrap();
    let config = faults
        .endpoint()
        .config()
        .retry_config(RetryConfig::disabled());
    let around = endpoint.client();
    create_table(&around, TABLE).await;
    Bench {
        through: Client::from_conf(config.build()),
        faults,
        around,
        _server: server,
    }
}

impl Bench {
    async fn put(&self, sk: &str) -> Result<PutItemOutput, SdkError<PutItemError>> {
        put(&self.through, sk).await
    }

    /// The sort keys that are really there.
    async fn stored(&self) -> Vec<String> {
        let scan = self.around.scan().table_name(TABLE).send().await.unwrap();
        let mut keys: Vec<_> = scan
            .items()
            .iter()
            .map(|item| item["sk"].as_s().unwrap().clone())
            .collect();
        keys.sort();
        keys
    }
}

async fn put(client: &Client, sk: &str) -> Result<PutItemOutput, SdkError<PutItemError>> {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", s("a"))
        .item("sk", s(sk))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
}

fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> String {
    let error = result.unwrap_err();
    error.code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn without_faults_everything_goes_through_and_is_counted() {
    let bench = bench(1).await;
    bench.put("1").await.unwrap();
    bench.put("2").await.unwrap();
    assert_eq!(bench.stored().await, ["1", "2"]);
    let expected = Count {
        calls: 2,
        faults: 0,
        units: 2.0,
    };
    assert_eq!(bench.faults.count("PutItem"), expected);
    bench.faults.reset_counts();
    assert!(bench.faults.counts().is_empty());
}

#[tokio::test]
async fn throttling_and_internal_errors_are_answered_so_often_as_asked() {
    let bench = bench(1).await;
    bench
        .faults
        .inject(Rule::new(Fault::Throttle).on("PutItem").times(1));
    bench
        .faults
        .inject(Rule::new(Fault::InternalServerError).times(1));
    assert_eq!(
        code(bench.put("1").await),
        "ProvisionedThroughputExceededException"
    );
    assert_eq!(code(bench.put("1").await), "InternalServerError");
    assert!(bench.stored().await.is_empty());
    bench.put("1").await.unwrap();
    assert_eq!(bench.stored().await, ["1"]);
    let count = bench.faults.count("PutItem");
    assert_eq!((count.calls, count.faults), (3, 2));
}

#[tokio::test]
async fn an_sdk_that_retries_gets_over_them() {
    let bench = bench(1).await;
    bench.faults.inject(Rule::new(Fault::Throttle).times(1));
    bench.faults.inject(Rule::new(Fault::ResetBefore).times(1));
    put(&bench.faults.endpoint().client(), "1").await.unwrap();
    assert_eq!(bench.faults.count("PutItem").calls, 3);
    assert_eq!(bench.stored().await, ["1"]);
}

#[tokio::test]
async fn a_rule_can_look_at_the_operation_and_the_body() {
    let bench = bench(1).await;
    bench
        .faults
        .inject(Rule::new(Fault::Throttle).on("GetItem"));
    bench
        .faults
        .inject(Rule::new(Fault::Throttle).when(|body| body["Item"]["sk"]["S"] == "2"));
    bench.put("1").await.unwrap();
    assert!(bench.put("2").await.is_err());
    bench.put("3").await.unwrap();
    bench.faults.clear();
    bench.put("2").await.unwrap();
}

#[tokio::test]
async fn a_seed_draws_the_same_faults_again() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let bench = bench(seed).await;
        bench
            .faults
            .inject(Rule::new(Fault::Throttle).with_probability(0.5));
        let mut run = Vec::new();
        for i in 0..40 {
            run.push(bench.put(&i.to_string()).await.is_ok());
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let passed = runs[0].iter().filter(|ok| **ok).count();
    assert!((10..=30).contains(&passed), "{passed} of 40 at one half");
}

#[tokio::test]
async fn a_reset_before_the_commit_leaves_nothing_and_one_after_it_everything() {
    let bench = bench(1).await;
    bench.faults.inject(Rule::new(Fault::ResetBefore).times(1));
    bench.faults.inject(Rule::new(Fault::ResetAfter).times(1));
    for sk in ["before", "after"] {
        let error = bench.put(sk).await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    }
    assert_eq!(bench.stored().await, ["after"]);
    bench.put("later").await.unwrap();
}

#[tokio::test]
async fn a_request_waits_until_the_gate_opens() {
    let bench = bench(1).await;
    let gate = Gate::closed();
    bench
        .faults
        .inject(Rule::new(Fault::Wait(gate.clone())).on("PutItem"));
    let client = bench.through.clone();
    let waiting = tokio::spawn(async move { put(&client, "1").await });
    gate.arrived(1).await;
    assert!(bench.stored().await.is_empty());
    assert!(!waiting.is_finished());
    gate.open();
    waiting.await.unwrap().unwrap();
    assert_eq!(bench.stored().await, ["1"]);
    bench.put("2").await.unwrap();
}

#[tokio::test]
async fn a_transaction_conflict_cancels_with_a_reason_per_item() {
    let bench = bench(1).await;
    bench
        .faults
        .inject(Rule::new(Fault::TransactionConflict).times(2));
    let put = Put::builder()
        .table_name(TABLE)
        .item("pk", s("a"))
        .item("sk", s("1"))
        .build()
        .unwrap();
    let delete = Delete::builder()
        .table_name(TABLE)
        .key("pk", s("a"))
        .key("sk", s("2"))
        .build()
        .unwrap();
    let transaction = bench
        .through
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put).build())
        .transact_items(TransactWriteItem::builder().delete(delete).build());
    let error = transaction.clone().send().await.unwrap_err();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.into_service_error()
    else {
        panic!("expected a cancelled transaction");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code().unwrap())
        .collect();
    assert_eq!(codes, ["TransactionConflict", "None"]);
    assert_eq!(code(bench.put("1").await), "TransactionConflictException");
    assert!(bench.stored().await.is_empty());
    transaction.send().await.unwrap();
    assert_eq!(bench.stored().await, ["1"]);
}

#[tokio::test]
async fn a_batch_can_be_left_unprocessed() {
    let bench = bench(1).await;
    bench.faults.inject(Rule::new(Fault::Unprocessed).times(2));
    let put = PutRequest::builder()
        .item("pk", s("a"))
        .item("sk", s("1"))
        .build()
        .unwrap();
    let work = vec![WriteRequest::builder().put_request(put).build()];
    let write = bench
        .through
        .batch_write_item()
        .request_items(TABLE, work.clone());
    let left = write
        .clone()
        .send()
        .await
        .unwrap()
        .unprocessed_items
        .unwrap();
    assert_eq!(left[TABLE], work);

    let keys = KeysAndAttributes::builder()
        .keys([("pk".to_owned(), s("a")), ("sk".to_owned(), s("1"))].into())
        .build()
        .unwrap();
    let read = bench
        .through
        .batch_get_item()
        .request_items(TABLE, keys.clone());
    let left = read.clone().send().await.unwrap();
    assert_eq!(left.unprocessed_keys.unwrap()[TABLE].keys(), keys.keys());

    write.send().await.unwrap();
    let found = read.send().await.unwrap().responses.unwrap();
    assert_eq!(found[TABLE].len(), 1);
}

#[tokio::test]
async fn a_hidden_item_is_missing_from_reads_until_it_is_released() {
    let bench = bench(1).await;
    for sk in ["1", "2", "3"] {
        bench.put(sk).await.unwrap();
    }
    // How many of the three each way of reading finds.
    let seen = async || {
        let query = bench.through.query().table_name(TABLE);
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s("a"));
        let query = query.send().await.unwrap();
        assert_eq!(query.items().len(), query.count as usize);
        let scan = bench.through.scan().table_name(TABLE).send().await.unwrap();
        let mut keys = KeysAndAttributes::builder();
        let mut single = 0;
        for sk in ["1", "2", "3"] {
            let key = [("pk".to_owned(), s("a")), ("sk".to_owned(), s(sk))];
            keys = keys.keys(key.clone().into());
            let get = bench.through.get_item().table_name(TABLE);
            let get = get.set_key(Some(key.into())).send().await.unwrap();
            single += usize::from(get.item.is_some());
        }
        let batch = bench.through.batch_get_item();
        let batch = batch
            .request_items(TABLE, keys.build().unwrap())
            .send()
            .await;
        let batch = batch.unwrap().responses.unwrap()[TABLE].len();
        [query.count as usize, scan.count as usize, single, batch]
    };
    assert_eq!(seen().await, [3; 4]);
    let hidden = bench.faults.hide(|item| item["sk"]["S"] == "2");
    assert_eq!(seen().await, [2; 4]);
    let all = bench.faults.hide(|_| true);
    assert_eq!(seen().await, [0; 4]);
    all.release();
    assert_eq!(seen().await, [2; 4]);
    hidden.release();
    assert_eq!(seen().await, [3; 4]);
}
