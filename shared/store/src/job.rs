//! Jobs: work that outlives its request, cut into steps, each closed by a checkpoint.
//!
//! Whoever runs a step must do no harm by running it twice: two workers may run the same step at the
//! same time, and one checkpoint counts. A checkpoint is conditional on the number of the step, so the
//! slower of the two learns that it was overtaken.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Store,
    backoff::Backoff,
    error::StoreError,
    idempotency::Recording,
    ids::{BookId, JobId, WriteId},
    item::{Item, n, s, time},
    keys::{self, Key},
    outbox::{self, Told},
    table::{Cancelled, Condition, Outcome, Range, Write},
};

/// How long a job that has ended can still be read.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How long a line of a report is kept: a job may run for a week before it ends.
const REPORT_KEPT: SignedDuration = SignedDuration::from_hours(24 * 37);

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// No worker has taken it yet.
    Queued,
    /// A worker has begun it.
    Running,
    /// It is done.
    Succeeded,
    /// It was given up; its error says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As the API and the table write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Whether there is still something to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    /// A stable word for the kind of failure.
    pub code: String,
    /// What happened and what to do; without personal data.
    pub detail: String,
}

/// Which request asked for a job, so that its steps can be found beside the request. For logs and traces alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request's id.
    pub request_id: Option<String>,
    /// The id of the trace that the request was part of.
    pub trace_id: Option<String>,
    /// What traces call the request (W3C Trace Context, `traceparent`), if it is traced.
    pub parent: Option<String>,
}

/// A job.
#[derive(Clone, PartialEq, Eq)]
pub struct Job {
    /// Identifiers sort by the time of creation.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Who asked for it.
    pub owner: String,
    /// The request that asked for it.
    pub origin: Origin,
    /// The book that it is about, if it is about one.
    pub book: Option<BookId>,
    /// Where it stands.
    pub state: JobState,
    /// How many things are done.
    pub done: u64,
    /// How many there are, once that is known.
    pub total: Option<u64>,
    /// What became of them.
    pub counts: BTreeMap<String, u64>,
    /// Where the next step begins, as the last one said; may be personal.
    pub place: Option<String>,
    /// How many checkpoints it has behind it.
    pub step: u64,
    /// When it was asked for.
    pub created: Timestamp,
    /// When a worker first took it.
    pub started: Option<Timestamp>,
    /// When it last moved.
    pub updated: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it failed, if it did.
    pub error: Option<JobError>,
    /// Somebody wants it stopped.
    pub cancelling: bool,
    /// How often its message was received since it last moved.
    pub receives: u32,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.name();
        write!(
            f,
            "Job({} {} {state} step {})",
            self.id, self.kind, self.step
        )
    }
}

/// A job to be.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its identifier.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Who asks for it.
    pub owner: String,
    /// The request that asks for it.
    pub origin: Origin,
    /// The book that it is about, if it is about one.
    pub book: Option<BookId>,
    /// How many things there are to do, if that is known.
    pub total: Option<u64>,
}

/// What a step came to.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Where the next step begins; none where the job is done.
    pub place: Option<String>,
    /// How many more things are done.
    pub done: u64,
    /// How many there are, if the step knows better.
    pub total: Option<u64>,
    /// What became of them, to be added up.
    pub counts: BTreeMap<&'static str, u64>,
    /// Lines for the report, each a JSON object.
    pub report: Vec<String>,
}

/// What became of a checkpoint.
#[derive(Debug)]
pub enum Checkpoint {
    /// The job as it stands now.
    Kept(Box<Job>),
    /// Another worker closed this step, or the job is over.
    Overtaken,
}

