//! The real workers over a database and a queue, and what tests ask of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::Client as Database;
use aws_sdk_sqs::types::{Message as Received, MessageSystemAttributeName};
use contacts::{BookId, BookRef, Contacts, Guard, Job, JobId};
use contacts_embedded::Engine;
use contacts_jobs::Message;
use contacts_store::{Decision, Entry, JobState, NewJob, Op, Store, Term};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use uuid::Uuid;

use crate::calls::Role;
use crate::client::{Client, Request};
use crate::dynamodb_local::Endpoint;
use crate::faults::Faults;
use crate::lambda_runtime::{Function, Sandboxes};
use crate::moto::{Moto, Queue, shared};
use crate::process::{Process, build, free_address};

const TABLE: &str = "contacts";

/// Whose everything is.
pub const OWNER: &str = "owner";

/// How long anything waited for may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A table, and the queue of those who work on it.
#[derive(Debug)]
pub struct Site {
    /// Between the workers and the database.
    pub faults: Faults,
    /// Between the workers and the queue.
    pub queue_faults: Option<Faults>,
    /// The queue; without one, messages are rows of the table.
    pub queue: Option<Queue>,
    /// The database itself.
    pub database: Database,
    contacts: Contacts,
    environment: Vec<(String, String)>,
    _server: contacts_embedded::Server,
}

impl Site {
    /// A table in memory, and a queue whose messages come again after `visibility` (whole seconds).
    ///
    /// # Errors
    /// If either cannot be made.
    pub async fn new(visibility: Duration) -> Result<Self> {
        let moto = shared().await;
        let queue = moto
            .queue(&format!("q{}", Uuid::new_v4().simple()), visibility)
            .await?;
        Self::over(Some((moto, queue))).await
    }

