//! The machine, by `sysinfo`, and what of it a container may use, by its control group (cgroups(7):
//! version 2 at `/sys/fs/cgroup`, version 1 in a folder for each controller).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::thread;
use std::time::{Duration, Instant};

use sysinfo::{DiskRefreshKind, Disks, Networks};

use super::{Inner, Reading, Source, lock};
use crate::process::Figures;
use crate::record;

/// From one reading to the next.
const EVERY: Duration = Duration::from_secs(5);
/// From the first to the second: the CPU's share is a difference of two.
const SOON: Duration = Duration::from_millis(500);

/// Reads for as long as somebody holds `system`.
pub(super) fn watch(system: Weak<Inner>, dir: PathBuf) -> io::Result<()> {
    let watching = move || {
        let mut machine = Machine::new(&dir);
        let mut pause = SOON;
        loop {
            let reading = machine.read();
            let Some(system) = system.upgrade() else {
                return;
            };
            if let Source::Machine(latest) = &system.source {
                *lock(latest) = reading;
            }
            drop(system);
            record::system_figures(&reading);
            thread::sleep(pause);
            pause = EVERY;
        }
    };
    let thread = thread::Builder::new().name("system".to_owned());
    thread.spawn(watching).map(drop)
}

struct Machine {
    system: Option<sysinfo::System>,
    disks: Option<Disks>,
    networks: Option<Networks>,
    dir: PathBuf,
    group: Group,
    /// CPU time that the group had used at some moment, in seconds.
    used: Option<(Instant, f64)>,
    is_first: bool,
}

impl Machine {
    fn new(dir: &Path) -> Self {
        let nothing = DiskRefreshKind::nothing();
        Self {
            system: sysinfo::System::new().ok(),
            disks: Disks::new_with_refreshed_list_specifics(nothing).ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            dir: dir.canonicalize().unwrap_or_else(|_| PathBuf::from("/")),
            group: Group(PathBuf::from("/sys/fs/cgroup")),
            used: None,
            is_first: true,
        }
    }

    fn read(&mut self) -> Reading {
        let (cpu, cores) = self.cpu();
        let (memory_used, memory_limit) = self.memory();
        let (disk_used, disk_size) = self.disk();
        let (network_received, network_sent) = self.network();
        self.is_first = false;
        Reading {
            cpu,
            cores,
            memory_used,
            memory_limit,
            disk_used,
            disk_size,
            network_received,
            network_sent,
            process: Figures::default(),
        }
    }

