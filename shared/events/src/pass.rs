//! How long one go at sending may take, and which endpoints it leaves alone: whoever does not answer, or
//! takes long to, keeps nobody else waiting.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

/// For how long one pass begins to send something.
pub(crate) const TIME: Duration = Duration::from_secs(10);
/// What one endpoint may take of a pass, as far as its calls are slow.
const SHARE: Duration = Duration::from_secs(3);
/// A call that takes no longer than this is not slow.
const QUICK: Duration = Duration::from_millis(100);
/// How long an endpoint is left alone that failed for the first time; twice as long each time after.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A slow endpoint is left alone for so many times as long as it took.
const REST: u32 = 4;
/// Above this many, what has long been over is dropped.
const MOST_PAUSES: usize = 10_000;

/// Which endpoints this process leaves alone for now, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Pauses(Mutex<HashMap<String, Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// How long it was, if it was for a failure.
    length: Duration,
}

impl Pauses {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Pause>> {
        self.0.lock().expect("no holder panics")
    }

    fn holds(&self, endpoint: &str, now: Instant) -> bool {
        self.all()
            .get(endpoint)
            .is_some_and(|pause| now < pause.until)
    }

    fn failed(&self, endpoint: &str, now: Instant) {
        let mut all = self.all();
        if all.len() >= MOST_PAUSES {
            all.retain(|_, pause| now < pause.until + LONGEST_PAUSE);
        }
        let before = all.get(endpoint).map_or(Duration::ZERO, |last| last.length);
        let length = (2 * before).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let until = now + length;
        all.insert(endpoint.to_owned(), Pause { until, length });
    }

    fn reached(&self, endpoint: &str) {
        self.all().remove(endpoint);
    }

    fn rest(&self, endpoint: &str, until: Instant) {
        let length = Duration::ZERO;
        self.all()
            .insert(endpoint.to_owned(), Pause { until, length });
    }
}

/// One go at sending.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    until: Instant,
    pauses: &'a Pauses,
    courses: Mutex<HashMap<String, Course>>,
}

/// How it goes with an endpoint.
#[derive(Debug, Default, Clone, Copy)]
struct Course {
    spent: Duration,
    stopped: bool,
}

impl<'a> Pass<'a> {
    /// One that begins nothing more after `time`.
    pub(crate) fn new(pauses: &'a Pauses, time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
            pauses,
            courses: Mutex::default(),
        }
    }

    fn courses(&self) -> MutexGuard<'_, HashMap<String, Course>> {
        self.courses.lock().expect("no holder panics")
    }

    /// Until when something may begin.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Whether time is up.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Whether nothing is sent to the endpoint now.
    pub(crate) fn holds(&self, endpoint: &str) -> bool {
        let course = self.courses().get(endpoint).copied().unwrap_or_default();
        course.stopped || self.is_over() || self.pauses.holds(endpoint, Instant::now())
    }

    /// Leaves the endpoint alone in this pass.
    pub(crate) fn stop(&self, endpoint: &str) {
        let mut courses = self.courses();
        courses.entry(endpoint.to_owned()).or_default().stopped = true;
    }

    /// Notes a call that failed.
    pub(crate) fn failed(&self, endpoint: &str) {
        self.stop(endpoint);
        self.pauses.failed(endpoint, Instant::now());
    }

    /// Notes a call that did what it was to do, and took so long.
    pub(crate) fn reached(&self, endpoint: &str, took: Duration) {
        self.pauses.reached(endpoint);
        let mut courses = self.courses();
        let course = courses.entry(endpoint.to_owned()).or_default();
        course.spent += took.saturating_sub(QUICK);
        if course.spent >= SHARE {
            course.stopped = true;
            self.pauses
                .rest(endpoint, Instant::now() + REST * course.spent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_with_each_failure_until_it_is_five_minutes() {
        let (pauses, mut now) = (Pauses::default(), Instant::now());
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            pauses.failed("a", now);
            let length = Duration::from_secs(seconds);
            assert!(pauses.holds("a", now + length - QUICK));
            now += length;
            assert!(!pauses.holds("a", now));
            assert!(!pauses.holds("b", now));
        }
        pauses.reached("a");
        pauses.failed("a", now);
        assert!(!pauses.holds("a", now + FIRST_PAUSE), "from the start");
    }

    #[test]
    fn a_failure_stops_an_endpoint_for_the_pass_and_for_a_while() {
        let pauses = Pauses::default();
        let pass = Pass::new(&pauses, TIME);
        assert!(!pass.holds("a"));
        pass.failed("a");
        assert!(pass.holds("a") && !pass.holds("b"));
        assert!(Pass::new(&pauses, TIME).holds("a"));
        assert!(!Pass::new(&Pauses::default(), TIME).holds("a"));
        assert!(Pass::new(&pauses, Duration::ZERO).holds("b"), "time is up");
    }

    #[test]
    fn a_slow_endpoint_has_its_share_and_a_quick_one_as_much_as_it_takes() {
        let pauses = Pauses::default();
        let pass = Pass::new(&pauses, TIME);
        for _ in 0..1_000 {
            pass.reached("quick", QUICK);
        }
        assert!(!pass.holds("quick"));
        pass.reached("slow", Duration::from_millis(1_500));
        assert!(!pass.holds("slow"));
        pass.reached("slow", Duration::from_secs(2));
        assert!(pass.holds("slow"));
        assert!(Pass::new(&pauses, TIME).holds("slow"), "it rests");
    }
}
