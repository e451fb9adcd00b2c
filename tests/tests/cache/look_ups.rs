//! Look-ups, as the crate gives them, over the real server.

use aws_config::SdkConfig;
use contacts_cache::{Cache, LIFE, Memory};
use contacts_tests::redis::Redis;

async fn memory(redis: &Redis) -> Memory<u32> {
    Memory::new("number", redis.cache("table").await.unwrap())
}

async fn read(memory: &Memory<u32>, value: u32) {
    let miss = memory.recall(&["a"]).await.unwrap_err();
    memory.keep(miss, &value).await;
}

#[tokio::test]
async fn what_one_process_read_another_recalls() {
    let redis = Redis::start().await.unwrap();
    let [one, other] = [memory(&redis).await, memory(&redis).await];
    read(&one, 1).await;
    assert_eq!(other.recall(&["a"]).await.unwrap(), 1);
    assert!(other.recall(&["b"]).await.is_err());
    // Other kinds, and the same in other tables, are something else.
    let cache = redis.cache("table").await.unwrap();
    assert!(
        Memory::<u32>::new("other", cache)
            .recall(&["a"])
            .await
            .is_err()
    );
    let cache = redis.cache("another table").await.unwrap();
    assert!(
        Memory::<u32>::new("number", cache)
            .recall(&["a"])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_server_forgets_a_value_five_seconds_after_it_was_asked() {
    let redis = Redis::start().await.unwrap();
    let (seconds, micros): (u64, u64) = redis.ask(&[b"TIME"]).await.unwrap();
    let before = seconds * 1_000 + micros / 1_000;
    read(&memory(&redis).await, 1).await;
    let (seconds, micros): (u64, u64) = redis.ask(&[b"TIME"]).await.unwrap();
    let after = seconds * 1_000 + micros / 1_000;
    let (key, value) = redis.everything().await.unwrap().remove(0);
    let until: u64 = redis.ask(&[b"PEXPIRETIME", &key]).await.unwrap();
    let life = LIFE.as_millis() as u64;
    assert!((before + life..=after + life).contains(&until));
    assert_eq!(value[..8], until.to_be_bytes());
}

#[tokio::test]
async fn a_command_that_comes_too_late_keeps_nothing() {
    // What a server does that was frozen while a value grew old: the end is a moment of its own clock.
    let redis = Redis::start().await.unwrap();
    let (seconds, _): (u64, u64) = redis.ask(&[b"TIME"]).await.unwrap();
    let past = (seconds * 1_000 - 1).to_string();
    let late: [&[u8]; 6] = [b"SET", b"key", b"value", b"NX", b"PXAT", past.as_bytes()];
    redis.ask::<redis::Value>(&late).await.unwrap();
    assert!(!redis.ask::<bool>(&[b"EXISTS", b"key"]).await.unwrap());
}

#[tokio::test]
async fn a_forgotten_value_is_gone_and_no_slow_reader_brings_it_back() {
    let redis = Redis::start().await.unwrap();
    let [one, slow, third] = [
        memory(&redis).await,
        memory(&redis).await,
        memory(&redis).await,
    ];
    let miss = slow.recall(&["a"]).await.unwrap_err();
    read(&one, 1).await;
    one.forget(&["a"]).await;
    slow.keep(miss, &1).await;
    assert!(one.recall(&["a"]).await.is_err());
    assert!(third.recall(&["a"]).await.is_err());
    // Nor does one who asks now, while somebody may still hold what was true before.
    let miss = third.recall(&["a"]).await.unwrap_err();
    third.keep(miss, &1).await;
    assert!(memory(&redis).await.recall(&["a"]).await.is_err());
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_none() {
    let redis = Redis::start().await.unwrap();
    let words = Memory::<String>::new("number", redis.cache("table").await.unwrap());
    let miss = words.recall(&["a"]).await.unwrap_err();
    words.keep(miss, &"one".to_owned()).await;
    let numbers = memory(&redis).await;
    let miss = numbers.recall(&["a"]).await.unwrap_err();
    let (key, _) = redis.everything().await.unwrap().remove(0);
    redis.ask::<()>(&[b"SET", &key, b"short"]).await.unwrap();
    assert!(numbers.recall(&["a"]).await.is_err());
    numbers.keep(miss, &1).await;
    assert_eq!(numbers.recall(&["a"]).await.unwrap(), 1);
}

#[tokio::test]
async fn look_ups_work_while_the_server_is_away_and_again_when_it_is_back() {
    let mut redis = Redis::start().await.unwrap();
    let cache = redis.cache("table").await.unwrap();
    let numbers = Memory::<u32>::new("number", cache.clone());
    redis.kill().await.unwrap();
    read(&numbers, 1).await;
    assert_eq!(numbers.recall(&["a"]).await.unwrap(), 1);
    numbers.forget(&["a"]).await;
    assert!(numbers.recall(&["a"]).await.is_err());
    assert!(!cache.is_up());
    redis.restart().await.unwrap();
    crate::support::until(async || {
        let _ = numbers.recall(&["b"]).await;
        cache.is_up()
    })
    .await;
    let miss = numbers.recall(&["b"]).await.unwrap_err();
    numbers.keep(miss, &2).await;
    assert_eq!(memory(&redis).await.recall(&["b"]).await.unwrap(), 2);
}

#[tokio::test]
async fn a_frozen_server_costs_its_first_callers_some_milliseconds_and_the_next_none() {
    let redis = Redis::start().await.unwrap();
    let cache = redis.cache("table").await.unwrap();
    let numbers = Memory::<u32>::new("number", cache.clone());
    redis.freeze();
    assert!(numbers.recall(&["a"]).await.is_err());
    assert!(!cache.is_up());
    // Left alone: these do not wait. That a new connection is tried changes nothing for them.
    for number in 0..1_000_u32 {
        let parts = [&*number.to_string()];
        let miss = numbers.recall(&parts).await.unwrap_err();
        numbers.keep(miss, &number).await;
    }
    redis.thaw();
    crate::support::until(async || {
        let _ = numbers.recall(&["b"]).await;
        cache.is_up()
    })
    .await;
}

#[tokio::test]
async fn a_password_is_used_and_a_wrong_one_is_as_good_as_no_server() {
    let redis = Redis::guarded("hunter2").await.unwrap();
    read(&memory(&redis).await, 1).await;
    assert_eq!(memory(&redis).await.recall(&["a"]).await.unwrap(), 1);
    let url = redis.url().replace("hunter2", "hunter3");
    let strings = [("CONTACTS_CACHE_URL", &*url)].into_iter().collect();
    let settings = contacts_settings::Settings::read(contacts_settings::Door::Standalone, &strings);
    let cache = Cache::of(&settings.unwrap(), &SdkConfig::builder().build());
    let numbers = Memory::<u32>::new("number", cache.clone());
    read(&numbers, 2).await;
    assert_eq!(numbers.recall(&["a"]).await.unwrap(), 2);
    assert!(!cache.is_up());
}
