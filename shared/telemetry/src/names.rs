//! The one table of metrics: name, type, unit, label keys, help.
//!
//! Names follow the Prometheus conventions (prometheus.io, "Metric and label naming"): a prefix, base
//! units, `_total` on counters. CloudWatch gets the same names.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever rises within a process.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// Observed values, counted in buckets.
    Histogram,
}

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things without a unit.
    Count,
}

impl Unit {
    /// The unit's name in CloudWatch (`MetricDatum`, Amazon CloudWatch API Reference).
    #[must_use]
    pub const fn cloudwatch(self) -> &'static str {
        match self {
            Self::Seconds => "Seconds",
            Self::Bytes => "Bytes",
            Self::Count => "Count",
        }
    }

    const fn facade(self) -> metrics::Unit {
        match self {
            Self::Seconds => metrics::Unit::Seconds,
            Self::Bytes => metrics::Unit::Bytes,
            Self::Count => metrics::Unit::Count,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The name in both exporters.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What its values are measured in.
    pub unit: Unit,
    /// Its label keys. Every label has a bounded set of values; none is an id.
    pub labels: &'static [&'static str],
    /// The label that is a dimension in CloudWatch too. Every value of a dimension is a metric that is billed.
    pub dimension: Option<&'static str>,
    /// One sentence for `# HELP` and `docs/METRICS.md`.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets, rising; empty for other kinds.
    pub buckets: &'static [f64],
}

impl Metric {
    const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            labels,
            dimension: None,
            help,
            buckets: &[],
        }
    }

    const fn by(self, dimension: &'static str) -> Self {
        Self {
            dimension: Some(dimension),
            ..self
        }
    }

    const fn buckets(self, buckets: &'static [f64]) -> Self {
        Self { buckets, ..self }
    }
}

// Buckets of durations: at most 14, each less than twice as long as the one before wherever
// `docs/BENCHMARKS.md` has measured a median or a 99th percentile, so that a percentile read off them is
// wrong by a third at most. Further up they are coarser. What an alert or `docs/SLO.md` compares with is a
// boundary: there the answer is exact.

/// Requests: a read takes half a millisecond, one of many writers to the same book half a second. A second
/// is the objective.
const REQUEST_SECONDS: &[f64] = &[
    0.0004, 0.00075, 0.0013, 0.0023, 0.004, 0.0075, 0.013, 0.025, 0.05, 0.125, 0.25, 0.5, 1.0, 2.5,
];
/// Single database calls: below a millisecond when embedded, at most the time-out of a call.
const CALL_SECONDS: &[f64] = &[
    0.0002, 0.0004, 0.00075, 0.0013, 0.0023, 0.004, 0.0075, 0.013, 0.025, 0.05, 0.125, 0.5, 1.0,
    5.0,
];
/// Steps of jobs: a few milliseconds for one without work, 20 seconds for a sweep that sends events.
const STEP_SECONDS: &[f64] = &[
    0.002, 0.004, 0.0075, 0.013, 0.025, 0.045, 0.08, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
/// Units of one call, from half a read unit to a full transaction of large items.
const CALL_UNITS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0];

