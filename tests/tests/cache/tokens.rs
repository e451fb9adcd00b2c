//! Tokens and books in two processes that share a cache.

use std::time::Instant;

use contacts_cache::LIFE;
use contacts_tests::client::Request;
use contacts_tests::redis::Redis;
use serde_json::json;

use crate::support::{Api, BOOKS, CONTACTS, Pair, until};

async fn pair(rate: u32) -> Pair {
    let pair = Pair::start(Redis::start().await.unwrap(), rate).await;
    pair.until_cache_is(true).await;
    pair
}

async fn delete(api: &Api, path: &str, token: &str) -> u16 {
    let request = Request::new("DELETE", path).bearer(token);
    api.client.send(&request).await.unwrap().status
}

#[tokio::test]
async fn what_one_process_looked_up_the_other_need_not() {
    let pair = pair(0).await;
    let [one, other] = &pair.apis;
    let (token, _) = pair.token("somebody").await;
    assert_eq!(one.get(CONTACTS, &token).await.status, 200);
    // The default book was made by that request; this one finds that it is theirs.
    assert_eq!(one.get(CONTACTS, &token).await.status, 200);
    let (hits, calls) = (other.hits().await, other.metric(GETS).await);
    assert_eq!(other.get(CONTACTS, &token).await.status, 200);
    assert_eq!(
        other.hits().await - hits,
        2.0,
        "the token, and whose book it is"
    );
    assert_eq!(
        other.metric(GETS).await,
        calls,
        "neither was read from the table"
    );
}

const GETS: &str = "contacts_dynamodb_calls_total{operation=\"GetItem\"";

#[tokio::test]
async fn a_revoked_token_works_nowhere_after_five_seconds() {
    let pair = pair(0).await;
    let [one, other] = &pair.apis;
    let (owner, _) = pair.token("somebody").await;
    let (token, id) = pair.token("somebody").await;
    for api in &pair.apis {
        assert_eq!(api.get(BOOKS, &token).await.status, 200);
    }
    let path = format!("/v1/tokens/{id}");
    assert_eq!(delete(one, &path, &owner).await, 204);
    let revoked = Instant::now();
    assert_eq!(one.get(BOOKS, &token).await.status, 401);
    let mut worked = revoked;
    while revoked.elapsed() < 2 * LIFE {
        // Used all the time, so that whoever remembers it too long would be found out.
        let sent = Instant::now();
        match other.get(BOOKS, &token).await.status {
            200 => worked = sent,
            status => assert_eq!(status, 401),
        }
        assert_eq!(one.get(BOOKS, &token).await.status, 401);
    }
    assert!(worked - revoked <= LIFE, "{:?}", worked - revoked);
}

#[tokio::test]
async fn a_token_revoked_while_the_cache_is_frozen_stays_revoked_when_it_wakes() {
    let pair = pair(0).await;
    let [one, other] = &pair.apis;
    let (owner, _) = pair.token("somebody").await;
    let (token, id) = pair.token("somebody").await;
    assert_eq!(one.get(BOOKS, &owner).await.status, 200);
    assert_eq!(one.get(BOOKS, &token).await.status, 200);
    pair.redis.freeze();
    assert_eq!(delete(one, &format!("/v1/tokens/{id}"), &owner).await, 204);
    let revoked = Instant::now();
    assert_eq!(other.get(BOOKS, &token).await.status, 401);
    until(async || revoked.elapsed() > LIFE).await;
    pair.redis.thaw();
    pair.until_cache_is(true).await;
    for _ in 0..50 {
        for api in &pair.apis {
            assert_eq!(api.get(BOOKS, &token).await.status, 401);
        }
    }
}

#[tokio::test]
async fn a_deleted_book_is_gone_where_it_was_deleted_and_from_the_cache() {
    let pair = pair(0).await;
    let [one, other] = &pair.apis;
    let (token, _) = pair.token("somebody").await;
    let made = Request::new("POST", BOOKS).json(&json!({"name": "short-lived"}));
    let made = one.client.send(&made.bearer(&token)).await.unwrap();
    let book = format!("{BOOKS}/{}", made.json().unwrap()["id"].as_str().unwrap());
    let contacts = format!("{book}/contacts");
    assert_eq!(one.get(&contacts, &token).await.status, 200);
    assert_eq!(delete(one, &book, &token).await, 204);
    for api in [one, other] {
        assert_eq!(api.get(&contacts, &token).await.status, 404);
    }
}

