//! The recording functions: no other crate spells a metric's name or label.

use metrics::{Gauge, counter, gauge, histogram};

use crate::names::{
    AUTH_FAILURES, BUILD_INFO, DYNAMODB_CALLS, DYNAMODB_CONFLICTS, DYNAMODB_DURATION,
    DYNAMODB_RETRIES, DYNAMODB_THROTTLES, DYNAMODB_UNITS, HTTP_DURATION, HTTP_IN_FLIGHT,
    HTTP_REQUESTS,
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
    const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Condition => "condition",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Error => "error",
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

/// Says what is running: the product's version and the door, such as `container`. Once, at start.
pub fn build_info(version: &'static str, target: &'static str) {
    gauge!(BUILD_INFO.name, "version" => version, "target" => target).set(1.0);
}