pub(crate) const HTTP_REQUESTS: Metric = Metric::new(
    "contacts_http_requests_total",
    Kind::Counter,
    Unit::Count,
    &["route", "method", "status", "status_class"],
    "Requests answered, by route template.",
)
.by("status_class");
pub(crate) const HTTP_DURATION: Metric = Metric::new(
    "contacts_http_request_duration_seconds",
    Kind::Histogram,
    Unit::Seconds,
    &["route", "method", "status_class"],
    "Time from a request's head to its answer's head.",
)
.by("status_class")
.buckets(REQUEST_SECONDS);
pub(crate) const HTTP_IN_FLIGHT: Metric = Metric::new(
    "contacts_http_requests_in_flight",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Requests being worked on.",
);
pub(crate) const AUTH_FAILURES: Metric = Metric::new(
    "contacts_auth_failures_total",
    Kind::Counter,
    Unit::Count,
    &["reason"],
    "Requests whose credentials were refused.",
);
pub(crate) const DYNAMODB_CALLS: Metric = Metric::new(
    "contacts_dynamodb_calls_total",
    Kind::Counter,
    Unit::Count,
    &["operation", "outcome"],
    "Calls to DynamoDB, the SDK's own retries within one call not counted.",
);
pub(crate) const DYNAMODB_DURATION: Metric = Metric::new(
    "contacts_dynamodb_call_duration_seconds",
    Kind::Histogram,
    Unit::Seconds,
    &["operation", "outcome"],
    "Time of a call to DynamoDB with its retries.",
)
.buckets(CALL_SECONDS);
pub(crate) const DYNAMODB_UNITS: Metric = Metric::new(
    "contacts_dynamodb_consumed_units",
    Kind::Histogram,
    Unit::Count,
    &["operation", "kind"],
    "Capacity units that a call consumed; kind is read or write. Units come in halves, so the sum of a histogram holds them, not a counter.",
)
.buckets(CALL_UNITS);
pub(crate) const DYNAMODB_RETRIES: Metric = Metric::new(
    "contacts_dynamodb_retries_total",
    Kind::Counter,
    Unit::Count,
    &["operation"],
    "Attempts after the first, the SDK's and the store's own.",
);
pub(crate) const DYNAMODB_THROTTLES: Metric = Metric::new(
    "contacts_dynamodb_throttles_total",
    Kind::Counter,
    Unit::Count,
    &["operation"],
    "Attempts that DynamoDB throttled.",
);
pub(crate) const DYNAMODB_CONFLICTS: Metric = Metric::new(
    "contacts_dynamodb_conflicts_total",
    Kind::Counter,
    Unit::Count,
    &[],
    "Writes that lost against another write of the same book and were tried again.",
);
pub(crate) const JOB_STEPS: Metric = Metric::new(
    "contacts_job_steps_total",
    Kind::Counter,
    Unit::Count,
    &["kind", "outcome"],
    "Steps of jobs: done, overtaken by another worker, or failed.",
);
pub(crate) const JOB_STEP_DURATION: Metric = Metric::new(
    "contacts_job_step_duration_seconds",
    Kind::Histogram,
    Unit::Seconds,
    &["kind"],
    "Time of a step of a job with its checkpoint.",
)
.buckets(STEP_SECONDS);
pub(crate) const JOBS_ENDED: Metric = Metric::new(
    "contacts_jobs_ended_total",
    Kind::Counter,
    Unit::Count,
    &["kind", "state"],
    "Jobs that ended, by how they ended.",
)
.by("state");
pub(crate) const QUEUE_MESSAGES: Metric = Metric::new(
    "contacts_queue_messages_total",
    Kind::Counter,
    Unit::Count,
    &["outcome"],
    "Messages that were worked on: done, or left to come again.",
);
pub(crate) const QUEUE_FAILURES: Metric = Metric::new(
    "contacts_queue_failures_total",
    Kind::Counter,
    Unit::Count,
    &["operation"],
    "Calls to the queue that failed after their retries.",
);
pub(crate) const CACHE_OPERATIONS: Metric = Metric::new(
    "contacts_cache_operations_total",
    Kind::Counter,
    Unit::Count,
    &["operation", "outcome"],
    "Uses of the shared cache, those left out while it is away included.",
);
pub(crate) const CACHE_UP: Metric = Metric::new(
    "contacts_cache_up",
    Kind::Gauge,
    Unit::Count,
    &[],
    "1 while the shared cache answers, 0 while this process goes on without it; absent where none is configured.",
);
pub(crate) const RATE_LIMITED: Metric = Metric::new(
    "contacts_rate_limited_total",
    Kind::Counter,
    Unit::Count,
    &["limit"],
    "Requests refused because their token or their address asked for too much.",
);
/// From the commit to the message: milliseconds when the worker is told, a minute when the sweep finds it.
/// Five minutes is what the alert waits for.
const EVENT_SECONDS: &[f64] = &[
    0.004, 0.0075, 0.013, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 120.0, 300.0, 3600.0,
];
/// The oldest event that waits: none younger than ten seconds counts.
const OUTBOX_SECONDS: &[f64] = &[0.0, 15.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 86400.0];

