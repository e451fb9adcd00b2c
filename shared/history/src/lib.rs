//! The history of figures: what the tasks and functions did, by minutes, hours and days.
//!
//! Each process of a container writes a file of its own minutes, anew each minute ([`Recorder`]). The worker
//! merges them into a file for each hour, and the hours into a file for each day ([`History::compact`]); of
//! functions, none of which lives for a minute, it takes the minutes from `CloudWatch`. [`History::read`]
//! answers from those files.
//!
//! What makes that safe is that points have names (task and number) and that merging is a union of them
//! ([`Points`]): a file may be read twice, written twice, or be there beside the one that it went into, and no
//! point is doubled or lost. Nobody overwrites a file of somebody else: a task's name and number are in the name of
//! its files, a hash of the content in that of merged ones.

mod aws;
mod cloudwatch;
mod compact;
mod files;
mod keys;
mod objects;
mod parquet;
mod point;
mod read;
mod record;
mod task;

use std::sync::Arc;

use aws_config::SdkConfig;
use contacts_settings::Settings;
use contacts_telemetry::System;
use tokio::sync::watch;

pub use cloudwatch::CloudWatchError;
pub use compact::{Compacted, MINUTE_DAYS};
pub use objects::{Objects, ObjectsError};
pub use point::{Figure, Point, Points};
pub use read::{MOST_POINTS, Step};
pub use record::Recorder;
pub use task::task_name;

use cloudwatch::CloudWatch;

/// Why something of the history was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// `CloudWatch` failed.
    #[error(transparent)]
    CloudWatch(#[from] CloudWatchError),
    /// A file is not one of this service.
    #[error("{0} is damaged: delete it, or bring back an earlier version")]
    Damaged(String),
    /// Files were merged again and again while they were read.
    #[error("the files changed while they were read")]
    Busy,
}

/// The history. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    objects: Option<Objects>,
    days: i64,
    functions: Arc<[String]>,
    cloudwatch: Option<Arc<CloudWatch>>,
}

impl History {
    /// The history that `settings` name; without an object store it is empty and stays so. Calls nothing yet.
    #[must_use]
    pub fn open(settings: &Settings, sdk: &SdkConfig) -> Self {
        let history = &settings.history;
        let watches = history.objects.is_some() && !history.functions.is_empty();
        Self {
            objects: history.objects.as_ref().map(|url| Objects::at(url, sdk)),
            days: history.days.into(),
            functions: history.functions.as_slice().into(),
            cloudwatch: watches.then(|| Arc::new(CloudWatch::new(sdk))),
        }
    }

    /// A history in this store, whose hours and days are kept for so many days.
    #[must_use]
    pub fn new(objects: Objects, days: u32) -> Self {
        Self {
            objects: Some(objects),
            days: days.into(),
            functions: [].into(),
            cloudwatch: None,
        }
    }

    /// None: nothing is kept.
    #[must_use]
    pub fn none() -> Self {
        Self {
            objects: None,
            days: 0,
            functions: [].into(),
            cloudwatch: None,
        }
    }

    /// What makes the minutes of a process and writes them, if there is a store.
    #[must_use]
    pub fn recorder(&self, target: &str, task: &str) -> Option<Recorder> {
        let objects = self.objects.clone()?;
        Some(Recorder::new(objects, target, task))
    }

    /// Writes the minutes of this process until `stopped`, if there is a store.
    pub async fn record(&self, system: System, mut stopped: watch::Receiver<bool>) {
        if let Some(recorder) = self.recorder(system.target(), system.task()) {
            let stop = async move {
                // Without a sender the process ends as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            recorder.run(system, stop).await;
        }
    }
}
