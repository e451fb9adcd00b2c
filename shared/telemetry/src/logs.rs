//! Logs on standard output (JSON) or standard error (text).

mod json;

use std::env;
use std::io;
use std::panic::{self, PanicHookInfo};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter, format::JsonFields};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::traces::{TARGET, Traces};

/// Modules of libraries that see request bodies and headers, by prefix. They log warnings and
/// errors, whatever `RUST_LOG` says: below that, some write out what they send.
const CAPPED: [&str; 6] = ["aws_", "dynoxide", "h2", "hyper", "lambda", "rustls"];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line on standard output, for container and Lambda: `timestamp` (RFC 3339,
    /// UTC), `level`, `target`, `message`, then the fields of the spans around the event from the
    /// outermost in, then the event's own; of two fields with one name the innermost is kept.
    Json,
    /// For people, on standard error, so that standard output stays free for what a program prints.
    Text,
}

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter cannot be read.
    #[error(
        "RUST_LOG should be a level such as info, or target=level pairs separated by commas: {0}"
    )]
    Filter(ParseError),
    /// `RUST_LOG` holds bytes that are not text.
    #[error("RUST_LOG should be text: a level such as info, or target=level pairs")]
    NotText,
    /// A process sets up its logs once.
    #[error("logs are already set up in this process")]
    Already,
}

/// Without the filter's error as a source: its text is in this one's already.
impl From<ParseError> for LogsError {
    fn from(error: ParseError) -> Self {
        Self::Filter(error)
    }
}

/// Sets up the process's logs and its panic hook, and takes what is for `traces`. The level is `RUST_LOG`'s, default `info`; the
/// modules of the AWS SDK, hyper, h2, rustls, the Lambda runtime and the embedded database log at
/// most warnings. A panic is logged by its place alone: its message may hold personal data.
///
/// # Errors
/// If `RUST_LOG` cannot be read, or logs are set up already.
pub fn init_logs(format: Format, traces: &Traces) -> Result<(), LogsError> {
    let filter = match env::var("RUST_LOG") {
        Ok(filter) => filter,
        Err(env::VarError::NotPresent) => String::new(),
        Err(env::VarError::NotUnicode(_)) => return Err(LogsError::NotText),
    };
    let set = match format {
        Format::Json => install(subscriber(format, &filter, io::stdout)?, traces),
        Format::Text => install(subscriber(format, &filter, io::stderr)?, traces),
    };
    set.map_err(|_| LogsError::Already)?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Without traces there is no layer for them, not even an empty one.
fn install<S>(logs: S, traces: &Traces) -> Result<(), TryInitError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    match traces.layer() {
        Some(layer) => logs.with(layer).try_init(),
        None => logs.try_init(),
    }
}

fn subscriber<W>(
    format: Format,
    filter: &str,
    writer: W,
) -> Result<impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(if filter.is_empty() { "info" } else { filter })?;
    let layer = match format {
        Format::Json => fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(json::Line)
            .with_writer(writer)
            .boxed(),
        Format::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
    };
    Ok(Registry::default().with(layer.with_filter(filter.and(filter_fn(is_logged)))))
}

fn is_logged(metadata: &Metadata<'_>) -> bool {
    if metadata.target() == TARGET {
        return false;
    }
    let capped = CAPPED
        .iter()
        .any(|prefix| metadata.target().starts_with(prefix));
    !capped || *metadata.level() <= Level::WARN
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(
        place,
        "panicked; the message is left out, it may hold personal data"
    );
}

#[cfg(test)]
mod tests;
