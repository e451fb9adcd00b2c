//! Jobs: work that outlives its request.

use ::contacts::{Answer, Job, JobId, Origin};
use axum::{
    Extension,
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
};
use contacts_jobs::Failure;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;

use super::limit;
use crate::{
    accept::negotiate,
    app::App,
    caller::{Reader, Writer},
    extract::{IdempotencyKey, MediaType, Payload, Query},
    idempotency::{self, Once, once, response},
    problem::{Problem, Result},
    representation::{self, EXAMPLE_BOOK, EXAMPLE_JOB, EXAMPLE_TIME, JSON, Page, time},
};

/// The media type of a report of one JSON object to a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// After how many seconds it is worth looking at an open job again.
const RETRY: &str = "1";

/// A job to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobBody {
    /// `reindex-book`: what the book's contacts are found by follows today's rules again.
    /// `verify-book`: looks for disagreements in what is stored of the book and mends what follows from
    /// the cards; the report has a line for each.
    #[schema(example = "verify-book")]
    kind: String,
    /// The book's id, or `default`.
    #[schema(example = "default")]
    book: String,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    #[schema(example = "0cq9s2fk6d0t3p8m5v1b4n7r2h")]
    id: String,
    /// `delete-book`, `reindex-book` or `verify-book`; more may come.
    #[schema(example = "verify-book")]
    kind: String,
    /// The book that it is about; `null`: it is about none.
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    book: Option<String>,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    #[schema(example = "running")]
    state: &'static str,
    progress: ProgressView,
    /// What became of the things that are done, by words that depend on the kind.
    #[schema(value_type = Object, example = json!({"found": 0, "mended": 0, "leftovers": 0}))]
    outcomes: Value,
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    created: String,
    /// When a worker first took it; `null`: not yet.
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    started: Option<String>,
    /// When it last moved.
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    updated: String,
    /// When it ended; `null`: it has not. It can be read for 30 days from then.
    #[schema(example = json!(null))]
    finished: Option<String>,
    /// Why it failed, as Problem Details (RFC 9457); `null`: it has not.
    #[schema(value_type = Option<Object>, example = json!(null))]
    error: Option<Value>,
}

/// How far a job has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    /// How many things are done.
    #[schema(example = 50)]
    done: u64,
    /// How many there are; `null`: nobody knows yet. A book that changes meanwhile can end with more.
    #[schema(example = 1234)]
    total: Option<u64>,
}

impl JobView {
    pub(crate) fn example() -> Self {
        Self {
            id: EXAMPLE_JOB.to_owned(),
            kind: "verify-book".to_owned(),
            book: Some(EXAMPLE_BOOK.to_owned()),
            state: "running",
            progress: ProgressView {
                done: 50,
                total: Some(1_234),
            },
            outcomes: json!({"found": 0, "leftovers": 0, "mended": 0}),
            created: EXAMPLE_TIME.to_owned(),
            started: Some(EXAMPLE_TIME.to_owned()),
            updated: EXAMPLE_TIME.to_owned(),
            finished: None,
            error: None,
        }
    }
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            book: job.book.map(|book| book.to_string()),
            state: job.state.name(),
            progress: ProgressView {
                done: job.done,
                total: job.total,
            },
            outcomes: job
                .counts
                .iter()
                .map(|(word, count)| (word.clone(), json!(count)))
                .collect(),
            created: time(job.created),
            started: job.started.map(time),
            updated: time(job.updated),
            finished: job.finished.map(time),
            error: job.error.as_ref().map(|error| {
                json!({
                    "type": Failure::uri_of(&error.code),
                    "title": "The job failed",
                    "detail": error.detail,
                })
            }),
        }
    }
}

/// The job of a path; a malformed identifier names no job.
#[derive(Debug)]
pub(crate) struct OfJob(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for OfJob {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let id = Path::<String>::from_request_parts(parts, state).await.ok();
        id.and_then(|Path(id)| id.parse().ok())
            .map(Self)
            .ok_or_else(Problem::job_not_found)
    }
}

/// A job on its way: where to look, and when.
pub(crate) fn accepted(job: &Job) -> Answer {
    let headers = [
        (header::LOCATION, format!("/v1/jobs/{}", job.id)),
        (header::RETRY_AFTER, RETRY.to_owned()),
    ];
    idempotency::answer(StatusCode::ACCEPTED, &headers, &JobView::from(job))
}

fn show(job: &Job) -> Result<Response> {
    let mut response = representation::json(StatusCode::OK, &JobView::from(job))?;
    if job.state.is_open() {
        representation::set(&mut response, header::RETRY_AFTER, RETRY);
    }
    Ok(response)
}