pub(crate) const EVENTS_SENT: Metric = Metric::new(
    "contacts_events_sent_total",
    Kind::Counter,
    Unit::Count,
    &["channel"],
    "Messages about events that SNS or the endpoint took.",
);
pub(crate) const EVENTS_FAILED: Metric = Metric::new(
    "contacts_events_failed_total",
    Kind::Counter,
    Unit::Count,
    &["channel", "retry"],
    "Messages about events that were not taken; retry says whether they are tried again.",
);
pub(crate) const EVENTS_AGE: Metric = Metric::new(
    "contacts_event_age_seconds",
    Kind::Histogram,
    Unit::Seconds,
    &["channel"],
    "Time from an event's commit to its message being taken.",
)
.buckets(EVENT_SECONDS);
pub(crate) const HISTORY_WRITES: Metric = Metric::new(
    "contacts_history_writes_total",
    Kind::Counter,
    Unit::Count,
    &["outcome"],
    "Times that a container wrote minutes of its history into the object store, or could not; on Lambda absent.",
);
pub(crate) const COLD_STARTS: Metric = Metric::new(
    "contacts_cold_starts_total",
    Kind::Counter,
    Unit::Count,
    &[],
    "Sandboxes of a function that began; in containers absent.",
);
/// Not a gauge: whichever process swept last is right, and the others would go on showing what they saw.
pub(crate) const OUTBOX_AGE: Metric = Metric::new(
    "contacts_outbox_age_seconds",
    Kind::Histogram,
    Unit::Seconds,
    &[],
    "Age of the oldest event that a sweep of the outbox left unsent, 0 if it left none. Every sweep adds one.",
)
.buckets(OUTBOX_SECONDS);
pub(crate) const BUILD_INFO: Metric = Metric::new(
    "contacts_build_info",
    Kind::Gauge,
    Unit::Count,
    &["version", "target"],
    "Always 1; the labels say what is running.",
);
pub(crate) const PROCESS_CPU: Metric = Metric::new(
    "process_cpu_seconds_total",
    Kind::Counter,
    Unit::Seconds,
    &[],
    "User and system CPU time spent by the process.",
);
pub(crate) const PROCESS_MEMORY: Metric = Metric::new(
    "process_resident_memory_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Resident memory of the process.",
);
pub(crate) const PROCESS_OPEN_FDS: Metric = Metric::new(
    "process_open_fds",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Open file descriptors of the process.",
);
pub(crate) const PROCESS_MAX_FDS: Metric = Metric::new(
    "process_max_fds",
    Kind::Gauge,
    Unit::Count,
    &[],
    "The soft limit on open file descriptors.",
);

pub(crate) const SYSTEM_CPU: Metric = Metric::new(
    "system_cpu_utilization_ratio",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Share of the CPU time in use that the container may use, 0 to 1.",
);
pub(crate) const SYSTEM_MEMORY_USED: Metric = Metric::new(
    "system_memory_used_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Memory in use, page cache left out.",
);
pub(crate) const SYSTEM_MEMORY_LIMIT: Metric = Metric::new(
    "system_memory_limit_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Memory that may be used: the container's limit, or what the machine has.",
);
pub(crate) const SYSTEM_DISK_USED: Metric = Metric::new(
    "system_disk_used_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Used bytes of the file system with the data folder, in a container with the root.",
);
pub(crate) const SYSTEM_DISK_SIZE: Metric = Metric::new(
    "system_disk_size_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Size of that file system.",
);
pub(crate) const SYSTEM_NETWORK: Metric = Metric::new(
    "system_network_bytes_total",
    Kind::Counter,
    Unit::Bytes,
    &["direction"],
    "Bytes that went over network interfaces, loopback left out.",
);