impl Job {
    fn item(&self) -> Item {
        let counts = self.counts.iter();
        let counts = counts.map(|(name, count)| (name.clone(), n(count)));
        let mut item = Item::new(&keys::job(self.id))
            .s("kind", &self.kind)
            .s("owned_by", &self.owner)
            .opt_s("request_id", self.origin.request_id.as_deref())
            .opt_s("trace_id", self.origin.trace_id.as_deref())
            .opt_s("traceparent", self.origin.parent.as_deref())
            .opt_s("book", self.book.map(|book| book.to_string()).as_deref())
            .s("job_state", self.state.name())
            .n("done", self.done)
            .with("counts", AttributeValue::M(counts.collect()))
            .opt_s("place", self.place.as_deref())
            .n("step", self.step)
            .n("created", self.created.as_millisecond())
            .n("updated", self.updated.as_millisecond())
            .n("receives", self.receives);
        for (name, at) in [("started", self.started), ("finished", self.finished)] {
            if let Some(at) = at {
                item = item.n(name, at.as_millisecond());
            }
        }
        if let Some(total) = self.total {
            item = item.n("things", total);
        }
        if let Some(error) = &self.error {
            item = item
                .s("error_code", &error.code)
                .s("error_detail", &error.detail);
        }
        if self.cancelling {
            item = item.n("cancelling", 1);
        }
        item
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        let opt_time = |name| item.has(name).then(|| time(item, name)).transpose();
        let state = item.text("job_state")?;
        let id = item.text("pk")?.strip_prefix("J#");
        Ok(Self {
            id: id
                .and_then(|id| id.parse().ok())
                .ok_or(StoreError::Damaged("pk"))?,
            kind: item.text("kind")?.to_owned(),
            owner: item.text("owned_by")?.to_owned(),
            origin: Origin {
                request_id: item.opt_text("request_id")?.map(str::to_owned),
                trace_id: item.opt_text("trace_id")?.map(str::to_owned),
                parent: item.opt_text("traceparent")?.map(str::to_owned),
            },
            book: item
                .opt_text("book")?
                .map(str::parse)
                .transpose()
                .map_err(|_| StoreError::Damaged("book"))?,
            state: JobState::named(state).ok_or(StoreError::Damaged("job_state"))?,
            done: item.number("done")?,
            total: item
                .has("things")
                .then(|| item.number("things"))
                .transpose()?,
            counts: item.numbers("counts")?,
            place: item.opt_text("place")?.map(str::to_owned),
            step: item.number("step")?,
            created: time(item, "created")?,
            started: opt_time("started")?,
            updated: time(item, "updated")?,
            finished: opt_time("finished")?,
            error: match item.opt_text("error_code")? {
                Some(code) => Some(JobError {
                    code: code.to_owned(),
                    detail: item.text("error_detail")?.to_owned(),
                }),
                None => None,
            },
            cancelling: item.has("cancelling"),
            receives: item.number("receives")?,
        })
    }
}

/// The actions that bring a job into the world: itself, its owner's row, and the row of open jobs.
pub(crate) fn creation(new: &NewJob, now: Timestamp) -> (Job, [Write; 3]) {
    let job = Job {
        id: new.id,
        kind: new.kind.clone(),
        owner: new.owner.clone(),
        origin: new.origin.clone(),
        book: new.book,
        state: JobState::Queued,
        done: 0,
        total: new.total,
        counts: BTreeMap::new(),
        place: None,
        step: 0,
        created: now,
        started: None,
        updated: now,
        finished: None,
        error: None,
        cancelling: false,
        receives: 0,
    };
    let own = Item::new(&keys::own_job(&job.owner, job.id));
    let open = Item::new(&keys::open_job(job.id));
    let writes = [
        Write::Put(job.item(), Condition::absent()),
        Write::Put(own, Condition::none()),
        Write::Put(open, Condition::none()),
    ];
    (job, writes)
}

impl Store {
    /// Creates a job; where it exists already, gives it as it stands. `record` is what a repeat of the
    /// request is to get.
    pub async fn create_job(
        &self,
        new: &NewJob,
        record: Option<Recording<'_, Job>>,
    ) -> Result<Job, StoreError> {
        let now = self.now();
        let (job, writes) = creation(new, now);
        let mut writes = writes.to_vec();
        if let Some((claim, answer)) = record {
            writes.push(claim.finish(&answer(&job), now));
        }
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => return Ok(job),
                Err(Cancelled::Refused(refused)) => match refused.first() {
                    Some((0, Some(item))) => return Job::read(item),
                    Some((3, _)) => return Err(StoreError::LeaseLost),
                    _ => backoff.wait().await?,
                },
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// The job, or none.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let item = self.table.get(&keys::job(id)).await?;
        let now = self.now();
        item.filter(|item| !item.expired(now))
            .map(|item| Job::read(&item))
            .transpose()
    }

