//! What answers, and the history of figures.

use axum::{extract::State, response::Response};
use contacts_history::{Figure, MOST_POINTS, Point, Step};
use contacts_telemetry::System;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use crate::{
    app::App,
    caller::Reader,
    extract::Query,
    problem::{Problem, Result},
    representation::{self, escaped_len, time},
};

/// Bytes of an answer as JSON within another document, which is what a function may answer with less what its
/// headers take.
const MOST_BYTES: usize = 950_000;
/// Points of a series if nobody says from when.
const POINTS: i64 = 60;

/// The process that answers, and what it runs on. What cannot be known is null: of a function, all but its process
/// and its memory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemView {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// `lambda`, `container` or `standalone`.
    #[schema(example = "container")]
    target: &'static str,
    /// Its name in the history: of a container the id of its task, else the name of its function, or a random one.
    #[schema(example = "7f3a9c0d1e2b4a5f8c6d7e8f9a0b1c2d")]
    task: String,
    /// When it began.
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    started: String,
    uptime_seconds: u64,
    cpu: Cpu,
    memory: Memory,
    disk: Disk,
    network: Network,
    process: Process,
}

/// Processors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cpu {
    /// Share of what may be used, in the last five seconds, 0 to 1.
    used_ratio: Option<f64>,
    /// How many may be used.
    cores: Option<f64>,
}

/// Memory of the container or the machine; of a function what its process has of what it is configured with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Memory {
    used_bytes: Option<u64>,
    limit_bytes: Option<u64>,
}

/// The file system with the data folder, in a container with the root.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Disk {
    used_bytes: Option<u64>,
    size_bytes: Option<u64>,
}

/// Bytes since the interfaces came up, loopback left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Network {
    received_bytes: Option<u64>,
    sent_bytes: Option<u64>,
}

/// The process alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Process {
    cpu_seconds: Option<f64>,
    memory_bytes: Option<u64>,
    open_files: Option<u64>,
    open_files_limit: Option<u64>,
    threads: Option<u64>,
}

impl SystemView {
    fn of(system: &System) -> Self {
        let whole = |figure: Option<f64>| figure.map(|figure| figure as u64);
        let reading = system.reading();
        let process = reading.process;
        let started = Timestamp::try_from(system.started()).unwrap_or(Timestamp::MIN);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            target: system.target(),
            task: system.task().to_owned(),
            started: time(started),
            uptime_seconds: system.uptime_seconds(),
            cpu: Cpu {
                used_ratio: reading.cpu.map(|share| rounded(share, 1e4)),
                cores: reading.cores,
            },
            memory: Memory {
                used_bytes: whole(reading.memory_used),
                limit_bytes: whole(reading.memory_limit),
            },
            disk: Disk {
                used_bytes: whole(reading.disk_used),
                size_bytes: whole(reading.disk_size),
            },
            network: Network {
                received_bytes: whole(reading.network_received),
                sent_bytes: whole(reading.network_sent),
            },
            process: Process {
                cpu_seconds: process.cpu_seconds,
                memory_bytes: whole(process.resident_bytes),
                open_files: whole(process.open_fds),
                open_files_limit: whole(process.max_fds),
                threads: whole(process.threads),
            },
        }
    }

    pub(crate) fn example() -> Self {
        Self {
            version: "0.1.0",
            target: "container",
            task: "7f3a9c0d1e2b4a5f8c6d7e8f9a0b1c2d".to_owned(),
            started: representation::EXAMPLE_TIME.to_owned(),
            uptime_seconds: 86_400,
            cpu: Cpu {
                used_ratio: Some(0.125),
                cores: Some(0.5),
            },
            memory: Memory {
                used_bytes: Some(83_886_080),
                limit_bytes: Some(1_073_741_824),
            },
            disk: Disk {
                used_bytes: Some(10_737_418_240),
                size_bytes: Some(21_474_836_480),
            },
            network: Network {
                received_bytes: Some(52_428_800),
                sent_bytes: Some(104_857_600),
            },
            process: Process {
                cpu_seconds: Some(123.45),
                memory_bytes: Some(52_428_800),
                open_files: Some(42),
                open_files_limit: Some(65_536),
                threads: Some(4),
            },
        }
    }
}

/// What was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryView {
    /// From when on, a multiple of the step.
    #[schema(example = "2026-01-02T00:00:00.000Z")]
    from: String,
    /// Until before when.
    #[schema(example = "2026-01-03T00:00:00.000Z")]
    to: String,
    #[schema(example = "1h")]
    step: &'static str,
    /// By task, in the order of their names.
    tasks: Vec<SeriesView>,
}

/// The points of a task, column by column: the nth value of each column is of the nth time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesView {
    #[schema(example = "7f3a9c0d1e2b4a5f8c6d7e8f9a0b1c2d")]
    task: String,
    /// `container`, `worker-container`, `lambda`, `worker-lambda` or `standalone`.
    #[schema(example = "container")]
    target: String,
    /// When each point begins. Stretches of which nothing is known are left out.
    times: Vec<String>,
    /// How many readings, or invocations of a function, a point is made of.
    samples: Vec<i64>,
    /// The columns by name, those without any value left out; null where only this point has none.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<Option<f64>>>)]
    figures: Map<String, Value>,
}

