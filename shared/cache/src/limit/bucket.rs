//! The generic cell rate algorithm (ITU-T I.371, annex A, "virtual scheduling"): a bucket is one
//! moment, that until which what was taken would have to be spread at the steady rate.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{BURST, Verdict};

/// What a bucket holds and how fast it refills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Microseconds that one unit stands for, rounded up: the rate is kept, never exceeded.
    unit: u64,
    /// Units.
    burst: u64,
}

impl Rule {
    pub(super) fn per_second(rate: NonZeroU32) -> Self {
        Self {
            unit: 1_000_000_u64.div_ceil(rate.get().into()),
            burst: u64::from(rate.get()) * BURST.as_secs(),
        }
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    /// Microseconds that so many units stand for.
    pub(super) fn cost(&self, units: u32) -> u64 {
        self.unit * u64::from(units)
    }

    /// Microseconds that a bucket may be ahead of the clock.
    pub(super) fn fits(&self) -> u64 {
        self.unit * self.burst
    }

    /// What is told of a bucket that is so far ahead of the clock, in microseconds.
    pub(super) fn verdict(&self, allowed: bool, ahead: u64) -> Verdict {
        let room = self.fits().saturating_sub(ahead);
        let lacking = (ahead + self.unit).saturating_sub(self.fits());
        Verdict {
            allowed,
            remaining: room / self.unit,
            wait: Duration::from_micros(lacking),
            full: Duration::from_micros(ahead),
        }
    }
}

/// Takes `cost` from a bucket that is full again at `full_until`, if there is room for `room`; whether
/// there was. All in microseconds, of one clock. The cost may be more than the room: then the bucket
/// owes the rest.
pub(super) fn take(rule: &Rule, full_until: &mut u64, now: u64, room: u64, cost: u64) -> bool {
    let ahead = full_until.saturating_sub(now);
    let allowed = ahead + room <= rule.fits();
    if allowed && cost > 0 {
        *full_until = now + ahead + cost;
    }
    allowed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(rate: u32) -> Rule {
        Rule::per_second(NonZeroU32::new(rate).unwrap())
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_the_burst_and_the_rate(
            rate in 1_u32..=10_000,
            pauses in prop::collection::vec(0_u64..3_000_000, 1..300),
        ) {
            let rule = rule(rate);
            let (mut bucket, mut now) = (0, 1_000_000_000);
            let mut admitted = Vec::new();
            for pause in pauses {
                // Many at once, then some time without any.
                now += pause.saturating_sub(1_000_000);
                if take(&rule, &mut bucket, now, rule.cost(1), rule.cost(1)) {
                    admitted.push(now);
                }
            }
            for (first, start) in admitted.iter().enumerate() {
                for (last, end) in admitted.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as f64;
                    let seconds = (end - start) as f64 / 1e6;
                    let most = rule.burst() as f64 + f64::from(rate) * seconds;
                    prop_assert!(count <= most + 1e-6, "{count} in {seconds} s at {rate}");
                }
            }
        }

        #[test]
        fn a_steady_client_within_the_rate_is_never_refused(rate in 1_u32..=10_000, count in 1_usize..500) {
            let rule = rule(rate);
            let (mut bucket, mut now) = (0, 0);
            for _ in 0..count {
                prop_assert!(take(&rule, &mut bucket, now, rule.cost(1), rule.cost(1)));
                now += rule.cost(1);
            }
        }

        #[test]
        fn after_the_wait_there_is_room_and_not_before(rate in 1_u32..=10_000, debt in 0_u32..500) {
            let rule = rule(rate);
            let mut bucket = 0;
            while take(&rule, &mut bucket, 0, rule.cost(1), rule.cost(1)) {}
            prop_assert!(take(&rule, &mut bucket, 0, 0, rule.cost(debt)));
            let wait = rule.verdict(false, bucket).wait.as_micros() as u64;
            let mut early = bucket;
            prop_assert!(!take(&rule, &mut early, wait - 1, rule.cost(1), rule.cost(1)));
            prop_assert!(take(&rule, &mut bucket, wait, rule.cost(1), rule.cost(1)));
        }
    }

    #[test]
    fn a_burst_is_four_seconds_of_the_rate() {
        for rate in [1, 3, 7, 50, 7_000, 10_000] {
            let rule = rule(rate);
            let mut bucket = 0;
            let burst =
                (0..).take_while(|_| take(&rule, &mut bucket, 0, rule.cost(1), rule.cost(1)));
            assert_eq!(burst.count(), 4 * rate as usize);
            assert_eq!(rule.verdict(false, bucket).remaining, 0);
        }
    }

    #[test]
    fn a_large_batch_is_possible_at_any_rate_and_is_paid_afterwards() {
        let rule = rule(1);
        let mut bucket = 0;
        assert!(take(&rule, &mut bucket, 0, rule.cost(1), rule.cost(1)));
        assert!(take(&rule, &mut bucket, 0, 0, rule.cost(199)));
        // Who owes already gets no second one.
        assert!(!take(&rule, &mut bucket, 0, 0, rule.cost(199)));
        assert_eq!(rule.verdict(false, bucket).wait, Duration::from_secs(197));
        assert_eq!(rule.verdict(false, bucket).full, Duration::from_secs(200));
    }
}