    /// The jobs of `who`, the newest first, before `before`, at most `limit`; and where to go on, if
    /// there are more.
    pub async fn jobs(
        &self,
        who: &str,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, Option<JobId>), StoreError> {
        let before = before.map(|job| keys::own_job(who, job).sk);
        let mut range = Range::new(keys::principal(who), limit + 1)
            .prefix(keys::OWN_JOB)
            .after(before.as_deref());
        range.backwards = true;
        let rows = self.table.query(range).await?;
        let mut ids = job_ids(&rows)?;
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().copied().filter(|_| more);
        let mut jobs = self.jobs_of(&ids).await?;
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
        Ok((jobs, next))
    }

    /// Jobs that have not ended, the oldest first, after `after`, at most `limit`.
    pub async fn open_jobs(
        &self,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let after = after.map(|job| keys::open_job(job).sk);
        let range = Range::new(keys::OPEN_JOBS.to_owned(), limit).after(after.as_deref());
        let ids = job_ids(&self.table.query(range).await?)?;
        let mut jobs = self.jobs_of(&ids).await?;
        jobs.sort_unstable_by_key(|job| job.id);
        Ok(jobs)
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let items = self
            .table
            .batch_get(ids.iter().map(|id| keys::job(*id)))
            .await?;
        let now = self.now();
        let live = items.iter().filter(|item| !item.expired(now));
        live.map(Job::read).collect()
    }