    /// A table in memory that holds its queue as well.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn without_sqs() -> Result<Self> {
        Self::over(None).await
    }

    async fn over(queue: Option<(Moto, Queue)>) -> Result<Self> {
        let engine = Engine::memory()?;
        let database = engine.client();
        let store = Store::new(database.clone(), TABLE, 90);
        store.create_table().await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = contacts_embedded::serve(engine, listener).await?;
        let faults = Faults::start(&Endpoint::from(&server), 1).await?;
        let mut environment = faults.endpoint().environment();
        environment.push(("CONTACTS_TABLE".to_owned(), TABLE.to_owned()));
        let mut queue_faults = None;
        if let Some((moto, queue)) = &queue {
            let (proxy, through) = moto.behind_faults(1).await?;
            environment.extend(through.environment());
            environment.push(("CONTACTS_QUEUE_URL".to_owned(), queue.url().to_owned()));
            queue_faults = Some(proxy);
        }
        Ok(Self {
            faults,
            queue_faults,
            queue: queue.map(|(_, queue)| queue),
            database,
            contacts: Contacts::new(store),
            environment,
            _server: server,
        })
    }

    /// The same site, whose programs have one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The store, straight to the database.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.contacts.store()
    }

    /// A new book with so many contacts.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn book(&self, contacts: usize) -> Result<BookId> {
        let book = self.contacts.create_book(OWNER, "Full", None).await?.id;
        let all: Vec<_> = (0..contacts).collect();
        for some in all.chunks(500) {
            let ops: Vec<Op<()>> = some.iter().map(|number| create(*number)).collect();
            self.store().write(book, &ops, None).await?;
        }
        Ok(book)
    }

    /// Deletes a book with contacts; its job, of which no worker has been told yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&self, book: BookId) -> Result<Job> {
        let job = |book: &contacts::Book| NewJob {
            id: JobId::at(Timestamp::now()),
            kind: "delete-book".to_owned(),
            owner: OWNER.to_owned(),
            origin: contacts_store::Origin::default(),
            book: Some(book.id),
            total: Some(book.contacts),
        };
        let (book, guard) = (BookRef::Id(book), Guard::open());
        let deleted = self.contacts.delete_book(OWNER, book, &guard, job).await?;
        deleted.context("the book holds contacts")
    }

    /// Creates a job of any kind, of which no worker has been told yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job(&self, kind: &str, book: Option<BookId>) -> Result<Job> {
        let new = NewJob {
            id: JobId::at(Timestamp::now()),
            kind: kind.to_owned(),
            owner: OWNER.to_owned(),
            origin: contacts_store::Origin::default(),
            book,
            total: None,
        };
        Ok(self.store().create_job(&new, None).await?)
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// If the queue fails.
    pub async fn tell(&self, message: &Message) -> Result<()> {
        match &self.queue {
            Some(queue) => queue.send(&message.text()).await,
            None => Ok(self.store().enqueue(&message.text()).await?),
        }
    }

    /// The job as it stands.
    ///
    /// # Errors
    /// If there is none.
    pub async fn look(&self, job: JobId) -> Result<Job> {
        self.store().job(job).await?.context("there is no such job")
    }

    /// Waits for the job to be as it should.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn until(&self, job: JobId, fits: impl Fn(&Job) -> bool) -> Result<Job> {
        let started = Instant::now();
        let mut tries = interval(Duration::from_millis(20));
        loop {
            tries.tick().await;
            let now = self.look(job).await?;
            if fits(&now) {
                return Ok(now);
            }
            ensure!(started.elapsed() < PATIENCE, "{now:?} {:?}", now.error);
        }
    }

    /// Waits for the job to succeed.
    ///
    /// # Errors
    /// If it ends otherwise, or takes too long.
    pub async fn until_done(&self, job: JobId) -> Result<Job> {
        let ended = self.until(job, |job| !job.state.is_open()).await?;
        ensure!(
            ended.state == JobState::Succeeded,
            "{ended:?} {:?}",
            ended.error
        );
        Ok(ended)
    }

    /// Every item of the table.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn items(&self) -> Result<Vec<Item>> {
        let scan = self.database.scan().table_name(TABLE);
        let items = scan.into_paginator().items().send();
        Ok(items.collect::<Result<_, _>>().await?)
    }

    /// Puts an item as it is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put(&self, item: Item) -> Result<()> {
        let put = self.database.put_item().table_name(TABLE);
        put.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// Fails if anything of the book is left.
    ///
    /// # Errors
    /// With the keys of what is left.
    pub async fn nothing_remains_of(&self, book: BookId) -> Result<()> {
        let book = book.to_string();
        let key = |item: Item| {
            Some(format!(
                "{} {}",
                item["pk"].as_s().ok()?,
                item["sk"].as_s().ok()?
            ))
        };
        let mut keys: Vec<_> = self.items().await?.into_iter().filter_map(key).collect();
        keys.retain(|key| key.contains(&book));
        ensure!(keys.is_empty(), "{} items, such as {}", keys.len(), keys[0]);
        Ok(())
    }

    /// The environment of a worker over this table and queue.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// The environment of a program that has these permissions. Without SQS it has none: `infra/` deploys
    /// nothing that way.
    #[must_use]
    pub fn environment_of(&self, role: Role) -> Vec<(String, String)> {
        let mut environment = self.environment();
        environment.extend(self.queue.is_some().then(|| role.environment()));
        environment
    }

    /// Starts a `worker-container`.
    ///
    /// # Errors
    /// If it cannot be built or started.
    pub async fn container(&self) -> Result<Container> {
        let path = container().await?;
        let metrics = free_address()?;
        let mut environment = self.environment_of(Role::Worker);
        environment.push(("CONTACTS_METRICS_LISTEN".to_owned(), metrics.to_string()));
        let process = Process::start(&path, &[], &environment)?;
        Ok(Container {
            process,
            client: Client::new(metrics),
        })
    }

    /// Runs `worker-container` with these words until it ends: its exit code, and what it wrote.
    ///
    /// # Errors
    /// If it cannot be built or started.
    pub async fn command(&self, words: &[&str]) -> Result<(Option<i32>, String)> {
        let path = container().await?;
        let environment = self.environment_of(Role::Operator);
        let mut process = Process::start(&path, words, &environment)?;
        let status = process.wait().await?;
        Ok((status.code(), process.output().to_string()))
    }

    /// Starts `worker-lambda` in so many sandboxes, with so much time for an invocation.
    ///
    /// # Errors
    /// If it cannot be built or started.
    pub async fn sandboxes(&self, timeout: Duration, count: usize) -> Result<Arc<Sandboxes>> {
        let path = built("worker-lambda", "lambda").await?;
        let mut function = Function::new(path);
        function.environment = self.environment_of(Role::Worker);
        function.timeout = timeout;
        // Lambda's own credentials come with one, the database's without.
        let function = function.env("AWS_SESSION_TOKEN", "");
        Ok(Arc::new(Sandboxes::start(function, count).await?))
    }

    /// Connects the queue with the function.
    ///
    /// # Errors
    /// If there is no queue.
    pub fn map(&self, sandboxes: &Arc<Sandboxes>) -> Result<Mapping> {
        let queue = self.queue.clone().context("there is a queue")?;
        Ok(Mapping::start(queue, Arc::clone(sandboxes)))
    }
}

