//! The peer of a create: rows like those of a contact, written by the client alone.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeValue, DeleteRequest, Put, PutRequest, TransactWriteItem, Update, WriteRequest,
    },
};
use tokio::time::Instant;

use crate::site::TABLE;

type Key = (String, String);

/// Puts 16 term rows in a batch and the rest of a contact in a transaction, into the same ranges of
/// keys as the product does and as scattered in them; how long that took. Then deletes them.
pub(crate) async fn create(client: &Client, book: &str, number: usize) -> Result<Duration> {
    // Neighbouring rounds must not meet on the same pages of the database.
    let scattered = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let contact = format!("{scattered:026x}");
    let terms = ('a'..='p').map(|first| {
        let second = char::from(b'a' + (scattered.rotate_left(u32::from(first)) % 26) as u8);
        let word = format!("{first}{second}{scattered:x}\u{1f}1\u{1f}{contact}");
        (format!("T#{book}#{first}"), word)
    });
    let terms: Vec<Key> = terms.collect();
    let rows: [(Key, usize); 4] = [
        ((format!("C#{book}#{contact}"), "H".to_owned()), 900),
        ((format!("U#{book}#{contact}"), "U".to_owned()), 30),
        (
            (
                format!("N#{book}"),
                format!("{}{scattered:x}", char::from(b'a' + (scattered % 26) as u8)),
            ),
            250,
        ),
        // Above every number that there is.
        ((format!("L#{book}"), "9".repeat(20)), 80),
    ];

    let put = |key: &Key| {
        let item = [("pk", text(&key.0)), ("sk", text(&key.1)), ("rev", one())];
        let item = item.map(|(name, value)| (name.to_owned(), value)).into();
        let put = PutRequest::builder().set_item(Some(item)).build()?;
        anyhow::Ok(WriteRequest::builder().put_request(put).build())
    };
    let puts = terms.iter().map(put).collect::<Result<Vec<_>>>()?;
    let unchanged = Update::builder()
        .table_name(TABLE)
        .key("pk", text(&format!("B#{book}")))
        .key("sk", text("B"))
        .update_expression("SET seq = seq")
        .build()?;
    let mut actions = vec![TransactWriteItem::builder().update(unchanged).build()];
    for (key, size) in &rows {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", text(&key.0))
            .item("sk", text(&key.1))
            .item("summary", text(&"x".repeat(*size)))
            .build()?;
        actions.push(TransactWriteItem::builder().put(put).build());
    }
    let started = Instant::now();
    client
        .batch_write_item()
        .request_items(TABLE, puts)
        .send()
        .await?;
    client
        .transact_write_items()
        .set_transact_items(Some(actions))
        .send()
        .await?;
    let took = started.elapsed();

    let delete = |key: &Key| {
        let delete = DeleteRequest::builder()
            .key("pk", text(&key.0))
            .key("sk", text(&key.1))
            .build()?;
        anyhow::Ok(WriteRequest::builder().delete_request(delete).build())
    };
    let keys = terms.iter().chain(rows.iter().map(|(key, _)| key));
    let deletes = keys.map(delete).collect::<Result<Vec<_>>>()?;
    client
        .batch_write_item()
        .request_items(TABLE, deletes)
        .send()
        .await?;
    Ok(took)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn one() -> AttributeValue {
    AttributeValue::N("1".to_owned())
}
