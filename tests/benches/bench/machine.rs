//! On what the figures were taken.

use std::{fs, process::Command, thread, time::SystemTime};

use anyhow::{Context as _, Result};

/// Two lines: the machine, and what was run there when.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let memory: f64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cores} cores ({cpu}), {:.0} GB, load average {load} before the start. \
         {}, revision {}, by `make bench`.",
        memory * 1024.0 / 1e9,
        httpdate::fmt_http_date(SystemTime::now()),
        revision().unwrap_or_else(|_| "unknown".to_owned()),
    )
}

fn field(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

/// The commit, with `+` where files have changed since.
fn revision() -> Result<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(contacts_tests::repository().join("tests"))
            .output()?;
        anyhow::Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--", "..", ":!../docs"])?.is_empty();
    Ok(format!("{commit}{}", if changed { "+" } else { "" }))
}

/// Resident memory of a process, in bytes (proc(5)).
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = field(&status, "VmRSS");
    let kib: u64 = kib.trim_end_matches(" kB").parse().context("VmRSS")?;
    Ok(kib * 1024)
}

/// CPU time of a process, in seconds to the hundredth (proc(5), `stat`; 100 ticks a second).
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("stat")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("stat")?.parse()?) };
    Ok((ticks()? + ticks()?) / 100.0)
}
