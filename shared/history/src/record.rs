//! Writing the minutes of this process.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use contacts_telemetry::{self as telemetry, Reading, System};
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::point::{Figure, HOUR, MINUTE, Point, Points};
use crate::{Objects, ObjectsError, files, keys};

/// From one look at the figures to the next.
const LOOK: Duration = Duration::from_secs(5);
/// Minutes that wait while the store is away; then the oldest are lost.
const WAITING: usize = 60;
/// Minutes of one file. An hour has fewer, unless its clock jumps.
const LONGEST: usize = 120;
/// For the last minute, at the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);
/// One failure in so many is logged.
const LOGGED: u32 = 60;

/// Makes minutes of readings and writes them: each minute anew, a file with all of the hour so far, which nobody
/// else writes.
///
/// The clock names the minute and the file's folder, and nothing more. A point's number goes up by one, from where
/// no other process began, and a file's name has that of its first point: a clock that jumps, in any direction,
/// begins another file and overwrites none.
#[derive(Debug)]
pub struct Recorder {
    objects: Objects,
    target: String,
    task: String,
    next: i64,
    current: Option<Minute>,
    runs: VecDeque<Run>,
    before: Option<Reading>,
    failures: u32,
}

/// A file that is not complete, or not written yet.
#[derive(Debug)]
struct Run {
    hour: i64,
    points: Vec<Point>,
    /// How many of its last points are not in the file.
    waiting: usize,
}

/// The readings of the current minute.
#[derive(Debug)]
struct Minute {
    number: i64,
    samples: i64,
    cpu: Tally,
    memory: Tally,
    last: Reading,
    most_process_memory: Option<f64>,
    most_files: Option<f64>,
    most_threads: Option<f64>,
    received: Option<f64>,
    sent: Option<f64>,
    process_cpu: Option<f64>,
}

/// Values on their way to an average and a maximum.
#[derive(Debug, Default)]
struct Tally {
    sum: f64,
    count: f64,
    most: Option<f64>,
}

impl Tally {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1.0;
            self.most = larger(self.most, Some(value));
        }
    }

    fn average(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// Adds what a counter rose by; one that fell has begun anew.
fn rise(sum: &mut Option<f64>, before: Option<f64>, now: Option<f64>) {
    if let (Some(before), Some(now)) = (before, now) {
        let rise = if now >= before { now - before } else { now };
        *sum = Some(sum.unwrap_or(0.0) + rise);
    }
}

impl Recorder {
    pub(crate) fn new(objects: Objects, target: &str, task: &str) -> Self {
        let mut bits = [0; 8];
        // Without randomness processes are told apart by their names alone.
        let _ = getrandom::fill(&mut bits);
        // The lowest 24 bits are for counting: thirty years of minutes.
        let first = i64::from_be_bytes(bits) & (i64::MAX >> 24 << 24);
        Self {
            objects,
            target: target.to_owned(),
            task: task.to_owned(),
            next: first,
            current: None,
            runs: VecDeque::new(),
            before: None,
            failures: 0,
        }
    }

    /// Records until `stop`, and then writes the last minute, which is not complete.
    pub async fn run(mut self, system: System, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = &mut stop => break,
            }
            if self.see(Timestamp::now(), &system.reading()) {
                // A stop does not wait for a store that is away.
                tokio::select! {
                    _ = self.write() => {}
                    () = &mut stop => break,
                }
            }
        }
        self.see(Timestamp::now(), &system.reading());
        self.close();
        // Whatever came of it was counted and logged.
        let _ = timeout(FAREWELL, self.write()).await;
    }

    /// Takes in a reading. Says whether a minute was completed, which can be written.
    pub fn see(&mut self, now: Timestamp, reading: &Reading) -> bool {
        let number = now.as_millisecond().div_euclid(MINUTE);
        let is_next = self
            .current
            .as_ref()
            .is_some_and(|minute| minute.number != number);
        if is_next {
            self.close();
        }
        let minute = self
            .current
            .get_or_insert_with(|| Minute::new(number, *reading));
        minute.add(self.before.as_ref(), reading);
        self.before = Some(*reading);
        is_next
    }

    /// Completes the current minute.
    pub fn close(&mut self) {
        let Some(minute) = self.current.take() else {
            return;
        };
        let begin = minute.number * MINUTE;
        let point = minute.point(&self.task, &self.target, begin, self.next);
        self.next += 1;
        let hour = begin.div_euclid(HOUR);
        let fits = |run: &Run| run.hour == hour && run.points.len() < LONGEST;
        if !self.runs.back().is_some_and(fits) {
            self.runs.push_back(Run {
                hour,
                points: Vec::new(),
                waiting: 0,
            });
        }
        if let Some(run) = self.runs.back_mut() {
            run.points.push(point);
            run.waiting += 1;
        }
        self.forget();
    }

    /// Drops files that are done with, and the oldest minutes of too many that wait.
    fn forget(&mut self) {
        while self.runs.len() > 1 && self.runs.front().is_some_and(|run| run.waiting == 0) {
            self.runs.pop_front();
        }
        let waiting: usize = self.runs.iter().map(|run| run.waiting).sum();
        if waiting > WAITING
            && let Some(run) = self.runs.iter_mut().find(|run| run.waiting > 0)
        {
            // A file keeps its name: that of the first point that was ever in it.
            let oldest = run.points.len() - run.waiting;
            if oldest > 0 || run.waiting > 1 {
                run.points.remove(oldest);
            } else {
                run.points.clear();
            }
            run.waiting -= 1;
        }
        self.runs.retain(|run| !run.points.is_empty());
    }

    /// Writes what waits, the oldest first.
    ///
    /// # Errors
    /// The store fails; what was not written waits on.
    pub async fn write(&mut self) -> Result<(), ObjectsError> {
        for run in &mut self.runs {
            let Some(first) = run.points.first().filter(|_| run.waiting > 0) else {
                continue;
            };
            let name = keys::minutes(run.hour, &self.task, first.seq);
            let points: Points = run.points.iter().cloned().collect();
            let written = self.objects.put(&name, files::content(&points)).await;
            telemetry::history_write(written.is_ok());
            match written {
                Ok(()) => run.waiting = 0,
                Err(error) => {
                    if self.failures.is_multiple_of(LOGGED) {
                        let failures = self.failures + 1;
                        tracing::warn!(%error, failures, "minutes of the history wait to be written");
                    }
                    self.failures += 1;
                    return Err(error);
                }
            }
        }
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the history is written again");
            self.failures = 0;
        }
        self.forget();
        Ok(())
    }
}

