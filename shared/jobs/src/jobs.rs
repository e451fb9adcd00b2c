//! The use cases behind the API.

use contacts::{BookRef, Cache, Contacts, Guard, Job, JobId, NewJob, Origin, StoreError};
use contacts_events::{Events, Topic};
use contacts_history::History;
use contacts_store::{JobState, Store};
use futures::FutureExt as _;
use jiff::Timestamp;

use crate::{Message, Queue, kinds};

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case was not carried out. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller has no such job.
    #[error("the caller has no such job")]
    JobNotFound,
    /// Nobody can ask for a job of this kind; those that can be asked for.
    #[error("there is no job of this kind to ask for")]
    UnknownKind(Vec<&'static str>),
    /// A job of this kind runs to its end.
    #[error("a job of this kind cannot be stopped")]
    NotStoppable,
    /// What the domain answers.
    #[error(transparent)]
    Contacts(#[from] contacts::Error),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Contacts(error.into())
    }
}

/// How many of a caller's latest jobs are looked at for one that waits already.
const LATEST: usize = 20;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Jobs {
    contacts: Contacts,
    events: Events,
    queue: Queue,
    history: History,
}

impl Jobs {
    /// The use cases over `contacts` and `events`, with messages in `queue`.
    pub fn new(contacts: Contacts, events: Events, queue: Queue) -> Self {
        Self {
            contacts,
            events,
            queue,
            history: History::none(),
        }
    }

    /// The same with a history to merge. Without, there is none.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// All use cases of a process, over `store` and `cache`: what a write leaves in an outbox is told to the
    /// workers at once. Calls nothing yet.
    pub fn open(store: Store, cache: Cache, queue: Queue, topic: Topic) -> Self {
        let bell = queue.clone();
        let store = store.with_bell(move |book| {
            let queue = bell.clone();
            async move {
                if let Err(error) = queue.send(&Message::outbox(book)).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "events wait for the sweep"
                    );
                }
            }
            .boxed()
        });
        let contacts = Contacts::with_cache(store, cache);
        let events = Events::new(contacts.clone(), topic);
        Self::new(contacts, events, queue)
    }

    /// The use cases on contacts beneath.
    pub fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    /// The use cases on events beneath.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The history of figures.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The queue that carries the messages.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Creates a job of the kind `kind` for the caller's book; while one like it waits for a worker, gives
    /// that one. `record` is what a repeat of the request is to get.
    pub async fn start(
        &self,
        who: &str,
        origin: &Origin,
        kind: &str,
        book: BookRef,
        record: Option<contacts::Recording<'_, Job>>,
    ) -> Result<Job> {
        let created = self.create(who, origin, kind, book, record).await;
        if created.is_err()
            && let Some((claim, _)) = record
        {
            // The error at hand says more than one of tidying up.
            self.contacts.store().release(claim).await.ok();
        }
        created
    }

    async fn create(
        &self,
        who: &str,
        origin: &Origin,
        kind: &str,
        book: BookRef,
        record: Option<contacts::Recording<'_, Job>>,
    ) -> Result<Job> {
        let kind = kinds::find(kind)
            .filter(|kind| kind.is_for_everybody)
            .ok_or_else(|| Error::UnknownKind(kinds::startable()))?;
        let book = self.contacts.book(who, book).await?;
        let store = self.contacts.store();
        let (latest, _) = store.jobs(who, None, LATEST).await?;
        let waits = |job: &Job| {
            let is_alike = job.kind == kind.name && job.book == Some(book.id);
            is_alike && job.state == JobState::Queued
        };
        if let Some(job) = latest.into_iter().find(waits) {
            if let Some((claim, answer)) = record {
                store.finish(claim, &answer(&job)).await?;
            }
            return Ok(job);
        }
        let new = NewJob {
            id: JobId::at(Timestamp::now()),
            kind: kind.name.to_owned(),
            owner: who.to_owned(),
            origin: origin.clone(),
            book: Some(book.id),
            total: Some(book.contacts),
        };
        let job = store.create_job(&new, record).await?;
        self.announce(job.id).await;
        Ok(job)
    }

    /// Deletes a book that is not the default one. One that holds contacts is gone for everybody at
    /// once; the job that removes them is given.
    pub async fn delete_book(
        &self,
        who: &str,
        origin: &Origin,
        book: BookRef,
        guard: &Guard,
    ) -> Result<Option<Job>> {
        let id = JobId::at(Timestamp::now());
        let new = |book: &contacts::Book| NewJob {
            id,
            kind: kinds::DELETE_BOOK.to_owned(),
            owner: who.to_owned(),
            origin: origin.clone(),
            book: Some(book.id),
            total: Some(book.contacts),
        };
        let job = self.contacts.delete_book(who, book, guard, new).await?;
        if let Some(job) = &job {
            self.announce(job.id).await;
        }
        Ok(job)
    }

    /// The caller's job.
    pub async fn job(&self, who: &str, id: JobId) -> Result<Job> {
        let job = self.contacts.store().job(id).await?;
        job.filter(|job| job.owner == who).ok_or(Error::JobNotFound)
    }

    /// The caller's jobs, the newest first, from where `cursor` says, at most `limit`.
    pub async fn jobs(
        &self,
        who: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Job>, Option<String>)> {
        let scope = ["jobs", who];
        let before = cursor
            .map(|cursor| contacts::cursor::decode(&scope, cursor))
            .transpose()?
            .map(|id| id.parse().map_err(|_| contacts::Error::InvalidCursor))
            .transpose()?;
        let (jobs, next) = self.contacts.store().jobs(who, before, limit).await?;
        let next = next.map(|id| contacts::cursor::encode(&scope, &id.to_string()));
        Ok((jobs, next))
    }

    /// Lines of the report of the caller's job, each a JSON object, in order, from where `cursor` says,
    /// at most `limit`.
    pub async fn report(
        &self,
        who: &str,
        id: JobId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<String>)> {
        self.job(who, id).await?;
        let id_text = id.to_string();
        let scope = ["report", who, &id_text];
        let after = cursor
            .map(|cursor| contacts::cursor::decode(&scope, cursor))
            .transpose()?;
        let mut lines = self
            .contacts
            .store()
            .report(id, after.as_deref(), limit + 1)
            .await?;
        let more = lines.len() > limit;
        lines.truncate(limit);
        let last = lines.last().filter(|_| more);
        let next = last.map(|(place, _)| contacts::cursor::encode(&scope, place));
        Ok((lines.into_iter().map(|(_, line)| line).collect(), next))
    }

    /// Asks for the caller's job to be stopped, which it is at its next step. One that has ended stays
    /// as it ended.
    pub async fn cancel(&self, who: &str, id: JobId) -> Result<Job> {
        let job = self.job(who, id).await?;
        let stops = kinds::find(&job.kind).is_some_and(|kind| kind.is_stoppable);
        if job.state.is_open() && !stops {
            return Err(Error::NotStoppable);
        }
        let job = self.contacts.store().cancel_job(id).await?;
        job.ok_or(Error::JobNotFound)
    }

    /// Tells the workers. Where that fails, the sweep tells them later.
    pub(crate) async fn announce(&self, job: JobId) {
        if let Err(error) = self.queue.send(&Message::job(job)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %job, "the job waits for the sweep");
        }
    }
}
