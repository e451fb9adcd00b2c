//! How much somebody may ask for in a while, counted for all processes together.

mod bucket;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contacts_telemetry::{CacheOperation, CacheOutcome};
use tokio::time::Instant;

use crate::{Cache, Key};
use bucket::{Rule, take};

/// As much as may be used at once: what the rate gives in this time.
pub const BURST: Duration = Duration::from_secs(4);

/// Buckets remembered by a process. Above it, full ones are dropped, and all if that does not free
/// half: then a process knows for a moment only what the server knows.
const MOST: usize = 20_000;

const SCRIPT: &str = include_str!("limit/take.lua");

/// Whether there is room in a bucket, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// There was.
    pub allowed: bool,
    /// Units that can be used now.
    pub remaining: u64,
    /// How long until there is room for one; zero if there is.
    pub wait: Duration,
    /// How long until the bucket is as full as it gets.
    pub full: Duration,
}

/// Buckets of one rate, each with room for [`BURST`].
///
/// The server counts for all processes. Each process also remembers what it was told: what it knows
/// to be exhausted it refuses without asking, and while the server is away, or has lost its memory,
/// it goes on from there at the same rate.
#[derive(Debug)]
pub struct Limiter {
    cache: Cache,
    rule: Rule,
    start: Instant,
    /// When each bucket is full again, in microseconds since `start`.
    buckets: Mutex<HashMap<Key, u64>>,
}

impl Limiter {
    /// Buckets of `rate` units per second behind `cache`.
    #[must_use]
    pub fn new(rate: NonZeroU32, cache: Cache) -> Self {
        Self {
            cache,
            rule: Rule::per_second(rate),
            start: Instant::now(),
            buckets: Mutex::default(),
        }
    }

    /// Units that a full bucket holds.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.rule.burst()
    }

    /// The bucket of somebody, such as a token or an address.
    #[must_use]
    pub fn key(&self, kind: &str, who: &str) -> Key {
        self.cache.key("limit", &[kind, who])
    }

    /// Takes a unit, if there is one.
    pub async fn admit(&self, key: &Key) -> Verdict {
        self.take(key, 1, 1).await
    }

    /// Whether there is a unit.
    pub async fn check(&self, key: &Key) -> Verdict {
        self.take(key, 1, 0).await
    }

    /// Takes units for what was admitted before. There need not be so many: the bucket then owes
    /// them, and admits nothing until they are paid. Only who owes already is refused.
    pub async fn charge(&self, key: &Key, units: u32) -> Verdict {
        self.take(key, 0, units).await
    }

    async fn take(&self, key: &Key, room: u32, units: u32) -> Verdict {
        let (room, cost) = (self.rule.cost(room), self.rule.cost(units));
        let known = self.known(key);
        if known + room > self.rule.fits() {
            return self.rule.verdict(false, known);
        }
        let shared = self.ask(key, room, cost).await;
        let now = self.now();
        let mut buckets = self.buckets(now);
        let full_until = buckets.entry(*key).or_insert(now);
        let allowed = match shared {
            Some((false, _)) => false,
            // What others took meanwhile, this process learns now.
            Some((true, _)) => {
                *full_until = now.max(*full_until) + cost;
                true
            }
            None => take(&self.rule, full_until, now, room, cost),
        };
        if let Some((_, ahead)) = shared {
            *full_until = (*full_until).max(now + ahead);
        }
        let ahead = full_until.saturating_sub(now);
        if ahead == 0 {
            buckets.remove(key);
        }
        self.rule.verdict(allowed, ahead)
    }

    /// What the server says: whether it allows it, and how far the bucket is ahead then.
    async fn ask(&self, key: &Key, room: u64, cost: u64) -> Option<(bool, u64)> {
        const TAKE: CacheOperation = CacheOperation::Take;
        let shared = self.cache.0.as_ref()?;
        let mut ask = redis::pipe();
        ask.cmd("EVAL").arg(SCRIPT).arg(1).arg(key.as_bytes());
        ask.arg(room).arg(self.rule.fits()).arg(cost);
        let ((allowed, ahead),): ((bool, u64),) = shared.link.call(TAKE, &ask).await?;
        contacts_telemetry::cache_operation(TAKE, CacheOutcome::Ok);
        Some((allowed, ahead))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// How far the bucket is ahead of the clock, as far as this process knows.
    fn known(&self, key: &Key) -> u64 {
        let now = self.now();
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets
            .get(key)
            .map_or(0, |full_until| full_until.saturating_sub(now))
    }

    fn buckets(&self, now: u64) -> MutexGuard<'_, HashMap<Key, u64>> {
        // Every change is a single step: a panic elsewhere leaves nothing half done.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, full_until| *full_until > now);
            if buckets.len() > MOST / 2 {
                buckets.clear();
            }
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn limiter(rate: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(rate).unwrap(), Cache::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_alone_keeps_the_rate() {
        let limiter = limiter(2);
        let (one, other) = (limiter.key("token", "one"), limiter.key("token", "other"));
        for left in (0..8).rev() {
            let verdict = limiter.admit(&one).await;
            assert!(verdict.allowed);
            assert_eq!(verdict.remaining, left);
        }
        let refused = limiter.admit(&one).await;
        assert!(!refused.allowed);
        assert_eq!(refused.wait, Duration::from_millis(500));
        assert_eq!(refused.full, BURST);
        assert!(limiter.admit(&other).await.allowed);
        advance(Duration::from_millis(499)).await;
        assert!(!limiter.admit(&one).await.allowed);
        advance(Duration::from_millis(1)).await;
        assert!(limiter.admit(&one).await.allowed);
        assert!(!limiter.admit(&one).await.allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn looking_costs_nothing() {
        let limiter = limiter(1);
        let key = limiter.key("address", "a");
        for _ in 0..10 {
            assert!(limiter.check(&key).await.allowed);
        }
        for _ in 0..4 {
            assert!(limiter.admit(&key).await.allowed);
        }
        assert!(!limiter.check(&key).await.allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_owed_is_paid_before_more_is_admitted() {
        let limiter = limiter(1);
        let key = limiter.key("token", "a");
        assert!(limiter.admit(&key).await.allowed);
        assert!(limiter.charge(&key, 199).await.allowed);
        assert!(!limiter.charge(&key, 1).await.allowed);
        let refused = limiter.admit(&key).await;
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
        advance(refused.wait - Duration::from_micros(1)).await;
        assert!(!limiter.admit(&key).await.allowed);
        advance(Duration::from_micros(1)).await;
        assert!(limiter.admit(&key).await.allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_remembers_no_more_than_it_should() {
        let limiter = limiter(1);
        for number in 0..MOST + 10 {
            let key = limiter.key("address", &number.to_string());
            assert!(limiter.admit(&key).await.allowed);
        }
        assert!(limiter.buckets(limiter.now()).len() <= MOST);
    }
}
