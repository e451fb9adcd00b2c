//! Points of the history: the figures of one task over a minute or an hour.

use std::collections::BTreeMap;

/// Milliseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000;
/// Milliseconds of an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// How the figures of several points become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The average, by how many samples each point is made of.
    Average,
    /// The largest.
    Most,
    /// The sum.
    Sum,
}

macro_rules! figures {
    ($($figure:ident $name:literal $rule:ident $meaning:literal;)*) => {
        /// What is kept of a task. Which of them a task has depends on its target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Figure {
            $(#[doc = $meaning] $figure,)*
        }

        impl Figure {
            /// All of them, in the order of the columns.
            pub const ALL: &[Self] = &[$(Self::$figure),*];

            /// As the column and the member of an answer are called.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$figure => $name,)* }
            }

            /// What it is, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$figure => $meaning,)* }
            }

            const fn rule(self) -> Rule {
                match self { $(Self::$figure => Rule::$rule,)* }
            }
        }

        const COUNT: usize = [$(Figure::$figure),*].len();
    };
}

figures! {
    CpuAvg "cpu_avg" Average "CPU time in use as a share of what may be used, 0 to 1, on average.";
    CpuMax "cpu_max" Most "The same, at most within five seconds.";
    MemoryAvg "memory_avg_bytes" Average "Memory in use, on average; of a function, its process's.";
    MemoryMax "memory_max_bytes" Most "The same, at most.";
    MemoryLimit "memory_limit_bytes" Most "Memory that may be used.";
    DiskUsed "disk_used_bytes" Most "Used bytes of the file system, at most.";
    DiskSize "disk_size_bytes" Most "Its size.";
    Received "network_received_bytes" Sum "Bytes received.";
    Sent "network_sent_bytes" Sum "Bytes sent.";
    ProcessCpu "process_cpu_seconds" Sum "CPU time that the process spent.";
    ProcessMemory "process_memory_max_bytes" Most "Resident memory of the process, at most.";
    OpenFiles "process_open_files_max" Most "Its open files, at most.";
    Threads "process_threads_max" Most "Its threads, at most.";
    Calls "calls" Sum "Invocations of the function.";
    CallAvg "call_seconds_avg" Average "Time of an invocation, on average.";
    CallMax "call_seconds_max" Most "The same, at most.";
    ColdStarts "cold_starts" Sum "Sandboxes of the function that began.";
}

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Whose: a process of a container, or a function.
    pub task: String,
    /// Its door, such as `container`.
    pub target: String,
    /// When it begins, in milliseconds since 1970 (UTC): a minute or an hour.
    pub time: i64,
    /// Tells the task's points apart, whatever became of its clock.
    pub seq: i64,
    /// How many readings it is made of; of a function, how many invocations.
    pub samples: i64,
    figures: [Option<f64>; COUNT],
}

impl Point {
    /// A point without figures.
    #[must_use]
    pub fn new(task: &str, target: &str, time: i64, seq: i64, samples: i64) -> Self {
        Self {
            task: task.to_owned(),
            target: target.to_owned(),
            time,
            seq,
            samples,
            figures: [None; COUNT],
        }
    }

    /// A figure, if the task has it.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.figures[figure as usize]
    }

    /// Sets a figure. What is not a finite number counts as absent.
    pub fn set(&mut self, figure: Figure, value: Option<f64>) {
        self.figures[figure as usize] = value.filter(|value| value.is_finite());
    }

    /// The same with a figure.
    #[must_use]
    pub fn with(mut self, figure: Figure, value: f64) -> Self {
        self.set(figure, Some(value));
        self
    }

    /// By what one of two points with the same name is chosen: the one that saw more, and of equals always
    /// the same.
    fn weight(&self) -> impl Ord {
        let bits = self.figures.map(|figure| figure.map(f64::to_bits));
        (self.samples, self.time, bits)
    }
}