    /// Notes that a worker takes the job up, for the `receives`th time since it last moved. None where
    /// the job has ended.
    pub async fn begin_job(&self, id: JobId, receives: u32) -> Result<Option<Job>, StoreError> {
        let now = n(self.now().as_millisecond());
        let open = open()
            .value(":running", s(JobState::Running.name()))
            .value(":now", now)
            .value(":receives", n(receives));
        let update = "SET job_state = :running, started = if_not_exists(started, :now), \
                      updated = :now, receives = :receives";
        let update = Write::Update(keys::job(id), update.to_owned(), open);
        match self.table.write(update).await? {
            Outcome::Done => self.job(id).await,
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Closes the step of `job` with what it came to; a step without a place ends the job.
    pub async fn checkpoint(
        &self,
        job: &Job,
        progress: &Progress,
    ) -> Result<Checkpoint, StoreError> {
        let now = self.now();
        let lines = progress.report.iter().enumerate().map(|(line, text)| {
            Item::new(&keys::report_row(job.id, job.step, line))
                .s("line", text)
                .n("expires_at", (now + REPORT_KEPT).as_second())
        });
        self.table.put_all(lines.collect()).await?;
        let mut next = Job {
            place: progress.place.clone(),
            done: job.done + progress.done,
            total: progress.total.or(job.total),
            step: job.step + 1,
            updated: now,
            receives: 0,
            ..job.clone()
        };
        for (name, count) in &progress.counts {
            *next.counts.entry((*name).to_owned()).or_default() += count;
        }
        if next.place.is_none() {
            return self.end(job.step, next, JobState::Succeeded, None).await;
        }
        let stamp = WriteId::random().to_string();
        let counts = next.counts.iter();
        let counts = counts.map(|(name, count)| (name.clone(), n(count)));
        let mine = Condition::of(
            "step = :step AND (job_state = :queued OR job_state = :running) OR stamp = :stamp",
        )
        .value(":step", n(job.step))
        .value(":queued", s(JobState::Queued.name()))
        .value(":running", s(JobState::Running.name()))
        .value(":stamp", s(&stamp))
        .value(":next", n(next.step))
        .value(":place", s(next.place.clone().unwrap_or_default()))
        .value(":done", n(next.done))
        .value(":counts", AttributeValue::M(counts.collect()))
        .value(":now", n(now.as_millisecond()))
        .value(":none", n(0));
        let mut update = "SET step = :next, place = :place, done = :done, counts = :counts, \
                          updated = :now, stamp = :stamp, receives = :none"
            .to_owned();
        let mine = match next.total {
            Some(total) => {
                update.push_str(", things = :total");
                mine.value(":total", n(total))
            }
            None => mine,
        };
        match self
            .table
            .write(Write::Update(keys::job(job.id), update, mine))
            .await?
        {
            // Somebody may have asked to stop it meanwhile.
            Outcome::Done => Ok(match self.job(job.id).await? {
                Some(job) => Checkpoint::Kept(Box::new(job)),
                None => Checkpoint::Overtaken,
            }),
            Outcome::Refused(_) => Ok(Checkpoint::Overtaken),
        }
    }

    /// Ends the job at the step that it is at.
    pub async fn end_job(
        &self,
        job: &Job,
        state: JobState,
        error: Option<JobError>,
    ) -> Result<Checkpoint, StoreError> {
        self.end(job.step, job.clone(), state, error).await
    }

    async fn end(
        &self,
        step: u64,
        job: Job,
        state: JobState,
        error: Option<JobError>,
    ) -> Result<Checkpoint, StoreError> {
        let now = self.now();
        let may_go_on = match job.book {
            Some(book) if state == JobState::Failed => self.book(book).await?.is_some(),
            _ => state == JobState::Failed,
        };
        let job = Job {
            state,
            error,
            // Where to go on is personal: kept only for who may go on.
            place: job.place.filter(|_| may_go_on),
            updated: now,
            finished: Some(now),
            ..job
        };
        let expires = (now + KEPT).as_second();
        let item = job.item().n("expires_at", expires);
        let mine = open().and("step = :step").value(":step", n(step));
        let end = [
            Write::Put(item, mine),
            Write::Put(
                Item::new(&keys::own_job(&job.owner, job.id)).n("expires_at", expires),
                Condition::none(),
            ),
            Write::Delete(keys::open_job(job.id), Condition::none()),
        ];
        let mut backoff = Backoff::start();
        loop {
            let mut writes = end.to_vec();
            let news = self.news_of_end(&job, now).await?;
            let told = news.len() > 1;
            writes.extend(news);
            let ended = match self.table.transact(&writes).await {
                Ok(()) => true,
                // After a lost answer it is our own end that stands there.
                Err(Cancelled::Refused(refused)) => match refused.first() {
                    Some((0, item)) => {
                        let stands = item.as_ref().map(Job::read).transpose()?;
                        stands.as_ref() == Some(&job)
                    }
                    // Somebody began or ceased to listen.
                    _ => {
                        backoff.wait().await?;
                        continue;
                    }
                },
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => {
                    backoff.wait().await.map_err(|_| error)?;
                    continue;
                }
                Err(Cancelled::Contended) => {
                    backoff.wait().await?;
                    continue;
                }
            };
            if !ended {
                return Ok(Checkpoint::Overtaken);
            }
            if let Some(book) = job.book.filter(|_| told) {
                self.ring(book).await;
            }
            return Ok(Checkpoint::Kept(Box::new(job)));
        }
    }

    /// What the end of a job adds to its transaction: that the book's flag is what it was found to be,
    /// and the row of the outbox, if somebody listens. A deleted book has told of its end itself.
    async fn news_of_end(&self, job: &Job, now: Timestamp) -> Result<Vec<Write>, StoreError> {
        let Some(id) = job.book else {
            return Ok(Vec::new());
        };
        let live = self.book(id).await?;
        let Some(book) = live.filter(|book| book.subscriptions > 0) else {
            let nobody = format!("{} OR attribute_exists(deleted_by)", outbox::flag(false));
            return Ok(vec![Write::Check(keys::book(id), Condition::of(nobody))]);
        };
        let somebody = Condition::of(outbox::flag(true)).and("attribute_exists(rev)");
        let told = Told::JobEnded(job.id, job.kind.clone(), job.state);
        Ok(vec![
            Write::Check(keys::book(id), somebody),
            outbox::row(id, book.seq, &told, now),
        ])
    }

    /// Asks for the job to be stopped; one that nobody has begun is stopped at once. The job as it is
    /// then, or none where there is no such job. One that has ended stays as it ended.
    pub async fn cancel_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let update = "SET cancelling = :yes".to_owned();
        let wish = Write::Update(keys::job(id), update, open().value(":yes", n(1)));
        self.table.write(wish).await?;
        let Some(job) = self.job(id).await? else {
            return Ok(None);
        };
        if job.state == JobState::Queued {
            self.end_job(&job, JobState::Cancelled, None).await?;
            return self.job(id).await;
        }
        Ok(Some(job))
    }

    /// Gives a failed job another try from where it stopped; none where it is not a failed one.
    pub async fn retry_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let Some(failed) = self.job(id).await? else {
            return Ok(None);
        };
        if failed.state != JobState::Failed {
            return Ok(None);
        }
        let job = Job {
            state: JobState::Queued,
            error: None,
            finished: None,
            updated: self.now(),
            receives: 0,
            cancelling: false,
            ..failed
        };
        let still =
            Condition::of("job_state = :failed").value(":failed", s(JobState::Failed.name()));
        let writes = [
            Write::Put(job.item(), still),
            Write::Put(
                Item::new(&keys::own_job(&job.owner, job.id)),
                Condition::none(),
            ),
            Write::Put(Item::new(&keys::open_job(job.id)), Condition::none()),
        ];
        match self.table.transact(&writes).await {
            Ok(()) => Ok(Some(job)),
            Err(Cancelled::Refused(_)) => Ok(None),
            Err(Cancelled::Failed(error) | Cancelled::Unknown(error)) => Err(error),
            Err(Cancelled::Contended) => Err(StoreError::Busy(crate::PATIENCE)),
        }
    }