/// Every metric there is, in the order of the documentation. The names that start with `process_`
/// are read by the exporters themselves ([`crate::process`]); all others are recorded.
pub const ALL: &[Metric] = &[
    HTTP_REQUESTS,
    HTTP_DURATION,
    HTTP_IN_FLIGHT,
    AUTH_FAILURES,
    DYNAMODB_CALLS,
    DYNAMODB_DURATION,
    DYNAMODB_UNITS,
    DYNAMODB_RETRIES,
    DYNAMODB_THROTTLES,
    DYNAMODB_CONFLICTS,
    JOB_STEPS,
    JOB_STEP_DURATION,
    JOBS_ENDED,
    QUEUE_MESSAGES,
    QUEUE_FAILURES,
    CACHE_OPERATIONS,
    CACHE_UP,
    RATE_LIMITED,
    EVENTS_SENT,
    EVENTS_FAILED,
    EVENTS_AGE,
    HISTORY_WRITES,
    COLD_STARTS,
    OUTBOX_AGE,
    BUILD_INFO,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    SYSTEM_CPU,
    SYSTEM_MEMORY_USED,
    SYSTEM_MEMORY_LIMIT,
    SYSTEM_DISK_USED,
    SYSTEM_DISK_SIZE,
    SYSTEM_NETWORK,
];

/// Tells the current recorder each metric's unit and help text. The exporters of this crate have
/// done so by the time they are installed.
pub fn describe() {
    for metric in ALL {
        let Metric {
            name, unit, help, ..
        } = *metric;
        match metric.kind {
            Kind::Counter => describe_counter!(name, unit.facade(), help),
            Kind::Gauge => describe_gauge!(name, unit.facade(), help),
            Kind::Histogram => describe_histogram!(name, unit.facade(), help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds, from docs/BENCHMARKS.md.
    const MEASURED: &[(Metric, &[f64])] = &[
        (
            HTTP_DURATION,
            &[
                0.00049, 0.00065, 0.00071, 0.00092, 0.00103, 0.00128, 0.0015, 0.0021, 0.0026,
                0.0031, 0.0035, 0.0046, 0.0052, 0.0066, 0.0086, 0.0103, 0.0107, 0.0152, 0.0189,
                0.0296, 0.0361, 0.1957, 0.2137, 0.5197,
            ],
        ),
        (DYNAMODB_DURATION, &[0.00044, 0.0016, 0.0026, 0.0035]),
        (EVENTS_AGE, &[0.0075, 0.024]),
    ];

    #[test]
    fn what_was_measured_is_read_off_its_buckets_with_an_error_of_a_third_at_most() {
        for (metric, measured) in MEASURED {
            for seconds in *measured {
                let above = metric.buckets.iter().position(|bound| seconds <= bound);
                let above = above.filter(|above| *above > 0);
                let above = above.unwrap_or_else(|| panic!("{} {seconds}", metric.name));
                let (low, high) = (metric.buckets[above - 1], metric.buckets[above]);
                let error = (high - low) / (high + low);
                assert!(error <= 0.334, "{} {seconds}: {error}", metric.name);
            }
        }
    }

    #[test]
    fn buckets_rise_are_few_and_have_what_alerts_compare_with() {
        for metric in ALL {
            assert!(metric.buckets.is_sorted(), "{}", metric.name);
            assert!(metric.buckets.len() <= 14, "{}", metric.name);
        }
        for (metric, bound) in [
            (HTTP_DURATION, 1.0),
            (EVENTS_AGE, 300.0),
            (OUTBOX_AGE, 300.0),
        ] {
            assert!(metric.buckets.contains(&bound), "{}", metric.name);
        }
    }
}