    fn cpu(&mut self) -> (Option<f64>, Option<f64>) {
        if let (Some(cores), Some(used)) = (self.group.cores(), self.group.used()) {
            let before = self.used.replace((Instant::now(), used));
            let cpu = before.map(|(at, before)| {
                let may = at.elapsed().as_secs_f64() * cores;
                ((used - before) / may.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
            });
            return (cpu, Some(cores));
        }
        let Some(system) = &mut self.system else {
            return (None, None);
        };
        system.refresh_cpu_usage();
        let cores = system.cpus().len();
        if cores == 0 {
            return (None, None);
        }
        let cpu = (f64::from(system.global_cpu_usage()) / 100.0).clamp(0.0, 1.0);
        (Some(cpu).filter(|_| !self.is_first), Some(cores as f64))
    }

    fn memory(&mut self) -> (Option<f64>, Option<f64>) {
        let Some(system) = &mut self.system else {
            return (None, None);
        };
        system.refresh_memory();
        let (mut used, mut limit) = (system.used_memory(), system.total_memory());
        if let Some(group) = system.cgroup_limits()
            && group.total_memory < limit
        {
            (used, limit) = (group.rss, group.total_memory);
        }
        (Some(used as f64), Some(limit as f64))
    }

    fn disk(&mut self) -> (Option<f64>, Option<f64>) {
        let disks = self.disks.iter_mut().flat_map(|disks| disks.iter_mut());
        let disk = disks
            .filter(|disk| self.dir.starts_with(disk.mount_point()))
            .max_by_key(|disk| disk.mount_point().as_os_str().len());
        let Some(disk) = disk else {
            return (None, None);
        };
        disk.refresh_specifics(DiskRefreshKind::nothing().with_storage());
        let (size, free) = (disk.total_space(), disk.available_space());
        (Some(size.saturating_sub(free) as f64), Some(size as f64))
    }

    fn network(&mut self) -> (Option<f64>, Option<f64>) {
        let Some(networks) = &mut self.networks else {
            return (None, None);
        };
        networks.refresh(true);
        let (mut received, mut sent) = (0, 0);
        for (_, interface) in networks.iter().filter(|(name, _)| *name != "lo") {
            received += interface.total_received();
            sent += interface.total_transmitted();
        }
        (Some(received as f64), Some(sent as f64))
    }
}

/// The control group of this process, as a container sees it: at the root of the folder.
struct Group(PathBuf);

impl Group {
    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    /// How many processors it may use; none if it may use all.
    fn cores(&self) -> Option<f64> {
        let (quota, period) = match self.text("cpu.max") {
            Some(text) => {
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse().ok()?, period.parse().ok()?)
            }
            None => {
                let number = |name| self.text(name)?.trim().parse::<f64>().ok();
                (
                    number("cpu/cpu.cfs_quota_us")?,
                    number("cpu/cpu.cfs_period_us")?,
                )
            }
        };
        // -1 is no limit in version 1.
        (quota > 0.0 && period > 0.0).then(|| quota / period)
    }

    /// The CPU time that it has used, in seconds.
    fn used(&self) -> Option<f64> {
        if let Some(text) = self.text("cpu.stat")
            && let Some(used) = text
                .lines()
                .find_map(|line| line.strip_prefix("usage_usec "))
        {
            return used.parse().ok().map(|micros: f64| micros / 1e6);
        }
        let nanos: f64 = self.text("cpuacct/cpuacct.usage")?.trim().parse().ok()?;
        Some(nanos / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> (tempfile::TempDir, Group) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let group = Group(dir.path().to_owned());
        (dir, group)
    }

    #[test]
    fn a_containers_quota_and_time_are_found_in_either_version() {
        let (_dir, two) = group(&[
            ("cpu.max", "50000 100000\n"),
            (
                "cpu.stat",
                "usage_usec 2500000\nuser_usec 2000000\nnr_periods 0\n",
            ),
        ]);
        assert_eq!((two.cores(), two.used()), (Some(0.5), Some(2.5)));
        let (_dir, one) = group(&[
            ("cpu/cpu.cfs_quota_us", "200000\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
            ("cpuacct/cpuacct.usage", "1500000000\n"),
        ]);
        assert_eq!((one.cores(), one.used()), (Some(2.0), Some(1.5)));
    }

    #[test]
    fn without_a_quota_the_machine_is_the_limit() {
        for files in [
            &[("cpu.max", "max 100000\n")][..],
            &[
                ("cpu/cpu.cfs_quota_us", "-1\n"),
                ("cpu/cpu.cfs_period_us", "100000\n"),
            ],
            &[],
        ] {
            let (_dir, group) = group(files);
            assert_eq!(group.cores(), None, "{files:?}");
        }
    }

    #[test]
    fn the_share_is_of_the_quota_and_never_above_it() {
        let (dir, group) = group(&[
            ("cpu.max", "100000 100000\n"),
            ("cpu.stat", "usage_usec 0\n"),
        ]);
        let mut machine = Machine::new(dir.path());
        machine.group = group;
        assert_eq!(machine.cpu(), (None, Some(1.0)));
        fs::write(dir.path().join("cpu.stat"), "usage_usec 3600000000\n").unwrap();
        assert_eq!(machine.cpu(), (Some(1.0), Some(1.0)));
        assert_eq!(machine.cpu(), (Some(0.0), Some(1.0)));
    }
}