/// An item as the SDK has it.
pub type Item = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// The path of `worker-container`, built once.
async fn container() -> Result<PathBuf> {
    built("worker-container", "container").await
}

async fn built(binary: &'static str, feature: &'static str) -> Result<PathBuf> {
    tokio::task::spawn_blocking(move || build("worker", binary, &[feature])).await?
}

fn create(number: usize) -> Op<()> {
    let name = format!("person {number}");
    let uid = format!("urn:test:{number}");
    let json = json!({"@type": "Card", "version": "1.0", "uid": uid, "name": {"full": name}});
    let word = |text: &str| Term::Word {
        word: text.to_owned(),
        field: 'n',
    };
    let entry = Entry {
        uid,
        json: json.to_string(),
        original: None,
        vcard_version: None,
        sort_name: name.clone(),
        summary: json!({"name": name}).to_string(),
        terms: name.split(' ').map(word).collect(),
    };
    Op {
        id: None,
        decide: Box::new(move |_| Ok(Decision::Put(Box::new(entry.clone())))),
    }
}

/// A running `worker-container`.
#[derive(Debug)]
pub struct Container {
    /// The process.
    pub process: Process,
    client: Client,
}

impl Container {
    /// What `/metrics` says.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn scrape(&self) -> Result<String> {
        let answer = self.client.send(&Request::new("GET", "/metrics")).await?;
        Ok(String::from_utf8(answer.body)?)
    }

    /// Waits for the metrics to say something.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn until(&self, fits: impl Fn(&str) -> bool) -> Result<String> {
        let started = Instant::now();
        let mut tries = interval(Duration::from_millis(50));
        loop {
            tries.tick().await;
            // It may not listen yet.
            let text = self.scrape().await.unwrap_or_default();
            if fits(&text) {
                return Ok(text);
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "{text}\n{}",
                self.process.output()
            );
        }
    }
}

/// An SQS event source mapping: receives from the queue, invokes the function, and deletes what it does
/// not report as failed (Lambda Developer Guide, "How Lambda processes records from stream and
/// queue-based event sources"). Ends when it is dropped.
#[derive(Debug)]
pub struct Mapping(JoinHandle<()>);

impl Mapping {
    pub(crate) fn start(queue: Queue, sandboxes: Arc<Sandboxes>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // None for a while, or moto is gone, as the test is then.
                let Ok(messages) = queue.receive().await else {
                    continue;
                };
                // An invocation that fails leaves all its messages to come again.
                let Ok(failed) = invoke(&sandboxes, &messages).await else {
                    continue;
                };
                for message in &messages {
                    if !failed.iter().any(|id| Some(&**id) == message.message_id()) {
                        queue.delete(message).await.ok();
                    }
                }
            }
        }))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands messages to the function; the identifiers of those that it reports as failed.
///
/// # Errors
/// If the invocation fails as a whole.
pub async fn invoke(sandboxes: &Sandboxes, messages: &[Received]) -> Result<Vec<String>> {
    let records = messages.iter().map(|message| {
        let receives = MessageSystemAttributeName::ApproximateReceiveCount;
        let receives = message.attributes().and_then(|all| all.get(&receives));
        record(
            message.message_id().unwrap_or_default(),
            message.body().unwrap_or_default(),
            receives.map_or("1", |count| count),
        )
    });
    let event = json!({"Records": records.collect::<Vec<_>>()});
    failures(&sandboxes.invoke(&event).await?.json()?)
}

/// A record as SQS hands it to a function.
#[must_use]
pub fn record(id: &str, body: &str, receives: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": "handle",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": receives,
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs",
        "awsRegion": "eu-central-1",
    })
}

/// The identifiers in a partial batch answer.
///
/// # Errors
/// If it is none.
pub fn failures(answer: &Value) -> Result<Vec<String>> {
    let failures = answer["batchItemFailures"].as_array();
    let failures = failures.context("a partial batch answer")?.iter();
    let id = |failure: &Value| failure["itemIdentifier"].as_str().map(str::to_owned);
    failures
        .map(|failure| id(failure).context("an identifier"))
        .collect()
}
