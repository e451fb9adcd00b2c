//! The exporter of AWS Lambda: CloudWatch Embedded Metric Format, JSON lines on standard output.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
//! Each line holds the metrics of one set of labels. The labels are properties, which Logs Insights
//! can query; only the function's name and the label that the metric names ([`Metric::dimension`])
//! are dimensions, since every combination of dimension values is a metric that is billed.
//! CloudWatch adds up what lines with the same dimensions report.

mod line;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use serde_json::Number;

use crate::names::{self, Kind, Metric, PROCESS_CPU};
use crate::process::Figures;
use crate::{InstallError, install};
use line::Measure;

/// How often gauges and process figures are written: the resolution of a standard metric.
const GAUGES_EVERY: Duration = Duration::from_secs(60);

/// Collects what is recorded until it is flushed.
#[derive(Clone)]
pub struct EmfHandle(Arc<Collector>);

struct Collector {
    service: String,
    series: Mutex<Series>,
}

#[derive(Default)]
struct Series {
    counters: BTreeMap<Key, CounterSeries>,
    gauges: BTreeMap<Key, Arc<AtomicU64>>,
    histograms: BTreeMap<Key, Arc<Observations>>,
    gauges_written: Option<Instant>,
    cpu_seconds_written: f64,
}

#[derive(Default)]
struct CounterSeries {
    total: Arc<AtomicU64>,
    written: u64,
}

#[derive(Default)]
struct Observations(Mutex<Vec<f64>>);

impl HistogramFn for Observations {
    fn record(&self, value: f64) {
        lock(&self.0).push(value);
    }
}

/// A panic elsewhere must not cost the figures: every update is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes EMF this process's recorder. `service` is the value of the dimension of that name, 1 to
/// 1,024 printable ASCII characters: the function's name, which tells environments of one account
/// apart.
///
/// # Errors
/// If an exporter is already installed.
pub fn emf(service: &str) -> Result<EmfHandle, InstallError> {
    let handle = EmfHandle::new(service);
    install(Arc::clone(&handle.0))?;
    Ok(handle)
}

impl EmfHandle {
    /// An exporter that is not installed, for `metrics::with_local_recorder`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self(Arc::new(Collector {
            service: service.to_owned(),
            series: Mutex::default(),
        }))
    }

    /// The recorder that feeds this handle.
    #[must_use]
    pub fn recorder(&self) -> &impl Recorder {
        &*self.0
    }

    /// Writes what was recorded since the last flush, one line per set of labels and more where a
    /// histogram has more observations than a line may hold: counters as what was added, histograms
    /// as the observations. Gauges and process figures are written at most once a
    /// minute. Nothing recorded, nothing written. Each line is written by a single `write_all`.
    ///
    /// # Errors
    /// What `out` answers; figures that could not be written are lost.
    pub fn flush(&self, out: &mut impl Write) -> io::Result<()> {
        self.flush_at(SystemTime::now(), Instant::now(), out)
    }

    fn flush_at(&self, time: SystemTime, now: Instant, out: &mut impl Write) -> io::Result<()> {
        let measures = lock(&self.0.series).take(now);
        line::write(&self.0.service, time, measures, out)
    }
}

impl Series {
    fn take(&mut self, now: Instant) -> Vec<(Key, &'static Metric, Measure)> {
        let mut taken = Vec::new();
        for (key, counter) in &mut self.counters {
            let total = counter.total.load(Ordering::Acquire);
            let added = total - mem::replace(&mut counter.written, total);
            if added > 0 {
                push(&mut taken, key, vec![added.into()]);
            }
        }
        for (key, observations) in &self.histograms {
            let values = mem::take(&mut *lock(&observations.0));
            if !values.is_empty() {
                push(
                    &mut taken,
                    key,
                    values.into_iter().filter_map(Number::from_f64).collect(),
                );
            }
        }
        let due = |at: Instant| now.saturating_duration_since(at) >= GAUGES_EVERY;
        if self.gauges_written.is_none_or(due) {
            self.gauges_written = Some(now);
            for (key, gauge) in &self.gauges {
                let value = f64::from_bits(gauge.load(Ordering::Acquire));
                push(
                    &mut taken,
                    key,
                    Number::from_f64(value).into_iter().collect(),
                );
            }
            self.take_process_figures(&mut taken);
        }
        taken
    }

    fn take_process_figures(&mut self, taken: &mut Vec<(Key, &'static Metric, Measure)>) {
        for (metric, mut value) in Figures::now().samples() {
            if *metric == PROCESS_CPU {
                value -= mem::replace(&mut self.cpu_seconds_written, value);
            }
            let key = Key::from_static_name(metric.name);
            taken.push((key, metric, Number::from_f64(value).into_iter().collect()));
        }
    }
}

fn push(taken: &mut Vec<(Key, &'static Metric, Measure)>, key: &Key, measure: Measure) {
    if let Some(metric) = find(key) {
        taken.push((key.clone(), metric, measure));
    }
}

fn find(key: &Key) -> Option<&'static Metric> {
    names::ALL.iter().find(|metric| metric.name == key.name())
}

impl Collector {
    /// The table is the limit: a library that records metrics of its own must not cause a bill.
    fn knows(key: &Key, kind: Kind) -> bool {
        find(key).is_some_and(|metric| metric.kind == kind)
    }
}

impl Recorder for Collector {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if !Self::knows(key, Kind::Counter) {
            return Counter::noop();
        }
        let mut series = lock(&self.series);
        let counter = series.counters.entry(key.clone()).or_default();
        Arc::clone(&counter.total).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if !Self::knows(key, Kind::Gauge) {
            return Gauge::noop();
        }
        let mut series = lock(&self.series);
        Arc::clone(series.gauges.entry(key.clone()).or_default()).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if !Self::knows(key, Kind::Histogram) {
            return Histogram::noop();
        }
        let mut series = lock(&self.series);
        Arc::clone(series.histograms.entry(key.clone()).or_default()).into()
    }
}

#[cfg(test)]
mod tests;
