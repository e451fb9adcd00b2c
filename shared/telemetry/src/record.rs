//! The recording functions: no other crate spells a metric's name or label.

use metrics::{Gauge, counter, gauge, histogram};

use crate::names::{
    AUTH_FAILURES, BUILD_INFO, CACHE_OPERATIONS, CACHE_UP, COLD_STARTS, DYNAMODB_CALLS,
    DYNAMODB_CONFLICTS, DYNAMODB_DURATION, DYNAMODB_RETRIES, DYNAMODB_THROTTLES, DYNAMODB_UNITS,
    EVENTS_AGE, EVENTS_FAILED, EVENTS_SENT, HISTORY_WRITES, HTTP_DURATION, HTTP_IN_FLIGHT,
    HTTP_REQUESTS, JOB_STEP_DURATION, JOB_STEPS, JOBS_ENDED, OUTBOX_AGE, QUEUE_FAILURES,
    QUEUE_MESSAGES, RATE_LIMITED, SYSTEM_CPU, SYSTEM_DISK_SIZE, SYSTEM_DISK_USED,
    SYSTEM_MEMORY_LIMIT, SYSTEM_MEMORY_USED, SYSTEM_NETWORK,
};

/// How a call to DynamoDB ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what was asked.
    Ok,
    /// A condition of the write did not hold.
    Condition,
    /// Another transaction held an item.
    Conflict,
    /// DynamoDB asked for fewer calls.
    Throttled,
    /// Anything else, time-outs included.
    Error,
}

impl Outcome {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Condition => "condition",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Error => "error",
        }
    }
}

/// What the shared cache is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOperation {
    /// A look-up.
    Get,
    /// Keeping what was read from the database.
    Put,
    /// Forgetting what has changed.
    Forget,
    /// Counting against a rate limit.
    Take,
}

impl CacheOperation {
    const fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Forget => "forget",
            Self::Take => "take",
        }
    }
}

/// What became of a use of the shared cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// A look-up found something.
    Hit,
    /// A look-up found nothing.
    Miss,
    /// Anything else was done.
    Ok,
    /// The cache failed, or took too long.
    Error,
    /// The cache was not asked, because it is away.
    Skipped,
}

impl CacheOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// A request was answered after `seconds`. `route` is the router's template, such as
/// `/v1/books/{book}`, or one fixed word for requests that matched none; never the path itself.
pub fn http_request(route: &str, method: &str, status: u16, seconds: f64) {
    let method = known_method(method);
    let class = status_class(status);
    counter!(
        HTTP_REQUESTS.name,
        "route" => route.to_owned(),
        "method" => method,
        "status" => status.to_string(),
        "status_class" => class,
    )
    .increment(1);
    histogram!(
        HTTP_DURATION.name,
        "route" => route.to_owned(),
        "method" => method,
        "status_class" => class,
    )
    .record(seconds);
}

/// The method, or `other`: anybody can invent methods.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

const fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

/// A request that counts as in flight until this is dropped.
#[must_use = "the request counts as in flight until this is dropped"]
pub struct InFlight(Gauge);

/// A request came in.
pub fn http_in_flight() -> InFlight {
    let gauge = gauge!(HTTP_IN_FLIGHT.name);
    gauge.increment(1.0);
    InFlight(gauge)
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Credentials were refused. `reason` is a short word of the caller's code, such as `expired`.
pub fn auth_failure(reason: &'static str) {
    counter!(AUTH_FAILURES.name, "reason" => reason).increment(1);
}

/// A call to DynamoDB ended after `seconds`. `operation` is the API action, such as `GetItem`.
pub fn dynamodb_call(operation: &'static str, outcome: Outcome, seconds: f64) {
    let outcome = outcome.label();
    counter!(DYNAMODB_CALLS.name, "operation" => operation, "outcome" => outcome).increment(1);
    histogram!(DYNAMODB_DURATION.name, "operation" => operation, "outcome" => outcome)
        .record(seconds);
}

/// A call consumed capacity: `ConsumedCapacity` of its answer, in read and write units.
pub fn dynamodb_units(operation: &'static str, read: f64, write: f64) {
    for (kind, units) in [("read", read), ("write", write)] {
        if units > 0.0 {
            histogram!(DYNAMODB_UNITS.name, "operation" => operation, "kind" => kind).record(units);
        }
    }
}

/// A call is tried once more.
pub fn dynamodb_retry(operation: &'static str) {
    counter!(DYNAMODB_RETRIES.name, "operation" => operation).increment(1);
}

/// DynamoDB throttled an attempt.
pub fn dynamodb_throttle(operation: &'static str) {
    counter!(DYNAMODB_THROTTLES.name, "operation" => operation).increment(1);
}

/// A write lost against another write of the same book.
pub fn dynamodb_conflict() {
    counter!(DYNAMODB_CONFLICTS.name).increment(1);
}

/// How a step of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Its checkpoint was kept.
    Done,
    /// Another worker had closed the step before.
    Overtaken,
    /// It came to nothing.
    Failed,
}