    /// The job `new` as it stands; one that has ended, or was never there, begins at its beginning.
    pub async fn renew_job(&self, new: &NewJob) -> Result<Job, StoreError> {
        loop {
            let job = self.create_job(new, None).await?;
            if job.state.is_open() {
                return Ok(job);
            }
            let (fresh, [Write::Put(item, _), own, open]) = creation(new, self.now()) else {
                return Ok(job);
            };
            let ended = Condition::of("updated = :updated AND job_state = :state")
                .value(":updated", n(job.updated.as_millisecond()))
                .value(":state", s(job.state.name()));
            let writes = [Write::Put(item, ended), own, open];
            match self.table.transact(&writes).await {
                Ok(()) => return Ok(fresh),
                Err(Cancelled::Refused(_) | Cancelled::Contended) => {}
                Err(Cancelled::Failed(error) | Cancelled::Unknown(error)) => return Err(error),
            }
        }
    }

    /// Notes that somebody looked after the job as it stood; false where it has moved meanwhile.
    pub async fn touch_job(&self, job: &Job) -> Result<bool, StoreError> {
        let still = open()
            .and("updated = :updated")
            .value(":updated", n(job.updated.as_millisecond()))
            .value(":now", n(self.now().as_millisecond()));
        let touch = Write::Update(keys::job(job.id), "SET updated = :now".to_owned(), still);
        Ok(matches!(self.table.write(touch).await?, Outcome::Done))
    }

    /// Lines of the job's report in order, after `after`, at most `limit`, each with its place.
    pub async fn report(
        &self,
        id: JobId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let range = Range::new(keys::report(id), limit).after(after);
        let rows = self.table.query(range).await?;
        rows.iter()
            .map(|row| Ok((row.text("sk")?.to_owned(), row.text("line")?.to_owned())))
            .collect()
    }
}

fn open() -> Condition {
    Condition::of("job_state = :queued OR job_state = :running")
        .value(":queued", s(JobState::Queued.name()))
        .value(":running", s(JobState::Running.name()))
}

fn job_ids(rows: &[Item]) -> Result<Vec<JobId>, StoreError> {
    rows.iter()
        .map(|row| {
            let Key { sk, .. } = row.key()?;
            let id = sk.rsplit('#').next().and_then(|id| id.parse().ok());
            id.ok_or(StoreError::Damaged("sk"))
        })
        .collect()
}
