//! What a process knows of itself and of the machine that it may use, as `GET /v1/system`, the
//! `system_*` metrics and the history show it.
//!
//! A figure that cannot be known is absent: of a function there are its process and its configured
//! memory alone, and where there is no `/proc` less than that.

#[cfg(feature = "machine")]
mod machine;

use std::sync::Arc;
#[cfg(feature = "machine")]
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use crate::process::Figures;

/// The figures of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// CPU time in use since the reading before, as a share of what may be used, 0 to 1.
    pub cpu: Option<f64>,
    /// Processors that may be used: the container's quota, or those of the machine.
    pub cores: Option<f64>,
    /// Memory in use, in bytes, page cache left out. Of a function, its process's.
    pub memory_used: Option<f64>,
    /// Memory that may be used, in bytes.
    pub memory_limit: Option<f64>,
    /// Used bytes of the file system that is watched.
    pub disk_used: Option<f64>,
    /// Its size, in bytes.
    pub disk_size: Option<f64>,
    /// Bytes received since the interfaces came up, loopback left out.
    pub network_received: Option<f64>,
    /// Bytes sent since then.
    pub network_sent: Option<f64>,
    /// The process.
    pub process: Figures,
}

/// A running process. Clones are the same one.
#[derive(Clone, Debug)]
pub struct System(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: &'static str,
    task: String,
    started: SystemTime,
    running: Instant,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Process {
        memory_limit: Option<f64>,
    },
    #[cfg(feature = "machine")]
    Machine(Mutex<Reading>),
}

impl System {
    /// A process that sees no machine, such as a function, with the memory that it may use, in bytes.
    /// `target` is the door, as in `contacts_build_info`; `task` names this process among others.
    #[must_use]
    pub fn process(target: &'static str, task: &str, memory_limit: Option<f64>) -> Self {
        Self::new(target, task, Source::Process { memory_limit })
    }

    /// A process and its machine, which a thread of its own reads every five seconds, so that a slow
    /// file system delays nobody; it records the `system_*` metrics as well. The disk is that of
    /// `dir`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    #[cfg(feature = "machine")]
    pub fn machine(
        target: &'static str,
        task: &str,
        dir: &std::path::Path,
    ) -> std::io::Result<Self> {
        let system = Self::new(target, task, Source::Machine(Mutex::default()));
        machine::watch(Arc::downgrade(&system.0), dir.to_owned())?;
        Ok(system)
    }

    fn new(target: &'static str, task: &str, source: Source) -> Self {
        Self(Arc::new(Inner {
            target,
            task: task.to_owned(),
            started: SystemTime::now(),
            running: Instant::now(),
            source,
        }))
    }

    /// The door.
    #[must_use]
    pub fn target(&self) -> &'static str {
        self.0.target
    }

    /// The name of this process.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.0.task
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> SystemTime {
        self.0.started
    }

    /// For how long it has run, in whole seconds, whatever became of the clock.
    #[must_use]
    pub fn uptime_seconds(&self) -> u64 {
        self.0.running.elapsed().as_secs()
    }

    /// The machine's figures as they were last read, at most five seconds ago, with those of the
    /// process as they are now.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let process = Figures::now();
        match &self.0.source {
            Source::Process { memory_limit } => Reading {
                memory_used: memory_limit.and(process.resident_bytes),
                memory_limit: *memory_limit,
                process,
                ..Reading::default()
            },
            #[cfg(feature = "machine")]
            Source::Machine(latest) => Reading {
                process,
                ..*lock(latest)
            },
        }
    }
}

/// A reading is replaced whole: a panic leaves none by half.
#[cfg(feature = "machine")]
fn lock(latest: &Mutex<Reading>) -> std::sync::MutexGuard<'_, Reading> {
    latest
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_knows_its_process_and_its_configured_memory_alone() {
        let reading = System::process("lambda", "api", Some(1e9)).reading();
        assert_eq!(reading.memory_used, reading.process.resident_bytes);
        assert!(reading.memory_used.is_some());
        let others = Reading {
            memory_used: None,
            process: Figures::default(),
            ..reading
        };
        assert_eq!(
            others,
            Reading {
                memory_limit: Some(1e9),
                ..Reading::default()
            }
        );
    }

    #[cfg(all(feature = "machine", target_os = "linux"))]
    #[test]
    fn a_machine_has_every_figure_once_it_was_read_twice() {
        let system = System::machine("container", "here", std::path::Path::new(".")).unwrap();
        let begun = Instant::now();
        let reading = loop {
            let reading = system.reading();
            if reading.cpu.is_some() {
                break reading;
            }
            assert!(begun.elapsed().as_secs() < 30, "{reading:?}");
            std::thread::yield_now();
        };
        assert!((0.0..=1.0).contains(&reading.cpu.unwrap()));
        assert!(reading.memory_used.unwrap() <= reading.memory_limit.unwrap());
        assert!(reading.disk_used.unwrap() <= reading.disk_size.unwrap());
        assert!(reading.cores.unwrap() > 0.0);
        assert!(reading.network_received.is_some() && reading.network_sent.is_some());
    }
}
