use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use jiff::{SignedDuration, ToSpan as _};
use proptest::prelude::*;

use super::*;
use crate::Step;
use crate::point::{Figure, Point};

struct Bed {
    _dir: tempfile::TempDir,
    objects: Objects,
    history: History,
    fuse: Arc<AtomicIsize>,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fuse = Arc::new(AtomicIsize::new(isize::MAX));
        let mut objects = Objects::folder(dir.path());
        objects.fuse = Some(Arc::clone(&fuse));
        Self {
            _dir: dir,
            history: History::new(objects.clone(), 30),
            objects,
            fuse,
        }
    }

    /// Writes a file with these minutes of a task, one point each, numbered by the minute.
    async fn write(&self, task: &str, minutes: impl IntoIterator<Item = i64>) {
        let mut by_hour: BTreeMap<i64, Points> = BTreeMap::new();
        for minute in minutes {
            let point = point(task, minute);
            by_hour.entry(minute.div_euclid(60)).or_default().add(point);
        }
        for (hour, points) in by_hour {
            let first = points.iter().next().unwrap().seq;
            let name = keys::minutes(hour, task, first);
            let content = files::content(&points);
            self.objects.put(&name, content).await.unwrap();
        }
    }

    async fn compact(&self, now: Timestamp) -> Compacted {
        let mut all = Compacted::default();
        loop {
            let done = self.history.compact(now).await.unwrap();
            all.hours += done.hours;
            all.removed += done.removed;
            if !done.more {
                return all;
            }
        }
    }

    async fn read(&self, step: Step) -> Vec<Point> {
        let (from, to) = (Timestamp::UNIX_EPOCH - 1000.hours(), at(3_000_000));
        self.history.read(from, to, step).await.unwrap()
    }

    async fn names(&self) -> [usize; 3] {
        let listed = Listed::of(&self.objects).await.unwrap();
        [&listed.minutes, &listed.hours, &listed.days]
            .map(|files| files.values().map(Vec::len).sum())
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn point(task: &str, minute: i64) -> Point {
    Point::new(task, "container", minute * MINUTE, minute, 12)
        .with(Figure::CpuAvg, (minute % 7) as f64 / 7.0)
        .with(Figure::Sent, 1.0)
}

/// How many minutes are in points of hours or days: each sent one byte.
fn sent(points: &[Point]) -> f64 {
    points.iter().filter_map(|one| one.get(Figure::Sent)).sum()
}

#[tokio::test]
async fn minutes_become_hours_and_hours_a_day() {
    let bed = Bed::new();
    bed.write("a", 0..130).await;
    bed.write("b", 30..130).await;
    assert_eq!(bed.names().await, [6, 0, 0]);
    let before = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
    assert_eq!(before[0].len(), 230);
    // The third hour is not over.
    assert_eq!(bed.compact(at(140)).await.hours, 2);
    assert_eq!(bed.names().await, [2, 2, 1]);
    let after = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
    assert_eq!(before, after);
    assert_eq!(bed.compact(at(140)).await, Compacted::default());
    // Two minutes after its end it is.
    assert_eq!(bed.compact(at(181)).await.hours, 0);
    assert_eq!(bed.compact(at(182)).await.hours, 1);
    assert_eq!(bed.names().await, [0, 3, 1]);
    let days = bed.read(Step::Day).await;
    assert_eq!(days.len(), 2);
    assert_eq!(sent(&days), 230.0);
}

#[tokio::test]
async fn a_merge_that_breaks_off_anywhere_loses_and_doubles_nothing() {
    for step in 0.. {
        let bed = Bed::new();
        bed.write("a", 0..200).await;
        bed.write("b", 50..200).await;
        // One hour was merged before, and two late minutes have come since.
        bed.compact(at(70)).await;
        bed.write("a", [61, 62]).await;
        bed.write("late", [3]).await;
        let before = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
        bed.fuse.store(step, Ordering::Release);
        let broken = bed.history.compact(at(300)).await.is_err();
        bed.fuse.store(isize::MAX, Ordering::Release);
        let after = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
        assert_eq!(before, after, "broken off before operation {step}");
        bed.compact(at(300)).await;
        let merged = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
        assert_eq!(before, merged, "gone on after operation {step}");
        assert_eq!(bed.names().await, [0, 4, 1], "operation {step}");
        if !broken {
            assert!(step > 20, "{step}");
            return;
        }
    }
}

#[tokio::test]
async fn two_workers_at_once_lose_and_double_nothing() {
    let bed = Bed::new();
    bed.write("a", 0..300).await;
    bed.write("b", 0..300).await;
    let before = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
    let other = bed.history.clone();
    let now = at(400);
    let (one, two) = tokio::join!(bed.history.compact(now), other.compact(now));
    one.unwrap();
    two.unwrap();
    let after = [bed.read(Step::Minute).await, bed.read(Step::Hour).await];
    assert_eq!(before, after);
    bed.compact(now).await;
    assert_eq!(bed.names().await, [0, 5, 1]);
    assert_eq!(bed.read(Step::Hour).await, before[1]);
}

#[tokio::test]
async fn a_file_that_its_task_writes_again_is_no_new_points() {
    let bed = Bed::new();
    bed.write("a", 0..60).await;
    bed.compact(at(62)).await;
    bed.write("a", 0..60).await;
    assert_eq!(sent(&bed.read(Step::Hour).await), 60.0);
    bed.compact(at(70)).await;
    assert_eq!(sent(&bed.read(Step::Hour).await), 60.0);
    assert_eq!(bed.read(Step::Minute).await.len(), 60);
    assert_eq!(bed.names().await, [0, 1, 1]);
}

#[tokio::test]
async fn what_is_too_old_is_removed_and_no_earlier() {
    let bed = Bed::new();
    let day = 24 * 60;
    bed.write("a", [5, day + 5, 9 * day + 5]).await;
    // A clock that was wrong by decades, of a task that came last.
    bed.write("b", [-20 * 365 * day]).await;
    let now = at(9 * day + 100);
    bed.compact(now).await;
    bed.compact(now).await;
    // Minutes of the last week, hours of the last thirty days.
    assert_eq!(bed.names().await, [0, 1, 3]);
    assert_eq!(bed.read(Step::Minute).await.len(), 1);
    assert_eq!(bed.read(Step::Hour).await.len(), 3);
    bed.compact(at(30 * day)).await;
    assert_eq!(bed.names().await, [0, 0, 3]);
    bed.compact(at(31 * day)).await;
    assert_eq!(bed.names().await, [0, 0, 2]);
    bed.compact(at(50 * day)).await;
    assert_eq!(bed.names().await, [0, 0, 0]);
}

#[tokio::test]
async fn much_work_is_done_in_parts() {
    let bed = Bed::new();
    bed.write("a", (0..60).map(|hour| hour * 60)).await;
    let now = at(61 * 60);
    let first = bed.history.compact(now).await.unwrap();
    assert_eq!((first.hours, first.more), (24, true));
    assert_eq!(bed.compact(now).await.hours, 36);
    assert_eq!(bed.read(Step::Minute).await.len(), 60);
    assert_eq!(bed.names().await, [0, 60, 3]);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_alone() {
    let bed = Bed::new();
    let name = keys::minutes(0, "a", 0);
    bed.objects.put(&name, b"PAR1".to_vec()).await.unwrap();
    let error = bed.history.compact(at(100)).await.unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
    assert_eq!(bed.names().await, [1, 0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any minutes of any tasks, written in any portions, with merges in between that may break off.
    #[test]
    fn merging_loses_and_doubles_no_point(
        portions in prop::collection::vec(
            (0..3_usize, prop::collection::btree_set(0..400_i64, 1..30), 0..500_i64, prop::option::of(0..30_isize)),
            1..6,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bed = Bed::new();
            let mut expected = Points::default();
            for (task, minutes, now, fuse) in portions {
                let task = ["a", "b", "c"][task];
                bed.write(task, minutes.iter().copied()).await;
                // A task's own file replaces its earlier one of that name: so do its points here.
                expected.extend(minutes.iter().map(|minute| point(task, *minute)));
                let all: Vec<Point> = bed.read(Step::Minute).await;
                let known: Points = all.into_iter().collect();
                // What a portion overwrote is the writer's affair: a real one writes what was there and more.
                expected = expected.iter().filter(|one| known.iter().any(|known| known.task == one.task && known.time == one.time)).cloned().collect();
                if let Some(fuse) = fuse {
                    bed.fuse.store(fuse, Ordering::Release);
                    bed.history.compact(at(now)).await.ok();
                    bed.fuse.store(isize::MAX, Ordering::Release);
                } else {
                    bed.compact(at(now)).await;
                }
                let minutes = bed.read(Step::Minute).await;
                assert_eq!(minutes.len(), expected.iter().len());
                for step in [Step::Hour, Step::Day] {
                    assert_eq!(sent(&bed.read(step).await), minutes.len() as f64);
                }
                assert_eq!(bed.read(Step::Hour).await, expected.by(HOUR));
            }
        });
    }
}
