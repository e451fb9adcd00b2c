//! `Idempotency-Key`: the first request with a key claims its record and finishes it in the same
//! transaction as its change, so that a repeat gets the first answer or, where nothing was changed,
//! runs anew.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Store,
    contact::{deflate, inflate},
    error::StoreError,
    ids::WriteId,
    item::{Item, n, s},
    keys::{self, Key},
    table::{Condition, Outcome, Write},
};

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long the first request may run before a repeat may take its place. Longer than any request may
/// take (60 s at the load balancer).
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// An answer to give again.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers that matter, such as `ETag` and `Location`.
    pub headers: Vec<(String, String)>,
    /// Its body; at most 300 KB deflated.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// The right to carry out the request of a key.
#[derive(Debug, Clone)]
pub struct Claim {
    key: Key,
    id: WriteId,
    /// What an earlier holder had done of the request before it was lost, as that holder wrote it.
    pub progress: Option<Vec<u8>>,
}

/// A claim, and what makes the answer for it from the thing created.
pub type Recording<'a, T> = (&'a Claim, &'a (dyn Fn(&T) -> Answer + Sync));

/// What the record of a key says.
#[derive(Debug)]
pub enum Claimed {
    /// Go ahead.
    Mine(Claim),
    /// The same request was answered before.
    Answered(Answer),
    /// The same request is running; for this many more seconds at most.
    Running(u64),
    /// The key belongs to another request.
    Mismatch,
}

impl Claim {
    fn update(&self, expression: &str, condition: Condition) -> Write {
        let condition = condition.value(":claim", s(self.id.to_string()));
        Write::Update(self.key.clone(), expression.to_owned(), condition)
    }

    /// Finishes the record with `answer`.
    pub(crate) fn finish(&self, answer: &Answer, now: Timestamp) -> Write {
        let headers = answer
            .headers
            .iter()
            .flat_map(|(name, value)| [s(name), s(value)])
            .collect();
        let condition = Condition::of("claim = :claim")
            .value(":status", n(answer.status))
            .value(
                ":headers",
                aws_sdk_dynamodb::types::AttributeValue::L(headers),
            )
            .value(
                ":answer",
                Item::default()
                    .b("b", deflate(&answer.body))
                    .0
                    .remove("b")
                    .expect("put above"),
            )
            .value(":until", n((now + KEPT).as_second()));
        self.update(
            "SET answer_status = :status, answer_headers = :headers, answer = :answer, \
             expires_at = :until REMOVE lease, progress",
            condition,
        )
    }

    /// Notes how far the request has come, so that another can take it over after a crash.
    pub(crate) fn advance(&self, progress: &[u8], now: Timestamp) -> Write {
        let condition = Condition::of("claim = :claim")
            .value(":lease", n((now + LEASE).as_millisecond()))
            .value(
                ":progress",
                Item::default()
                    .b("b", deflate(progress))
                    .0
                    .remove("b")
                    .expect("put above"),
            );
        self.update("SET progress = :progress, lease = :lease", condition)
    }
}

impl Store {
    /// Claims `key` for a request of `who`. `request` says which request it is: a hash over method,
    /// path and body.
    pub async fn claim(&self, who: &str, key: &str, request: &str) -> Result<Claimed, StoreError> {
        let key = keys::idempotency(who, key);
        let id = WriteId::random();
        let now = self.now();
        let record = |progress: Option<&[u8]>| {
            let item = Item::new(&key)
                .s("request", request)
                .s("claim", id.to_string())
                .n("lease", (now + LEASE).as_millisecond())
                .n("expires_at", (now + KEPT).as_second());
            match progress {
                Some(progress) => item.b("progress", progress.to_vec()),
                None => item,
            }
        };
        let free =
            Condition::of("attribute_not_exists(pk) OR expires_at <= :now OR claim = :claim")
                .value(":now", n(now.as_second()))
                .value(":claim", s(id.to_string()));
        let held = match self.table.write(Write::Put(record(None), free)).await? {
            Outcome::Done => {
                return Ok(Claimed::Mine(Claim {
                    key,
                    id,
                    progress: None,
                }));
            }
            Outcome::Refused(held) => held.ok_or(StoreError::Damaged("idempotency record"))?,
        };
        if held.text("request")? != request {
            return Ok(Claimed::Mismatch);
        }
        if held.has("answer_status") {
            let headers = held.texts("answer_headers")?;
            let headers = headers
                .chunks_exact(2)
                .map(|pair| (pair[0].to_owned(), pair[1].to_owned()));
            return Ok(Claimed::Answered(Answer {
                status: held.number("answer_status")?,
                headers: headers.collect(),
                body: inflate(held.bytes("answer")?)?,
            }));
        }
        let left = held.number::<i64>("lease")? - now.as_millisecond();
        if left > 0 {
            return Ok(Claimed::Running(
                u64::try_from(left).unwrap_or(0).div_ceil(1000),
            ));
        }
        // The holder ran past its lease: its transaction, should it still come, names the old claim.
        let progress = held.opt_bytes("progress")?;
        // Should it come first, it moves the lease or ends it, and counts.
        let lapsed = Condition::of("(claim = :old AND lease = :lease) OR claim = :claim")
            .value(":old", s(held.text("claim")?))
            .value(":lease", n(held.number::<i64>("lease")?))
            .value(":claim", s(id.to_string()));
        let claim = Write::Put(record(progress), lapsed);
        Ok(match self.table.write(claim).await? {
            Outcome::Done => {
                let progress = progress.map(inflate).transpose()?;
                Claimed::Mine(Claim { key, id, progress })
            }
            Outcome::Refused(_) => Claimed::Running(1),
        })
    }

    /// Gives a claim back whose request changed nothing, so that a repeat runs anew; what an earlier
    /// holder had done stays noted.
    pub async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        if claim.progress.is_some() {
            return self.lapse(claim).await;
        }
        let mine = Condition::of("claim = :claim AND attribute_not_exists(answer_status)")
            .value(":claim", s(claim.id.to_string()));
        self.table
            .write(Write::Delete(claim.key.clone(), mine))
            .await
            .map(drop)
    }

    /// Lets a repeat take the claim over at once, with the progress that it has.
    pub(crate) async fn lapse(&self, claim: &Claim) -> Result<(), StoreError> {
        let mine = Condition::of("claim = :claim AND attribute_not_exists(answer_status)")
            .value(":none", n(0))
            .value(":claim", s(claim.id.to_string()));
        let update = "SET lease = :none".to_owned();
        self.table
            .write(Write::Update(claim.key.clone(), update, mine))
            .await
            .map(drop)
    }

    /// Finishes a claim whose request needs no transaction any more.
    pub async fn finish(&self, claim: &Claim, answer: &Answer) -> Result<(), StoreError> {
        match self.table.write(claim.finish(answer, self.now())).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(_) => Err(StoreError::LeaseLost),
        }
    }
}