/// Points by name, each once: of several with one name the one that saw more. Adding is a union: neither
/// order nor repetition changes what comes out, which is what lets a merge break off anywhere and begin anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points(BTreeMap<(String, i64), Point>);

impl Points {
    /// Adds a point.
    pub fn add(&mut self, point: Point) {
        match self.0.entry((point.task.clone(), point.seq)) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(point);
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                if point.weight() > known.get().weight() {
                    known.insert(point);
                }
            }
        }
    }

    /// All of them, by task and number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Point> {
        self.0.values()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One point for each task and stretch of `step` milliseconds, by task and time. Its number is that of the
    /// stretch since 1970.
    #[must_use]
    pub fn by(&self, step: i64) -> Vec<Point> {
        let mut groups: BTreeMap<(&str, i64), Vec<&Point>> = BTreeMap::new();
        for point in self.iter() {
            let stretch = point.time.div_euclid(step);
            groups
                .entry((&point.task, stretch))
                .or_default()
                .push(point);
        }
        let sum_up = |((_, stretch), points): ((&str, i64), Vec<&Point>)| {
            sum_up(&points, stretch * step, stretch)
        };
        groups.into_iter().map(sum_up).collect()
    }
}

impl FromIterator<Point> for Points {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut all = Self::default();
        all.extend(points);
        all
    }
}

impl Extend<Point> for Points {
    fn extend<I: IntoIterator<Item = Point>>(&mut self, points: I) {
        for point in points {
            self.add(point);
        }
    }
}

/// One of several points of a task.
fn sum_up(points: &[&Point], time: i64, seq: i64) -> Point {
    let first = points[0];
    let samples = points.iter().map(|point| point.samples).sum();
    let mut sum = Point::new(&first.task, &first.target, time, seq, samples);
    for figure in Figure::ALL {
        let known = points
            .iter()
            .filter_map(|point| Some((point.get(*figure)?, point.samples as f64)));
        let value = match figure.rule() {
            Rule::Average => {
                let (total, weight) = known.fold((0.0, 0.0), |(total, weight), (value, by)| {
                    (total + value * by, weight + by)
                });
                (weight > 0.0).then(|| total / weight)
            }
            Rule::Most => known.map(|(value, _)| value).reduce(f64::max),
            Rule::Sum => known
                .map(|(value, _)| value)
                .reduce(|total, value| total + value),
        };
        sum.set(*figure, value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_weigh_by_samples_and_the_others_follow_their_rules() {
        let point = |minute: i64, samples, value: f64| {
            Point::new("a", "container", minute * MINUTE, minute, samples)
                .with(Figure::CpuAvg, value)
                .with(Figure::CpuMax, value)
                .with(Figure::Sent, value)
        };
        let mut all: Points = [point(0, 1, 1.0), point(1, 3, 0.0), point(61, 1, 5.0)]
            .into_iter()
            .collect();
        all.add(Point::new("a", "container", 2 * MINUTE, 2, 100));
        let hours = all.by(HOUR);
        assert_eq!(hours.len(), 2);
        assert_eq!((hours[0].time, hours[0].seq, hours[0].samples), (0, 0, 104));
        assert_eq!(hours[0].get(Figure::CpuAvg), Some(0.25));
        assert_eq!(hours[0].get(Figure::CpuMax), Some(1.0));
        assert_eq!(hours[0].get(Figure::Sent), Some(1.0));
        assert_eq!(hours[0].get(Figure::Calls), None);
        assert_eq!(
            (hours[1].time, hours[1].get(Figure::Sent)),
            (HOUR, Some(5.0))
        );
    }

    #[test]
    fn of_two_points_with_one_name_the_one_that_saw_more_stays() {
        let point = |samples| Point::new("f", "lambda", 0, 0, samples);
        let one: Points = [point(1), point(3), point(2)].into_iter().collect();
        assert_eq!(one.iter().map(|p| p.samples).collect::<Vec<_>>(), [3]);
    }
}
