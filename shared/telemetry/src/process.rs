//! Figures of this process, from `/proc` (proc(5), Linux). Elsewhere, and where a file cannot be
//! read, a figure is absent.

use std::fs;

use crate::names::{Metric, PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_MEMORY, PROCESS_OPEN_FDS};

/// Kernel ticks per second as user space sees them: `USER_HZ`, 100 on every architecture that this
/// product is built for (time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What the kernel says about this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// User and system CPU time, in seconds, to the hundredth.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_bytes: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// The soft limit on open file descriptors; absent if there is none.
    pub max_fds: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
}

impl Figures {
    /// The figures as they are now.
    #[must_use]
    pub fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let status = read("status");
        let status = status.as_deref();
        Self {
            cpu_seconds: read("stat").and_then(|stat| cpu_seconds(&stat)),
            resident_bytes: status.and_then(resident_bytes),
            threads: status.and_then(threads),
            open_fds: open_fds(),
            max_fds: read("limits").and_then(|limits| max_fds(&limits)),
        }
    }

    /// Each figure that is there and has a row in the table, with that row.
    pub fn samples(&self) -> impl Iterator<Item = (&'static Metric, f64)> {
        [
            (&PROCESS_CPU, self.cpu_seconds),
            (&PROCESS_MEMORY, self.resident_bytes),
            (&PROCESS_OPEN_FDS, self.open_fds),
            (&PROCESS_MAX_FDS, self.max_fds),
        ]
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value?)))
    }
}

/// Fields 14 and 15 of `stat`. The second field, the program's name, may hold spaces and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn threads(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"))?;
    line.trim().parse().ok()
}

fn open_fds() -> Option<f64> {
    // The folder is open itself while it is read.
    let count = fs::read_dir("/proc/self/fd")
        .ok()?
        .count()
        .saturating_sub(1);
    Some(f64::from(u32::try_from(count).ok()?))
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_name_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 9 0 0 0 250 50 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (short) S 1"), None);
    }

    #[test]
    fn memory_and_limits_are_found_by_their_names() {
        assert_eq!(
            resident_bytes("VmHWM:\t  99 kB\nVmRSS:\t    12 kB\n"),
            Some(12288.0)
        );
        assert_eq!(threads("Tgid:\t7\nThreads:\t4\n"), Some(4.0));
        let limits =
            "Limit   Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(
            max_fds("Max open files   unlimited   unlimited   files\n"),
            None
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_gives_every_figure() {
        let figures = Figures::now();
        assert_eq!(figures.samples().count(), 4);
        assert!(figures.resident_bytes.unwrap() > 0.0);
        assert!(figures.open_fds.unwrap() >= 3.0);
    }
}
