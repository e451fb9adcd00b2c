//! A queue in the table, for where there is no SQS: each message a row, on loan for a while to whoever
//! received it, and put aside once it came back too often.

use std::time::Duration;

use crate::{
    Store,
    error::StoreError,
    ids::{JobId, WriteId},
    item::{Item, n, s},
    keys::{self, Key},
    table::{Condition, Outcome, Range, Write},
};

/// How many rows are looked at together for messages whose time has come.
const LOOK: usize = 100;

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What was sent.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// By what this delivery is known.
    pub handle: String,
}

impl Store {
    /// Puts a message into the queue.
    pub async fn enqueue(&self, body: &str) -> Result<(), StoreError> {
        // In the order of their times: who waits longest comes first.
        let key = keys::message(&JobId::at(self.now()).to_string());
        let row = Item::new(&key)
            .s("body", body)
            .n("visible", 0)
            .n("receives", 0);
        self.table
            .write(Write::Put(row, Condition::none()))
            .await
            .map(drop)
    }

    /// Takes up to `most` messages on loan for `visibility`. One that has been received `limit` times
    /// already is put aside instead.
    pub async fn dequeue(
        &self,
        most: usize,
        visibility: Duration,
        limit: u32,
    ) -> Result<Vec<Received>, StoreError> {
        let now = self.now().as_millisecond();
        let until = now.saturating_add(millis(visibility));
        let (mut received, mut after) = (Vec::new(), None::<String>);
        loop {
            let range = Range::new(keys::QUEUE.to_owned(), LOOK).after(after.as_deref());
            let rows = self.table.query(range).await?;
            for row in &rows {
                if received.len() == most {
                    return Ok(received);
                }
                if row.number::<i64>("visible")? <= now {
                    received.extend(self.lend(row, until, limit).await?);
                }
            }
            match rows.last().filter(|_| rows.len() == LOOK) {
                Some(last) => after = Some(last.text("sk")?.to_owned()),
                None => return Ok(received),
            }
        }
    }

    /// Lends a message, unless somebody else was faster or it is one to be put aside.
    async fn lend(
        &self,
        row: &Item,
        until: i64,
        limit: u32,
    ) -> Result<Option<Received>, StoreError> {
        let (key, body) = (row.key()?, row.text("body")?);
        let receives = row.number::<u32>("receives")? + 1;
        let loan = WriteId::random().to_string();
        // Two receivers see the same row; one of them gets it. After a lost answer it is ours already.
        let mine = Condition::of("visible = :visible OR loan = :loan")
            .value(":visible", n(row.number::<i64>("visible")?))
            .value(":loan", s(&loan));
        if receives > limit {
            let aside = Item::new(&Key::new(keys::DEAD, &key.sk)).s("body", body);
            self.table
                .write(Write::Put(aside, Condition::none()))
                .await?;
            self.table.write(Write::Delete(key, mine)).await?;
            return Ok(None);
        }
        let mine = mine
            .value(":until", n(until))
            .value(":receives", n(receives));
        let update = "SET visible = :until, receives = :receives, loan = :loan".to_owned();
        let lent = Write::Update(key.clone(), update, mine);
        Ok(match self.table.write(lent).await? {
            Outcome::Done => Some(Received {
                body: body.to_owned(),
                receives,
                handle: format!("{}/{loan}", key.sk),
            }),
            Outcome::Refused(_) => None,
        })
    }

    /// Deletes a message; one that has gone to another receiver meanwhile stays theirs.
    pub async fn delete_message(&self, handle: &str) -> Result<(), StoreError> {
        let (key, mine) = loan(handle);
        self.table.write(Write::Delete(key, mine)).await.map(drop)
    }

    /// Keeps a message from others for `time` from now.
    pub async fn hold_message(&self, handle: &str, time: Duration) -> Result<(), StoreError> {
        let (key, mine) = loan(handle);
        let until = self.now().as_millisecond().saturating_add(millis(time));
        let update = "SET visible = :until".to_owned();
        let mine = mine.value(":until", n(until));
        self.table
            .write(Write::Update(key, update, mine))
            .await
            .map(drop)
    }

    /// Puts back every message that was put aside, as `again` makes it, and says how many there were.
    pub async fn revive_messages(&self, again: fn(&str) -> String) -> Result<usize, StoreError> {
        let mut moved = 0;
        loop {
            let rows = self
                .table
                .query(Range::new(keys::DEAD.to_owned(), LOOK))
                .await?;
            if rows.is_empty() {
                return Ok(moved);
            }
            for row in rows {
                self.enqueue(&again(row.text("body")?)).await?;
                self.table
                    .write(Write::Delete(row.key()?, Condition::none()))
                    .await?;
                moved += 1;
            }
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The row of a delivery, as long as it is on loan to it.
fn loan(handle: &str) -> (Key, Condition) {
    let (sk, loan) = handle.split_once('/').unwrap_or((handle, ""));
    let mine = Condition::of("loan = :loan").value(":loan", s(loan));
    (keys::message(sk), mine)
}
