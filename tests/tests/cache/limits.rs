//! Rate limits, as the crate keeps them, over the real server.

use std::num::NonZeroU32;
use std::time::Instant;

use contacts_cache::{BURST, Limiter};
use contacts_tests::redis::Redis;

async fn limiter(redis: &Redis, rate: u32) -> Limiter {
    let rate = NonZeroU32::new(rate).unwrap();
    Limiter::new(rate, redis.cache("table").await.unwrap())
}

/// How many of so many requests are admitted.
async fn admitted(limiter: &Limiter, requests: usize) -> usize {
    let key = limiter.key("token", "one");
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(limiter.admit(&key).await.allowed);
    }
    admitted
}

/// What a bucket may give from `start` until now.
fn most(rate: u32, start: Instant) -> usize {
    let seconds = BURST.as_secs_f64() + start.elapsed().as_secs_f64();
    (f64::from(rate) * seconds).floor() as usize
}

#[tokio::test]
async fn processes_share_one_bucket() {
    let redis = Redis::start().await.unwrap();
    let limiters = [limiter(&redis, 7).await, limiter(&redis, 7).await];
    let start = Instant::now();
    let mut all = 0;
    for round in 0..200 {
        all += admitted(&limiters[round % 2], 1).await;
    }
    assert!((28..=most(7, start)).contains(&all), "{all}");
    // What the server holds is gone as soon as the bucket is full again.
    let (key, _) = redis.everything().await.unwrap().remove(0);
    let left: i64 = redis.ask(&[b"PTTL", &key]).await.unwrap();
    assert!((1..=BURST.as_millis() as i64).contains(&left), "{left}");
}

#[tokio::test]
async fn concurrent_requests_get_no_more_than_there_is() {
    let redis = Redis::start().await.unwrap();
    let limiters = [limiter(&redis, 10).await, limiter(&redis, 10).await];
    let start = Instant::now();
    let rounds = (0..40).flat_map(|_| limiters.iter().map(|limiter| admitted(limiter, 5)));
    let all: usize = futures::future::join_all(rounds).await.into_iter().sum();
    assert!((40..=most(10, start)).contains(&all), "{all}");
}

#[tokio::test]
async fn what_one_process_owes_another_knows() {
    let redis = Redis::start().await.unwrap();
    let [one, other] = [limiter(&redis, 1).await, limiter(&redis, 1).await];
    let key = one.key("token", "one");
    assert!(one.admit(&key).await.allowed);
    assert!(one.charge(&key, 199).await.allowed);
    let refused = other.admit(&key).await;
    assert!(
        !refused.allowed && refused.wait > 190 * BURST / 4,
        "{refused:?}"
    );
    assert!(!other.charge(&key, 1).await.allowed);
    assert!(other.admit(&other.key("token", "other")).await.allowed);
}

#[tokio::test]
async fn an_emptied_server_gives_nothing_to_who_is_known_to_have_had_enough() {
    let redis = Redis::start().await.unwrap();
    let limiter = limiter(&redis, 1).await;
    let start = Instant::now();
    let mut all = admitted(&limiter, 10).await;
    for _ in 0..20 {
        redis.flush().await.unwrap();
        all += admitted(&limiter, 5).await;
    }
    assert!((4..=most(1, start)).contains(&all), "{all}");
}

#[tokio::test]
async fn a_process_goes_on_from_what_it_knows_when_the_server_goes() {
    for freezes in [true, false] {
        let mut redis = Redis::start().await.unwrap();
        let limiter = limiter(&redis, 1).await;
        let start = Instant::now();
        let mut all = admitted(&limiter, 2).await;
        if freezes {
            redis.freeze();
        } else {
            redis.kill().await.unwrap();
        }
        all += admitted(&limiter, 50).await;
        assert!((4..=most(1, start)).contains(&all), "{all}");
    }
}