impl Minute {
    fn new(number: i64, reading: Reading) -> Self {
        Self {
            number,
            samples: 0,
            cpu: Tally::default(),
            memory: Tally::default(),
            last: reading,
            most_process_memory: None,
            most_files: None,
            most_threads: None,
            received: None,
            sent: None,
            process_cpu: None,
        }
    }

    fn add(&mut self, before: Option<&Reading>, now: &Reading) {
        self.samples += 1;
        self.cpu.add(now.cpu);
        self.memory.add(now.memory_used);
        let process = &now.process;
        self.most_process_memory = larger(self.most_process_memory, process.resident_bytes);
        self.most_files = larger(self.most_files, process.open_fds);
        self.most_threads = larger(self.most_threads, process.threads);
        if let Some(before) = before {
            rise(
                &mut self.received,
                before.network_received,
                now.network_received,
            );
            rise(&mut self.sent, before.network_sent, now.network_sent);
            let (earlier, later) = (before.process.cpu_seconds, process.cpu_seconds);
            rise(&mut self.process_cpu, earlier, later);
        }
        self.last = *now;
    }

    fn point(self, task: &str, target: &str, time: i64, seq: i64) -> Point {
        let mut point = Point::new(task, target, time, seq, self.samples);
        for (figure, value) in [
            (Figure::CpuAvg, self.cpu.average()),
            (Figure::CpuMax, self.cpu.most),
            (Figure::MemoryAvg, self.memory.average()),
            (Figure::MemoryMax, self.memory.most),
            (Figure::MemoryLimit, self.last.memory_limit),
            (Figure::DiskUsed, self.last.disk_used),
            (Figure::DiskSize, self.last.disk_size),
            (Figure::Received, self.received),
            (Figure::Sent, self.sent),
            (Figure::ProcessCpu, self.process_cpu),
            (Figure::ProcessMemory, self.most_process_memory),
            (Figure::OpenFiles, self.most_files),
            (Figure::Threads, self.most_threads),
        ] {
            point.set(figure, value);
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicIsize, Ordering};

    use jiff::ToSpan as _;

    use super::*;

    fn reading(cpu: f64, sent: f64) -> Reading {
        Reading {
            cpu: Some(cpu),
            network_sent: Some(sent),
            ..Reading::default()
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    async fn points(objects: &Objects) -> Vec<Point> {
        let names = objects.list(keys::MINUTES).await.unwrap();
        let all = files::read(objects, &names).await.unwrap().unwrap();
        let mut all: Vec<_> = all.iter().cloned().collect();
        all.sort_by_key(|point| point.seq);
        all
    }

    #[tokio::test]
    async fn a_minute_is_written_when_the_next_begins() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::folder(dir.path());
        let mut recorder = Recorder::new(objects.clone(), "container", "a");
        assert!(!recorder.see(at("2026-11-22T04:10:58Z"), &reading(0.5, 100.0)));
        assert!(recorder.see(at("2026-11-22T04:11:03Z"), &reading(0.2, 150.0)));
        assert!(!recorder.see(at("2026-11-22T04:11:08Z"), &reading(0.4, 170.0)));
        // A counter that fell has begun anew.
        assert!(recorder.see(at("2026-11-22T04:12:01Z"), &reading(0.0, 5.0)));
        recorder.write().await.unwrap();
        let points = points(&objects).await;
        let minute = at("2026-11-22T04:11:00Z").as_millisecond();
        assert_eq!(points[1].time, minute);
        assert_eq!(points[1].samples, 2);
        assert!((points[1].get(Figure::CpuAvg).unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(points[1].get(Figure::CpuMax), Some(0.4));
        assert_eq!(points[0].get(Figure::Sent), None);
        assert_eq!(points[1].get(Figure::Sent), Some(70.0));
        recorder.close();
        assert_eq!(recorder.runs[0].points[2].get(Figure::Sent), Some(5.0));
    }

    /// Sees so many minutes from `from` on, one reading in each.
    fn see(recorder: &mut Recorder, from: &str, minutes: i64) {
        for minute in 0..minutes {
            recorder.see(at(from) + minute.minutes(), &reading(0.5, 1.0));
        }
        recorder.close();
    }

    #[tokio::test]
    async fn clocks_that_jump_overwrite_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::folder(dir.path());
        let mut recorder = Recorder::new(objects.clone(), "container", "a");
        for from in [
            "2026-11-22T04:58:00Z",
            "2026-11-22T04:57:00Z",
            "2031-01-01T00:00:00Z",
            "2026-11-22T04:58:00Z",
            "1969-12-31T23:59:00Z",
        ] {
            see(&mut recorder, from, 4);
            recorder.write().await.unwrap();
        }
        assert_eq!(points(&objects).await.len(), 20);
        // One file a run: within an hour a jump needs no other.
        assert_eq!(objects.list(keys::MINUTES).await.unwrap().len(), 9);
    }

    #[tokio::test]
    async fn processes_of_one_name_stay_apart() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::folder(dir.path());
        for _ in 0..2 {
            let mut recorder = Recorder::new(objects.clone(), "container", "a");
            see(&mut recorder, "2026-11-22T04:00:00Z", 3);
            recorder.write().await.unwrap();
        }
        assert_eq!(points(&objects).await.len(), 6);
    }

    #[tokio::test]
    async fn a_store_that_is_away_loses_nothing_of_an_hour_and_the_oldest_of_more() {
        for (away, kept) in [(59, 60), (200, 60)] {
            let dir = tempfile::tempdir().unwrap();
            let mut objects = Objects::folder(dir.path());
            let fuse = Arc::new(AtomicIsize::new(0));
            objects.fuse = Some(Arc::clone(&fuse));
            let mut recorder = Recorder::new(objects.clone(), "container", "a");
            for minute in 0..away {
                let now = at("2026-11-22T04:30:00Z") + minute.minutes();
                recorder.see(now, &reading(0.5, 1.0));
                recorder.write().await.ok();
            }
            see(&mut recorder, "2026-11-22T09:00:00Z", 1);
            assert!(recorder.write().await.is_err());
            fuse.store(isize::MAX, Ordering::Release);
            recorder.write().await.unwrap();
            let points = points(&objects).await;
            assert_eq!(points.len(), kept);
            assert_eq!(
                points[kept - 1].time,
                at("2026-11-22T09:00:00Z").as_millisecond()
            );
            assert_eq!(recorder.runs.len(), 1);
        }
    }
}
