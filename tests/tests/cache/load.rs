//! Two processes under load, while their cache is frozen, emptied, killed and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use contacts_cache::BURST;
use contacts_tests::client::{Client, Request};
use contacts_tests::redis::Redis;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{CONTACTS, Pair, until};

/// Readers and writers of both processes, none of whom may be refused anything.
struct Load {
    over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    workers: JoinSet<()>,
}

impl Load {
    async fn start(pair: &Pair) -> Self {
        let (over, answers) = (Arc::default(), Arc::default());
        let mut workers = JoinSet::new();
        for number in 0..8 {
            let (token, _) = pair.token(&format!("worker {number}")).await;
            let clients = [0, 1].map(|api| Client::new(pair.apis[api].server.address));
            let (over, answers) = (Arc::clone(&over), Arc::clone(&answers));
            workers.spawn(work(clients, token, over, answers));
        }
        Self {
            over,
            answers,
            workers,
        }
    }

    /// Waits for so many more answers.
    async fn goes_on(&self) {
        let before = self.answers.load(Ordering::Relaxed);
        until(async || self.answers.load(Ordering::Relaxed) >= before + 200).await;
    }

    async fn ends(mut self) {
        self.over.store(true, Ordering::Relaxed);
        while let Some(worker) = self.workers.join_next().await {
            worker.unwrap();
        }
    }
}

async fn work(
    clients: [Client; 2],
    token: String,
    over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
) {
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada"}});
    for round in 0_usize.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let request = match round % 8 {
            0 => Request::new("POST", CONTACTS).json(&card),
            _ => Request::new("GET", format!("{CONTACTS}?limit=2")),
        };
        let answer = clients[round % 2]
            .send(&request.bearer(&token))
            .await
            .unwrap();
        let body = String::from_utf8_lossy(&answer.body);
        assert!(
            (200..300).contains(&answer.status),
            "{}: {body}",
            answer.status
        );
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn no_request_fails_whatever_becomes_of_the_cache() {
    let mut pair = Pair::start(Redis::start().await.unwrap(), 10_000).await;
    pair.until_cache_is(true).await;
    let load = Load::start(&pair).await;
    load.goes_on().await;

    for _ in 0..5 {
        pair.redis.flush().await.unwrap();
        load.goes_on().await;
    }
    for _ in 0..2 {
        pair.redis.freeze();
        pair.until_cache_is(false).await;
        load.goes_on().await;
        pair.redis.thaw();
        pair.until_cache_is(true).await;
        load.goes_on().await;
    }
    pair.redis.kill().await.unwrap();
    pair.until_cache_is(false).await;
    load.goes_on().await;
    pair.redis.restart().await.unwrap();
    pair.until_cache_is(true).await;
    load.goes_on().await;

    load.ends().await;
    for api in &pair.apis {
        for outcome in ["hit", "miss", "ok", "error", "skipped"] {
            let label = format!("outcome=\"{outcome}\"");
            let seen = api.operations(&label).await;
            assert!(seen > 0.0, "{outcome} is counted");
        }
    }
}

#[tokio::test]
async fn limits_hold_whatever_becomes_of_the_cache() {
    let mut pair = Pair::start(Redis::start().await.unwrap(), 1).await;
    pair.until_cache_is(true).await;
    for step in 0..4 {
        match step {
            0 => {}
            1 => pair.redis.freeze(),
            2 => {
                pair.redis.thaw();
                pair.until_cache_is(true).await;
                pair.redis.flush().await.unwrap();
            }
            _ => pair.redis.kill().await.unwrap(),
        }
        let (token, _) = pair.token("somebody").await;
        let start = Instant::now();
        let mut served = [1; 2];
        for api in &pair.apis {
            // So many strangers asked from this address above that a new token has to wait.
            until(async || api.get(CONTACTS, &token).await.status == 200).await;
        }
        for _ in 0..40 {
            for (api, served) in pair.apis.iter().zip(&mut served) {
                let answer = api.get(CONTACTS, &token).await;
                assert!([200, 429].contains(&answer.status), "{}", answer.status);
                *served += u32::from(answer.status == 200);
            }
        }
        let most = (BURST.as_secs_f64() + start.elapsed().as_secs_f64()).floor() as u32;
        let [one, other] = served;
        if [0, 2].contains(&step) {
            assert!(
                (4..=most).contains(&(one + other)),
                "{step}: {served:?} of {most}"
            );
        } else {
            // Each by itself, and no more than it would allow alone.
            assert!((4..=most).contains(&one), "{step}: {served:?} of {most}");
            assert!((4..=most).contains(&other), "{step}: {served:?} of {most}");
        }
    }
}

#[tokio::test]
async fn a_start_needs_no_cache() {
    let mut redis = Redis::start().await.unwrap();
    redis.kill().await.unwrap();
    let mut pair = Pair::start(redis, 100).await;
    let (token, _) = pair.token("somebody").await;
    for api in &pair.apis {
        assert_eq!(api.get(CONTACTS, &token).await.status, 200);
        assert_eq!(api.get("/ready", "").await.status, 200);
    }
    pair.redis.restart().await.unwrap();
    pair.until_cache_is(true).await;
}
