//! The outbox: what happened in books that somebody subscribed to, and is not sent yet. A row is put by
//! the transaction that makes it true and goes once its events are sent, so that none is lost; after a
//! crash in between they are sent again.
//!
//! A row names the contacts itself: the log's rows of the same numbers may not be visible to a query yet
//! (see `log`), and a reader here could not wait for them.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::{
    Store,
    error::StoreError,
    ids::{BookId, ContactId, JobId, SubscriptionId},
    item::{Item, n, time},
    job::JobState,
    keys::{self, Key},
    table::{Condition, Range, Write},
};

/// How long a write waits for its bell: whoever was not told is found by the sweep.
const BELL: Duration = Duration::from_millis(300);

/// Tells somebody that a book's outbox has something to send.
#[derive(Clone)]
pub(crate) struct Bell(Arc<dyn Fn(BookId) -> BoxFuture<'static, ()> + Send + Sync>);

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

/// What became of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It is new.
    Created,
    /// It changed.
    Changed,
    /// It is gone.
    Deleted,
}

impl Happened {
    const fn letter(self) -> char {
        match self {
            Self::Created => 'c',
            Self::Changed => 'u',
            Self::Deleted => 'd',
        }
    }
}

/// A change to one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// Its number in the book's log.
    pub seq: u64,
    /// The contact.
    pub id: ContactId,
    /// What became of it.
    pub happened: Happened,
    /// The revision that it has since.
    pub revision: u64,
}

impl Touched {
    fn encode(&self) -> String {
        let letter = self.happened.letter();
        format!("{letter}{}{},{}", self.id, self.seq, self.revision)
    }

    fn decode(text: &str) -> Option<Self> {
        let happened = [Happened::Created, Happened::Changed, Happened::Deleted]
            .into_iter()
            .find(|known| text.starts_with(known.letter()))?;
        let (id, rest) = text.get(1..)?.split_at_checked(26)?;
        let (seq, revision) = rest.split_once(',')?;
        Some(Self {
            seq: seq.parse().ok()?,
            id: id.parse().ok()?,
            happened,
            revision: revision.parse().ok()?,
        })
    }
}

/// What a row tells.
#[derive(Clone, PartialEq, Eq)]
pub enum Told {
    /// One transaction touched these contacts.
    Contacts(Vec<Touched>),
    /// The book has this revision and name now.
    Renamed(u64, String),
    /// The book is gone for everybody.
    BookDeleted,
    /// A job about the book has ended: the job, its kind, and how it ended. One that failed may be given
    /// another try, and end again.
    JobEnded(JobId, String, JobState),
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contacts(touched) => write!(f, "Contacts({})", touched.len()),
            Self::Renamed(revision, _) => write!(f, "Renamed(r{revision})"),
            Self::BookDeleted => f.write_str("BookDeleted"),
            Self::JobEnded(job, _, state) => write!(f, "JobEnded({job} {})", state.name()),
        }
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The book.
    pub book: BookId,
    /// When it happened.
    pub at: Timestamp,
    /// The number in the book's log at which it happened, or after which.
    pub sequence: u64,
    /// What happened.
    pub told: Told,
    /// Who has got it already.
    pub sent: BTreeSet<SubscriptionId>,
    /// Who has got some of it already: the numbers of these contacts' changes.
    pub partly: BTreeSet<(SubscriptionId, u64)>,
    key: Key,
}

/// What waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A book has unsent events.
    Book(BookId),
    /// An endpoint is to be looked at, because its coming or going may have broken off.
    Endpoint(String),
}

/// The action that puts a row.
pub(crate) fn row(book: BookId, sequence: u64, told: &Told, at: Timestamp) -> Write {
    let which = match told {
        Told::Contacts(_) => String::new(),
        Told::Renamed(revision, _) => format!("#r{revision}"),
        Told::BookDeleted => "#x".to_owned(),
        Told::JobEnded(job, ..) => format!("#j{job}{}", at.as_millisecond()),
    };
    let item = Item::new(&keys::outbox_row(book, sequence, &which))
        .n("seq", sequence)
        .n("at", at.as_millisecond());
    let item = match told {
        Told::Contacts(touched) => item.l("touched", touched.iter().map(Touched::encode)),
        Told::Renamed(revision, title) => item.n("rev", revision).s("title", title),
        Told::BookDeleted => item,
        Told::JobEnded(job, kind, state) => item
            .s("job", job.to_string())
            .s("kind", kind)
            .s("job_state", state.name()),
    };
    Write::Put(item, Condition::none())
}

fn told(item: &Item) -> Result<Told, StoreError> {
    if item.has("touched") {
        let touched = item.texts("touched")?.into_iter().map(Touched::decode);
        let touched = touched.collect::<Option<_>>();
        return Ok(Told::Contacts(
            touched.ok_or(StoreError::Damaged("touched"))?,
        ));
    }
    if item.has("title") {
        return Ok(Told::Renamed(
            item.number("rev")?,
            item.text("title")?.to_owned(),
        ));
    }
    if item.has("job") {
        let job = item.text("job")?.parse();
        let state = JobState::named(item.text("job_state")?);
        return Ok(Told::JobEnded(
            job.map_err(|_| StoreError::Damaged("job"))?,
            item.text("kind")?.to_owned(),
            state.ok_or(StoreError::Damaged("job_state"))?,
        ));
    }
    Ok(Told::BookDeleted)
}

