//! Each alarm against its case.

use std::collections::BTreeSet;

use contacts_tests::cloudwatch::{Alarm, Filling, Samples, Seconds, State, Watch};

use crate::account::{Account, TITLE};
use crate::functions::{API, Recording, Recordings, own};
use crate::table::{Case, Feed, cases};

const MINUTE: Seconds = 60;

/// A watch over the alarms of one alert, from minute to minute.
struct Days {
    watch: Watch,
    samples: Samples,
    now: Seconds,
    /// The alarm that matters.
    name: String,
    /// More minutes than any of them looks back.
    long: Seconds,
}

impl Days {
    fn begin(alarms: &[Alarm], case: &Case, filling: Filling) -> Self {
        // Severity and name of the alert, by which its parts begin as well.
        let alert: Vec<&str> = case.alarm.split(' ').take(2).collect();
        let alert = format!("{TITLE} {}", alert.join(" "));
        let alarms = alarms.iter().filter(|alarm| alarm.name.starts_with(&alert));
        let alarms: Vec<_> = alarms.cloned().collect();
        Self {
            long: alarms.iter().map(Alarm::looks_back).max().unwrap() / MINUTE + 1,
            watch: Watch::new(alarms, filling),
            samples: Samples::default(),
            now: 0,
            name: format!("{TITLE} {}", case.alarm),
        }
    }

    /// A minute like this.
    fn pass(&mut self, feeds: &[Feed]) {
        for feed in feeds {
            feed.give(self.now, &mut self.samples);
        }
        self.now += MINUTE;
        self.watch.look(&self.samples, self.now).unwrap();
    }

    /// Minutes like this until the alarm is in a state; how many, at most `limit`.
    fn until(&mut self, wanted: State, limit: Seconds, feeds: &[Feed]) -> Seconds {
        let begun = self.now;
        while self.state() != wanted && self.now < begun + limit * MINUTE {
            self.pass(feeds);
        }
        (self.now - begun) / MINUTE
    }

    fn state(&self) -> State {
        self.watch.state(&self.name).unwrap()
    }
}

/// What is wrong with an alarm, by its case.
fn wrong(alarms: &[Alarm], case: &Case, filling: Filling) -> Vec<String> {
    let mut days = Days::begin(alarms, case, filling);
    let long = days.long;
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{} ({filling:?}) {what}", case.alarm));
        }
    };
    days.pass(&[]);
    check(
        days.state() == case.silent,
        format!("is {} before anything was heard", days.state()),
    );
    days.until(State::Ok, long, &case.bears);
    let bears = days.until(State::Alarm, long, &case.bears);
    check(bears == long, format!("bears that for {bears} minutes"));
    let after = days.until(State::Alarm, long, &case.fires);
    check(after == case.after, format!("fires after {after} minutes"));
    let stays = days.until(State::Ok, case.after + 10, &case.fires);
    check(stays > case.after, format!("is over after {stays} minutes"));
    let resolves = days.until(State::Ok, long, &case.bears);
    check(resolves < long, "does not resolve".to_owned());
    days.until(State::Alarm, long, &case.fires);
    for _ in 0..long {
        days.pass(&[]);
    }
    check(
        days.state() == case.silent,
        format!("is {} when nothing is heard any more", days.state()),
    );
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alarm_fires_and_resolves_and_bears_what_is_below_its_threshold() {
    let account = tokio::task::spawn_blocking(Account::start);
    let (account, recordings) = tokio::join!(account, Recordings::get());
    let account = account.unwrap();
    are_what_the_cases_count_on(recordings);
    let cases = cases(recordings, &account.workspace);

    let name = |case: &Case| format!("{TITLE} {}", case.alarm);
    let tested: BTreeSet<_> = cases.iter().map(name).collect();
    let applied = account.alarms.iter().map(|alarm| alarm.name.clone());
    assert_eq!(
        tested,
        applied.collect(),
        "each alarm has a case, and each case an alarm"
    );

    let fillings = [Filling::Always, Filling::UnlessEmpty];
    let all = cases.iter();
    let all = all.flat_map(|case| fillings.map(|filling| wrong(&account.alarms, case, filling)));
    let wrong: Vec<_> = all.flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn are_what_the_cases_count_on(of: &Recordings) {
    let sum = |of: &Recording, name: &str, more| of.sum(&own(name, API, more));
    for (recording, class) in [
        (&of.answered, "2xx"),
        (&of.slow, "2xx"),
        (&of.refused, "4xx"),
        (&of.failed, "5xx"),
    ] {
        for more in [None, Some(("status_class", class))] {
            let requests = sum(recording, "contacts_http_requests_total", more);
            assert_eq!(requests, 1.0, "{recording:?}");
        }
    }
    for (recording, name) in [
        (&of.refused, "contacts_auth_failures_total"),
        (&of.throttled, "contacts_dynamodb_throttles_total"),
    ] {
        assert_eq!(sum(recording, name, None), 1.0, "{recording:?}");
    }
}
