//! Metric names and their exporters (Prometheus, CloudWatch EMF), logs, traces, and figures of
//! the machine and the process.
//!
//! Callers record with the functions of this crate's root, which know names and labels; [`names`] is
//! the table of both. An artifact compiles one exporter: `prometheus` in a container, `emf` on
//! Lambda. Both features together compile too, and then tests compare the two.

#[cfg(feature = "emf")]
mod emf;
mod logs;
pub mod names;
pub mod process;
#[cfg(feature = "prometheus")]
mod prometheus;
mod record;
pub mod system;
pub mod traces;

#[cfg(feature = "emf")]
pub use emf::{EmfHandle, emf};
pub use logs::{Format, LogsError, init_logs};
#[cfg(feature = "prometheus")]
pub use prometheus::{PrometheusHandle, prometheus};
pub use record::{
    CacheOperation, CacheOutcome, InFlight, Outcome, StepOutcome, auth_failure, build_info,
    cache_operation, cache_up, cold_start, dynamodb_call, dynamodb_conflict, dynamodb_retry,
    dynamodb_throttle, dynamodb_units, event_failed, event_sent, history_write, http_in_flight,
    http_request, job_ended, job_step, outbox_swept, queue_failure, queue_message, rate_limited,
    system_figures,
};
pub use traces::Traces;

pub use system::{Reading, System};

/// Why an exporter could not be installed.
#[cfg(any(feature = "emf", feature = "prometheus"))]
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A process has one exporter, and it is installed once.
    #[error("a metrics exporter is already installed in this process")]
    Already,
    /// The thread that bounds the exporter's memory could not be started.
    #[error("the metrics upkeep thread could not be started")]
    Thread(#[source] std::io::Error),
}

#[cfg(any(feature = "emf", feature = "prometheus"))]
fn install(recorder: impl metrics::Recorder + Sync + 'static) -> Result<(), InstallError> {
    metrics::set_global_recorder(recorder).map_err(|_| InstallError::Already)
}
