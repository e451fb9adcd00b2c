//! The embedded database as its users meet it: through the SDK, the port, and the data folder.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod backup;
mod door;
mod folder;
mod operations;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};

/// The table of every test here.
const TABLE: &str = "contacts";

async fn create_table(client: &Client) {
    let key = |name: &str, key_type| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type)
            .build()
            .unwrap()
    };
    let text = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"))
        .send()
        .await
        .unwrap();
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

async fn put(client: &Client, pk: &str, sk: &str, value: AttributeValue) {
    client
        .put_item()
        .table_name(TABLE)
        .item("pk", s(pk))
        .item("sk", s(sk))
        .item("value", value)
        .send()
        .await
        .unwrap();
}

async fn get(client: &Client, pk: &str, sk: &str) -> Option<AttributeValue> {
    client
        .get_item()
        .table_name(TABLE)
        .key("pk", s(pk))
        .key("sk", s(sk))
        .send()
        .await
        .unwrap()
        .item
        .map(|item| item["value"].clone())
}