impl SeriesView {
    /// Of points of one task, in order.
    fn of(points: &[Point]) -> Self {
        let column = |figure: &Figure| {
            let values: Vec<_> = points.iter().map(|point| point.get(*figure)).collect();
            let known = values.iter().any(Option::is_some);
            let values = values
                .into_iter()
                .map(|value| value.map_or(Value::Null, number));
            known.then(|| (figure.name().to_owned(), values.collect()))
        };
        let begin = |point: &Point| {
            let at = Timestamp::from_millisecond(point.time);
            time(at.unwrap_or(Timestamp::MIN))
        };
        Self {
            task: points[0].task.clone(),
            target: points[0].target.clone(),
            times: points.iter().map(begin).collect(),
            samples: points.iter().map(|point| point.samples).collect(),
            figures: Figure::ALL.iter().filter_map(column).collect(),
        }
    }
}

impl HistoryView {
    fn of(asked: &Asked, points: &[Point]) -> Self {
        let tasks = points.chunk_by(|one, next| one.task == next.task);
        Self {
            from: time(asked.from),
            to: time(asked.to),
            step: asked.step.name(),
            tasks: tasks.map(SeriesView::of).collect(),
        }
    }

    pub(crate) fn example() -> Self {
        let asked = Asked {
            from: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(490_920),
            to: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(490_944),
            step: Step::Hour,
        };
        let from = asked.from.as_millisecond();
        let point = |hour: i64, cpu| {
            let task = "7f3a9c0d1e2b4a5f8c6d7e8f9a0b1c2d";
            let time = from + hour * Step::Hour.milliseconds();
            Point::new(task, "container", time, hour, 720)
                .with(Figure::CpuAvg, cpu)
                .with(Figure::CpuMax, 4.0 * cpu)
                .with(Figure::MemoryMax, 83_886_080.0)
        };
        Self::of(&asked, &[point(0, 0.125), point(1, 0.0625)])
    }
}

/// Whole numbers as such, others to six digits.
fn number(value: f64) -> Value {
    let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
    if is_whole {
        (value as i64).into()
    } else {
        Number::from_f64(rounded(value, 1e6)).map_or(Value::Null, Value::Number)
    }
}

fn rounded(value: f64, digits: f64) -> f64 {
    (value * digits).round() / digits
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    from: Timestamp,
    to: Timestamp,
    step: Step,
}

const STEPS: &str = "1m, 1h or 1d";

impl Asked {
    fn by(query: &Query, now: Timestamp) -> Result<Self> {
        query.only(&["from", "to", "step"])?;
        let step = match query.text("step") {
            None => Step::Hour,
            Some(text) => Step::ALL
                .into_iter()
                .find(|step| step.name() == text)
                .ok_or_else(|| Problem::invalid_parameter("step", STEPS))?,
        };
        let length = step.milliseconds();
        // The stretch under way is the last, so that one question has one answer for as long as that.
        let end = (now.as_millisecond().div_euclid(length) + 1) * length;
        let end = Timestamp::from_millisecond(end).unwrap_or(now);
        let to = instant(query, "to")?.unwrap_or(end);
        let from = match instant(query, "from")? {
            Some(from) => from,
            None => to
                .checked_sub(SignedDuration::from_millis(POINTS * length))
                .map_err(|_| Problem::invalid_parameter("to", "a later time"))?,
        };
        if from >= to {
            return Err(Problem::invalid_parameter("from", "a time before `to`"));
        }
        let begin = from.as_millisecond().div_euclid(length) * length;
        let from = Timestamp::from_millisecond(begin)
            .map_err(|_| Problem::invalid_parameter("from", "a later time"))?;
        if step.points(from, to) > MOST_POINTS {
            let fits = |step: &Step| step.points(from, to) <= MOST_POINTS;
            return Err(match Step::ALL.into_iter().find(fits) {
                Some(step) => too_long_for(step),
                None => Problem::invalid_parameter(
                    "from",
                    &format!("a time within {MOST_POINTS} days before `to`"),
                ),
            });
        }
        Ok(Self { from, to, step })
    }
}

fn instant(query: &Query, name: &str) -> Result<Option<Timestamp>> {
    let Some(text) = query.text(name) else {
        return Ok(None);
    };
    let instant = text.ends_with('Z').then(|| text.parse().ok()).flatten();
    let expected = "a time of RFC 3339 in UTC, such as 2026-01-02T03:04:05Z";
    instant
        .map(Some)
        .ok_or_else(|| Problem::invalid_parameter(name, expected))
}

fn too_long_for(step: Step) -> Problem {
    let expected = format!(
        "{} for so long a time, as a series has at most {MOST_POINTS} points",
        step.name()
    );
    Problem::invalid_parameter("step", &expected)
}