impl StepOutcome {
    /// Its word in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Overtaken => "overtaken",
            Self::Failed => "failed",
        }
    }
}

/// A step of a job of this kind ended after `seconds`.
pub fn job_step(kind: &'static str, outcome: StepOutcome, seconds: f64) {
    counter!(JOB_STEPS.name, "kind" => kind, "outcome" => outcome.label()).increment(1);
    histogram!(JOB_STEP_DURATION.name, "kind" => kind).record(seconds);
}

/// A job of this kind ended in this state.
pub fn job_ended(kind: &'static str, state: &'static str) {
    counter!(JOBS_ENDED.name, "kind" => kind, "state" => state).increment(1);
}

/// A message was worked on, and is done or comes again.
pub fn queue_message(is_done: bool) {
    let outcome = if is_done { "done" } else { "again" };
    counter!(QUEUE_MESSAGES.name, "outcome" => outcome).increment(1);
}

/// A call to the queue failed after its retries.
pub fn queue_failure(operation: &'static str) {
    counter!(QUEUE_FAILURES.name, "operation" => operation).increment(1);
}

/// The shared cache was used, or should have been.
pub fn cache_operation(operation: CacheOperation, outcome: CacheOutcome) {
    let (operation, outcome) = (operation.label(), outcome.label());
    counter!(CACHE_OPERATIONS.name, "operation" => operation, "outcome" => outcome).increment(1);
}

/// Whether the shared cache answers.
pub fn cache_up(up: bool) {
    gauge!(CACHE_UP.name).set(f64::from(u8::from(up)));
}

/// A request was refused by a rate limit, `token` or `address`.
pub fn rate_limited(limit: &'static str) {
    counter!(RATE_LIMITED.name, "limit" => limit).increment(1);
}

/// A message about an event was taken, `age` seconds after the event. `channel` is a word of the events
/// code, such as `email`.
pub fn event_sent(channel: &'static str, age: f64) {
    counter!(EVENTS_SENT.name, "channel" => channel).increment(1);
    histogram!(EVENTS_AGE.name, "channel" => channel).record(age);
}

/// A message about an event was not taken. `retry` is `later` or `never`.
pub fn event_failed(channel: &'static str, retry: &'static str) {
    counter!(EVENTS_FAILED.name, "channel" => channel, "retry" => retry).increment(1);
}

/// A sweep of the outbox has ended; the oldest event that it left unsent is `age` seconds old, 0 if it left
/// none.
pub fn outbox_swept(age: f64) {
    histogram!(OUTBOX_AGE.name).record(age);
}

/// Says what is running: the product's version and the door, such as `container`. Once, at start.
pub fn build_info(version: &'static str, target: &'static str) {
    gauge!(BUILD_INFO.name, "version" => version, "target" => target).set(1.0);
}

/// Minutes of the history were written into the object store, or could not be.
pub fn history_write(ok: bool) {
    let outcome = if ok { "ok" } else { "error" };
    counter!(HISTORY_WRITES.name, "outcome" => outcome).increment(1);
}

/// A sandbox of a function has begun.
pub fn cold_start() {
    counter!(COLD_STARTS.name).increment(1);
}

/// The machine's figures; those that are absent stay as they were.
pub fn system_figures(reading: &crate::Reading) {
    for (metric, value) in [
        (&SYSTEM_CPU, reading.cpu),
        (&SYSTEM_MEMORY_USED, reading.memory_used),
        (&SYSTEM_MEMORY_LIMIT, reading.memory_limit),
        (&SYSTEM_DISK_USED, reading.disk_used),
        (&SYSTEM_DISK_SIZE, reading.disk_size),
    ] {
        if let Some(value) = value {
            gauge!(metric.name).set(value);
        }
    }
    for (direction, bytes) in [
        ("received", reading.network_received),
        ("sent", reading.network_sent),
    ] {
        if let Some(bytes) = bytes {
            counter!(SYSTEM_NETWORK.name, "direction" => direction).absolute(bytes as u64);
        }
    }
}
