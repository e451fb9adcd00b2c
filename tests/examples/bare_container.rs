//! The peer of the container in `make bench`: a bare axum handler that reads the same item of the
//! same table with the same client, and does nothing else.

use std::{env, error::Error};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await);
    let router = Router::new()
        .route("/health", get(|| async {}))
        .route("/v1/books/{book}/contacts/{contact}", get(read))
        .with_state((client, env::var("CONTACTS_TABLE")?));
    let listener = TcpListener::bind(env::var("CONTACTS_LISTEN")?).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// The deflated card, as the item has it.
async fn read(
    State((client, table)): State<(Client, String)>,
    Path((book, contact)): Path<(String, String)>,
) -> Result<Vec<u8>, StatusCode> {
    let answer = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("C#{book}#{contact}")))
        .key("sk", AttributeValue::S("H".to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut item = answer.item.ok_or(StatusCode::NOT_FOUND)?;
    match item.remove("json") {
        Some(AttributeValue::B(card)) => Ok(card.into_inner()),
        _ => Err(StatusCode::BAD_GATEWAY),
    }
}