pub(crate) fn no_step() -> Problem {
    Problem::invalid_parameter("step", STEPS)
}

pub(crate) fn too_long() -> Problem {
    too_long_for(Step::Hour)
}

pub(crate) fn too_much() -> Problem {
    let expected = "a later time, or a longer `step`: there were so many tasks that the answer would be too large";
    Problem::invalid_parameter("from", expected)
}

/// The figures of this moment of the process that answers, which is one of several behind a load balancer.
#[utoipa::path(
    get, path = "/v1/system", tag = "system", operation_id = "readSystem",
    responses((status = 200, description = "What answers.", body = SystemView)),
)]
pub(crate) async fn now(State(app): State<App>, _: Reader, query: Query) -> Result<Response> {
    query.only(&[])?;
    representation::json(StatusCode::OK, &SystemView::of(&app.system))
}

/// The figures of every task and function in the past.
///
/// Averages, maxima and sums of each minute, hour or day (UTC). Minutes go back seven days, hours and days as far
/// as the service is set to keep them. A container's minute is there when it is over, a function's up to twenty
/// minutes later. A service without an object store keeps none, and the answer has no tasks. The columns are in
/// `docs/METRICS.md`, "History".
#[utoipa::path(
    get, path = "/v1/system/history", tag = "system", operation_id = "readHistory",
    params(
        ("from" = Option<String>, Query, description = "From when on, in UTC (RFC 3339); 60 steps before `to` if it is left out. The stretch around it is the first.", format = "date-time", example = "2026-01-02T00:00:00Z"),
        ("to" = Option<String>, Query, description = "Until before when; until the end of the stretch under way if it is left out.", format = "date-time", example = "2026-01-03T00:00:00Z"),
        ("step" = Option<String>, Query, description = "`1m`, `1h` (if it is left out) or `1d`. A series has at most 1,500 points.", example = "1h"),
    ),
    responses((status = 200, description = "A series for each task.", body = HistoryView)),
)]
pub(crate) async fn history(State(app): State<App>, _: Reader, query: Query) -> Result<Response> {
    let asked = Asked::by(&query, Timestamp::now())?;
    let history = app.jobs.history();
    let points = history.read(asked.from, asked.to, asked.step).await?;
    let view = HistoryView::of(&asked, &points);
    // What a function could not answer with, a container does not either.
    if serde_json::to_string(&view).is_ok_and(|text| escaped_len(&text) > MOST_BYTES) {
        return Err(too_much());
    }
    representation::json(StatusCode::OK, &view)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked> {
        Asked::by(
            &Query::parse(query),
            "2026-11-22T04:30:15Z".parse().unwrap(),
        )
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_left_out_is_the_last_sixty_steps() {
        for (query, from, to, step) in [
            (
                "",
                "2026-11-19T17:00:00Z",
                "2026-11-22T05:00:00Z",
                Step::Hour,
            ),
            (
                "step=1m",
                "2026-11-22T03:31:00Z",
                "2026-11-22T04:31:00Z",
                Step::Minute,
            ),
            (
                "step=1d",
                "2026-09-24T00:00:00Z",
                "2026-11-23T00:00:00Z",
                Step::Day,
            ),
        ] {
            let expected = Asked {
                from: at(from),
                to: at(to),
                step,
            };
            assert_eq!(asked(query).unwrap(), expected, "{query}");
        }
        let day = asked("from=2026-11-21T00:59:59.9Z&to=2026-11-22T00:00:00Z").unwrap();
        assert_eq!(day.from, at("2026-11-21T00:00:00Z"));
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_what_would_be() {
        for (query, said) in [
            ("step=5m", "expected 1m, 1h or 1d"),
            ("step=", "expected 1m, 1h or 1d"),
            ("from=yesterday", "RFC 3339"),
            ("from=2026-11-21T00:00:00", "RFC 3339"),
            ("from=2026-11-21T00:00:00+01:00", "RFC 3339"),
            ("to=2026-11-31T00:00:00Z", "RFC 3339"),
            ("from=2026-11-23T00:00:00Z", "before `to`"),
            (
                "from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z",
                "before `to`",
            ),
            (
                "from=2026-11-01T00:00:00Z&step=1m",
                "expected 1h for so long",
            ),
            (
                "from=2025-11-01T00:00:00Z&step=1m",
                "expected 1d for so long",
            ),
            ("from=2025-11-01T00:00:00Z", "expected 1d for so long"),
            ("from=2001-01-01T00:00:00Z&step=1d", "within 1500 days"),
            ("to=-009999-01-02T01:59:59Z", "a later time"),
            ("until=now", "one of from, to, step"),
        ] {
            let refused = asked(query).unwrap_err();
            assert!(refused.detail().contains(said), "{query}: {refused}");
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(12.0).to_string(), "12");
        assert_eq!(number(1.0 / 3.0).to_string(), "0.333333");
        assert_eq!(number(5e15).to_string(), "5000000000000000");
    }
}