#[tokio::test]
async fn nobody_can_read_a_secret_or_a_name_in_the_cache() {
    let pair = pair(10).await;
    let (token, id) = pair.token("somebody").await;
    for api in &pair.apis {
        for _ in 0..3 {
            assert_eq!(api.get(CONTACTS, &token).await.status, 200);
            assert_eq!(
                api.get(CONTACTS, &token.replace("cm_", "cm_x"))
                    .await
                    .status,
                401
            );
        }
    }
    // What this one owes is kept for twenty seconds.
    let batch = Request::new("POST", format!("{CONTACTS}/batch"));
    let batch = batch.json(&json!({"items": vec![json!({"op": "none"}); 200]}));
    let answer = pair.apis[0].client.send(&batch.bearer(&token)).await;
    assert_eq!(answer.unwrap().status, 200);
    let all = pair.redis.everything().await.unwrap();
    assert!(all.len() >= 3, "a token, a membership, a bucket");
    for (key, value) in &all {
        assert_eq!(key.len(), 32, "keys are hashes");
        let value = String::from_utf8_lossy(value);
        for marked in [&token, &token[3..30], "Marked Name"] {
            assert!(!value.contains(marked), "{value}");
        }
    }
    let holds = |text: &str| {
        all.iter()
            .any(|(_, value)| String::from_utf8_lossy(value).contains(text))
    };
    assert!(holds(&id) && holds("somebody"), "{all:?}");
}

#[tokio::test]
async fn the_cache_is_reached_by_tls_with_a_password_that_nobody_logs() {
    let redis = Redis::guarded("hunter2").await.unwrap();
    let (url, authority) = (redis.tls_url(), redis.authority());
    let settings = [
        ("CONTACTS_CACHE_URL", &*url),
        ("SSL_CERT_FILE", authority.to_str().unwrap()),
    ];
    let pair = Pair::with(redis, &settings, 1_000).await;
    pair.until_cache_is(true).await;
    let (token, _) = pair.token("somebody").await;
    for api in &pair.apis {
        assert_eq!(api.get(BOOKS, &token).await.status, 200);
    }
    assert!(pair.apis[1].hits().await > 0.0);
    says_nothing_of_the_password(&pair);
}

#[tokio::test]
async fn an_iam_identity_logs_in_without_a_password_that_somebody_keeps() {
    let redis = Redis::guarded("hunter2").await.unwrap();
    // ElastiCache checks what it is given; this server takes it unseen, from this user alone.
    let words: [&[u8]; 7] = [
        b"ACL",
        b"SETUSER",
        b"contacts",
        b"on",
        b"nopass",
        b"~*",
        b"+@all",
    ];
    redis.ask::<()>(&words).await.unwrap();
    let url = redis.tls_url().replace(":hunter2@", "contacts@") + "?iam=contacts-prod";
    let authority = redis.authority();
    let settings = [
        ("CONTACTS_CACHE_URL", &*url),
        ("SSL_CERT_FILE", authority.to_str().unwrap()),
    ];
    let pair = Pair::with(redis, &settings, 1_000).await;
    pair.until_cache_is(true).await;
    let (token, _) = pair.token("somebody").await;
    for api in &pair.apis {
        assert_eq!(api.get(BOOKS, &token).await.status, 200);
    }
    assert!(pair.apis[1].hits().await > 0.0);
    let clients: String = pair.redis.ask(&[b"CLIENT", b"LIST"]).await.unwrap();
    assert_eq!(clients.matches("user=contacts ").count(), 2, "{clients}");
    for api in &pair.apis {
        let said = api.server.process.output().to_string();
        assert!(!said.contains("X-Amz-Signature"), "{said}");
    }
}

#[tokio::test]
async fn a_cache_that_nobody_vouches_for_is_as_good_as_none() {
    let redis = Redis::guarded("hunter2").await.unwrap();
    let url = redis.tls_url();
    let pair = Pair::with(redis, &[("CONTACTS_CACHE_URL", &url)], 1_000).await;
    let (token, _) = pair.token("somebody").await;
    for api in &pair.apis {
        assert_eq!(api.get(BOOKS, &token).await.status, 200);
        let output = api.server.process.output();
        let told = output.wait_for(|line| line.text.contains("the cache is away"));
        assert!(told.await.unwrap().text.contains("certificate"));
        assert_eq!(api.metric("contacts_cache_up").await, 0.0);
    }
    says_nothing_of_the_password(&pair);
}

fn says_nothing_of_the_password(pair: &Pair) {
    for api in &pair.apis {
        let said = api.server.process.output().to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}