impl Unsent {
    fn read(book: BookId, item: &Item) -> Result<Self, StoreError> {
        let list = |name: &'static str| match item.has(name) {
            true => item.texts(name),
            false => Ok(Vec::new()),
        };
        let sent = list("sent")?.into_iter().map(str::parse);
        let partly = list("partly")?.into_iter().map(|text| {
            let (id, seq) = text.split_once(',')?;
            Some((id.parse().ok()?, seq.parse().ok()?))
        });
        Ok(Self {
            book,
            at: time(item, "at")?,
            sequence: item.number("seq")?,
            told: told(item)?,
            sent: sent
                .collect::<Result<_, _>>()
                .map_err(|_| StoreError::Damaged("sent"))?,
            partly: partly
                .collect::<Option<_>>()
                .ok_or(StoreError::Damaged("partly"))?,
            key: item.key()?,
        })
    }
}

impl Store {
    /// The same store, which calls `ring` after a write that left something in a book's outbox. The
    /// writer waits for it, for at most 300 milliseconds.
    #[must_use]
    pub fn with_bell(
        self,
        ring: impl Fn(BookId) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            bell: Some(Bell(Arc::new(ring))),
            ..self
        }
    }

    pub(crate) async fn ring(&self, book: BookId) {
        if let Some(Bell(ring)) = &self.bell {
            // Nothing is lost where it takes longer or fails: the sweep comes by.
            let _ = tokio::time::timeout(BELL, ring(book)).await;
        }
    }

    /// What is unsent of a book, in the order in which it happened, after `after`, at most `limit` rows.
    pub async fn unsent(
        &self,
        book: BookId,
        after: Option<&Unsent>,
        limit: usize,
    ) -> Result<Vec<Unsent>, StoreError> {
        let (pk, prefix) = keys::outbox(book);
        let range = Range::new(pk, limit)
            .prefix(&prefix)
            .after(after.map(|row| row.key.sk.as_str()));
        let rows = self.table.query(range).await?;
        rows.iter().map(|row| Unsent::read(book, row)).collect()
    }

    /// Notes who has got what a row tells, while others have not.
    pub async fn note_sent(
        &self,
        row: &Unsent,
        sent: &BTreeSet<SubscriptionId>,
    ) -> Result<(), StoreError> {
        self.note_progress(row, sent, &row.partly).await
    }

    /// The same, with who has got some of it.
    pub async fn note_progress(
        &self,
        row: &Unsent,
        sent: &BTreeSet<SubscriptionId>,
        partly: &BTreeSet<(SubscriptionId, u64)>,
    ) -> Result<(), StoreError> {
        let sent = sent.iter().map(SubscriptionId::to_string);
        let partly = partly.iter().map(|(id, seq)| format!("{id},{seq}"));
        let mut there = Condition::of("attribute_exists(pk)");
        for (name, value) in Item::default().l(":sent", sent).l(":partly", partly).0 {
            there = there.value(&name, value);
        }
        let update = "SET sent = :sent, partly = :partly".to_owned();
        self.table
            .write(Write::Update(row.key.clone(), update, there))
            .await
            .map(drop)
    }

    /// Deletes a row: everybody has got it.
    pub async fn delete_unsent(&self, row: &Unsent) -> Result<(), StoreError> {
        self.table
            .write(Write::Delete(row.key.clone(), Condition::none()))
            .await
            .map(drop)
    }

    /// In how many parts the outbox lies, from 0 on.
    pub const OUTBOX_PARTS: u32 = keys::OUTBOX_SHARDS;

    /// What has waited in one part of the outbox since before `before`, each once with the time since
    /// when; after `after`, which is where the page before ended. None goes on where the part ends.
    pub async fn waiting(
        &self,
        part: u32,
        before: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(Waiting, Timestamp)>, Option<String>), StoreError> {
        let range = Range::new(keys::outbox_shard(part), limit).after(after);
        let rows = self.table.query(range).await?;
        let mut waiting: Vec<(Waiting, Timestamp)> = Vec::new();
        for row in &rows {
            let at = time(row, "at")?;
            if at > before {
                continue;
            }
            let sk = row.text("sk")?;
            let what = match sk.strip_prefix(keys::OUTBOX_ENDPOINT) {
                Some(endpoint) => Waiting::Endpoint(endpoint.to_owned()),
                None => {
                    let book = sk.split('#').next().unwrap_or_default().parse();
                    Waiting::Book(book.map_err(|_| StoreError::Damaged("sk"))?)
                }
            };
            // A book's rows follow each other, the oldest first.
            if waiting.last().is_none_or(|(last, _)| *last != what) {
                waiting.push((what, at));
            }
        }
        let last = rows.last().filter(|_| rows.len() == limit);
        let next = last.map(|row| row.text("sk").map(str::to_owned));
        Ok((waiting, next.transpose()?))
    }
}

/// The condition on a book's flag that a writer's view of it still holds.
pub(crate) const fn flag(subscribed: bool) -> &'static str {
    if subscribed {
        "attribute_exists(subscribed)"
    } else {
        "attribute_not_exists(subscribed)"
    }
}

/// The note that an endpoint is to be looked at.
pub(crate) fn endpoint_note(endpoint: &str, at: Timestamp) -> Write {
    let row = Item::new(&keys::outbox_endpoint(endpoint)).with("at", n(at.as_millisecond()));
    Write::Put(row, Condition::none())
}
