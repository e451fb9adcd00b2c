//! A database with a table of the test's own, the ways to it, and a hand on its items.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
    types::AttributeValue,
};
use contacts_embedded::{Engine, Server, serve};
use contacts_store::{BookId, Report, Store};
use contacts_tests::{
    dynamodb_local::{Endpoint, shared},
    faults::Faults,
};
use tokio::net::TcpListener;

/// An item as the SDK has it.
pub(crate) type Row = HashMap<String, AttributeValue>;

/// How long the change log lives.
const DAYS: u32 = 90;

pub(crate) struct Bed {
    /// Between [`Bed::through`] and the database.
    pub(crate) faults: Faults,
    endpoint: Endpoint,
    table: String,
    _server: Option<Server>,
}

impl Bed {
    pub(crate) async fn embedded() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = serve(Engine::memory().unwrap(), listener).await.unwrap();
        Self::on(Endpoint::from(&server), Some(server)).await
    }

    pub(crate) async fn dynamodb_local() -> Self {
        Self::on(shared().await, None).await
    }

    async fn on(endpoint: Endpoint, server: Option<Server>) -> Self {
        let bed = Self {
            faults: Faults::start(&endpoint, 1).await.unwrap(),
            endpoint,
            table: format!("t{}", BookId::random()),
            _server: server,
        };
        bed.store().create_table().await.unwrap();
        bed
    }

    /// The store as a new process has it, straight to the database.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.client(), &self.table, DAYS)
    }

    /// The store as a new process has it, through the fault proxy.
    pub(crate) fn through(&self) -> Store {
        let client = self.client_of(&self.faults.endpoint());
        Store::new(client, &self.table, DAYS)
    }

    /// The deployed client, straight to the database.
    pub(crate) fn client(&self) -> Client {
        self.client_of(&self.endpoint)
    }

    fn client_of(&self, endpoint: &Endpoint) -> Client {
        let credentials = Credentials::new(
            &endpoint.access_key_id,
            &endpoint.secret_access_key,
            None,
            None,
            "test",
        );
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            // The SDK's allowance of retries is one per region and process: faults in one test must
            // not use up another's.
            .region(Region::new(self.table.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&endpoint.url)
            .build();
        contacts_store::client(&sdk)
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Fails unless every part of the table agrees with every other, and nothing is left over.
    pub(crate) async fn is_sound(&self) {
        let report = self.report().await;
        assert_eq!(report.findings, []);
        assert_eq!(report.leftovers, 0, "rows of terms that no head names");
    }

    /// Like [`Bed::is_sound`] after a crash or an error, which may leave rows of terms behind.
    pub(crate) async fn is_sound_but_for_leftovers(&self) {
        assert_eq!(self.report().await.findings, []);
    }

    pub(crate) async fn report(&self) -> Report {
        self.store().check().await.unwrap()
    }

    /// The items whose partition key begins with `prefix`, in no order.
    pub(crate) async fn rows(&self, prefix: &str) -> Vec<Row> {
        let scan = self.client().scan().table_name(&self.table);
        let pages = scan.consistent_read(true).into_paginator().items().send();
        let rows = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        let ours = |row: &Row| row["pk"].as_s().unwrap().starts_with(prefix);
        rows.into_iter().filter(ours).collect()
    }

    /// The one item with such a partition key and this sort key.
    pub(crate) async fn row(&self, prefix: &str, sk: &str) -> Row {
        let mut rows = self.rows(prefix).await;
        rows.retain(|row| row["sk"].as_s().unwrap() == sk);
        assert_eq!(rows.len(), 1, "{prefix} / {sk}");
        rows.remove(0)
    }

    pub(crate) async fn put(&self, row: Row) {
        let put = self.client().put_item().table_name(&self.table);
        put.set_item(Some(row)).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, row: &Row) {
        let delete = self.client().delete_item().table_name(&self.table);
        let delete = delete.key("pk", row["pk"].clone());
        delete.key("sk", row["sk"].clone()).send().await.unwrap();
    }

    /// Puts the item back with another attribute.
    pub(crate) async fn set(&self, row: &Row, name: &str, value: AttributeValue) {
        let mut row = row.clone();
        row.insert(name.to_owned(), value);
        self.put(row).await;
    }
}

pub(crate) fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