/// Your jobs, the newest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
    ),
    responses((status = 200, description = "A page of jobs. A job that has ended stays for 30 days.", body = Page<JobView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(who): Reader,
    query: Query,
) -> Result<Response> {
    query.only(&["limit", "cursor"])?;
    let (jobs, next) = app
        .jobs
        .jobs(&who, query.text("cursor"), limit(&query)?)
        .await?;
    let views = jobs.iter().map(JobView::from).collect();
    representation::json(StatusCode::OK, &Page::new(views, next))
}

/// Asks for a job on one of your books. While one like it waits for a worker, you get that one.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "startJob",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer again, for 24 hours.", example = "5f0c7a52-7a5e-4f0e-9b59-3d1a4a0b5a4e")),
    request_body(content = JobBody, content_type = "application/json", example = json!({"kind": "verify-book", "book": "default"})),
    responses((status = 202, description = "The job; look at `Location` for what becomes of it.", body = JobView, headers(("Location" = String), ("Retry-After" = u32)))),
)]
pub(crate) async fn start(
    State(app): State<App>,
    Writer(who): Writer,
    Extension(origin): Extension<Origin>,
    query: Query,
    key: IdempotencyKey,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    payload.of(&[MediaType::Json])?;
    let body: JobBody = payload.json()?;
    let book = super::book(&body.book)?;
    let claim = match once(
        &app.contacts,
        &who,
        &key,
        &["POST", "/v1/jobs"],
        &payload.bytes,
    )
    .await?
    {
        Once::Answered(response) => return Ok(response),
        Once::Run(claim) => claim,
    };
    let record = claim
        .as_ref()
        .map(|claim| (claim, &accepted as &(dyn Fn(&Job) -> Answer + Sync)));
    let job = app
        .jobs
        .start(&who, &origin, &body.kind, book, record)
        .await?;
    Ok(response(accepted(&job)))
}

/// A job.
#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "jobs", operation_id = "readJob",
    params(("job" = String, Path, description = "The job's id.", example = "0cq9s2fk6d0t3p8m5v1b4n7r2h")),
    responses((status = 200, description = "The job. `Retry-After` says when to look again, until it has ended.", body = JobView)),
)]
pub(crate) async fn read(
    State(app): State<App>,
    Reader(who): Reader,
    OfJob(id): OfJob,
    query: Query,
) -> Result<Response> {
    query.only(&[])?;
    show(&app.jobs.job(&who, id).await?)
}

/// Stops a job at its next step; what it has done stays done. One that has ended stays as it ended.
#[utoipa::path(
    delete, path = "/v1/jobs/{job}", tag = "jobs", operation_id = "cancelJob",
    params(("job" = String, Path, description = "The job's id.", example = "0cq9s2fk6d0t3p8m5v1b4n7r2h")),
    responses((status = 200, description = "The job as it is now. `Retry-After` says when to look again, until it has ended.", body = JobView)),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Writer(who): Writer,
    OfJob(id): OfJob,
    query: Query,
) -> Result<Response> {
    query.only(&[])?;
    show(&app.jobs.cancel(&who, id).await?)
}

/// What a job has to say about single things, in the order in which it met them.
#[utoipa::path(
    get, path = "/v1/jobs/{job}/report", tag = "jobs", operation_id = "readReport",
    params(
        ("job" = String, Path, description = "The job's id.", example = "0cq9s2fk6d0t3p8m5v1b4n7r2h"),
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
    ),
    responses((status = 200, description = "A page of the report. As `application/x-ndjson`: a line for each, and the next page as `Link`.", content(
        (Page<Object> = "application/json"),
        (String = "application/x-ndjson"),
    ))),
)]
pub(crate) async fn report(
    State(app): State<App>,
    Reader(who): Reader,
    OfJob(id): OfJob,
    query: Query,
    headers: HeaderMap,
) -> Result<Response> {
    query.only(&["limit", "cursor"])?;
    let limit = limit(&query)?;
    let kind = negotiate(&headers, &[JSON, NDJSON])?;
    let (lines, next) = app
        .jobs
        .report(&who, id, query.text("cursor"), limit)
        .await?;
    let mut response = if kind == JSON {
        let lines = lines.iter().map(|line| serde_json::from_str(line));
        let lines: Vec<&RawValue> = lines
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| Problem::internal("reading a report", &error))?;
        representation::json(StatusCode::OK, &Page::new(lines, next))?
    } else {
        let body: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let kind = HeaderValue::from_static(NDJSON);
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(cursor) = next {
            let link =
                format!("</v1/jobs/{id}/report?limit={limit}&cursor={cursor}>; rel=\"next\"");
            representation::set(&mut response, header::LINK, &link);
        }
        response
    };
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
