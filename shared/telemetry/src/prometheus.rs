//! The Prometheus exporter. It renders text; the listener is the door's.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::names::{self, Kind, Metric};
use crate::process::Figures;
use crate::{InstallError, install};

/// How long observations may wait, each 8 bytes, before they are counted into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Renders what was recorded.
#[derive(Clone)]
pub struct PrometheusHandle {
    recorder: Arc<PrometheusRecorder>,
}

/// Makes the Prometheus exporter this process's recorder. A thread of its own keeps its memory
/// bounded when nobody scrapes.
///
/// # Errors
/// If an exporter is already installed, or the thread cannot be started.
pub fn prometheus() -> Result<PrometheusHandle, InstallError> {
    let handle = PrometheusHandle::new();
    install(Arc::clone(&handle.recorder))?;
    let upkeep = handle.clone();
    thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP);
                upkeep.recorder.handle().run_upkeep();
            }
        })
        .map_err(InstallError::Thread)?;
    Ok(handle)
}

impl PrometheusHandle {
    /// An exporter that is not installed, for `metrics::with_local_recorder`.
    #[must_use]
    pub fn new() -> Self {
        let builder = names::ALL
            .iter()
            .filter(|metric| metric.kind == Kind::Histogram)
            .fold(PrometheusBuilder::new(), |builder, metric| {
                builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)
                    .expect("every histogram of the table has buckets")
            });
        let recorder = Arc::new(builder.build_recorder());
        metrics::with_local_recorder(&recorder, names::describe);
        Self { recorder }
    }

    /// The recorder that feeds this handle.
    #[must_use]
    pub fn recorder(&self) -> &impl metrics::Recorder {
        &self.recorder
    }

    /// Everything recorded so far and the process figures of this moment, in the text format
    /// (prometheus.io, "Exposition formats"; content type `text/plain; version=0.0.4`).
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.recorder.handle().render();
        for (metric, value) in Figures::now().samples() {
            let Metric { name, help, .. } = metric;
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
        text
    }
}

impl Default for PrometheusHandle {
    fn default() -> Self {
        Self::new()
    }
}
