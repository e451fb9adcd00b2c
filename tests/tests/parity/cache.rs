//! Both targets behind one cache: they count together, and say the same.

use std::net::IpAddr;

use contacts_tests::alb::{Alb, Arrival};
use contacts_tests::client::{Client, Response};
use contacts_tests::differences::compare;
use contacts_tests::redis::Redis;
use contacts_tests::twins::Twins;
use serde_json::json;

use crate::support::{CONTACTS, anonymous, body, card, get, has_status, post};

async fn twins(redis: &Redis, rate: &str) -> Twins {
    let settings = [
        ("CONTACTS_CACHE_URL", &*redis.url()),
        ("CONTACTS_RATE_LIMIT", rate),
    ];
    let twins = Twins::with(&settings, 1).await.unwrap();
    until_connected(&twins, redis).await;
    twins
}

/// Waits until both have a connection. Each makes one when it needs it, as for a token that nobody
/// knows, and no request waits for that.
async fn until_connected(twins: &Twins, redis: &Redis) {
    const STRANGER: &str = "cm_0123456789012345678901234567890123456789012";
    let mut connections = 0;
    while connections < 2 {
        for alb in &twins.albs {
            let request = twins.dressed(get("/v1/books").bearer(STRANGER));
            let answer = alb.send(request).await;
            assert!([401, 429].contains(&answer.status), "{}", body(&answer));
        }
        let clients: String = redis.ask(&[b"CLIENT", b"LIST"]).await.unwrap();
        let of_tests = |line: &&str| line.contains("cmd=client");
        connections = clients.lines().filter(|line| !of_tests(line)).count();
    }
}

/// A request of the container's to `/metrics`: the value of a series.
async fn metric(twins: &Twins, series: &str) -> f64 {
    let answer = Client::new(twins.container.metrics)
        .send(&get("/metrics"))
        .await
        .unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    let values = text.lines().filter_map(|line| line.strip_prefix(series));
    values
        .map(|value| value.trim().parse::<f64>().unwrap())
        .sum()
}

#[tokio::test]
async fn a_token_used_up_at_one_target_is_used_up_at_the_other() {
    let redis = Redis::start().await.unwrap();
    let twins = twins(&redis, "1").await;
    let [container, lambda] = &twins.albs;
    let items = vec![json!({"op": "create", "card": card("Ada")}); 50];
    let batch = post(&format!("{CONTACTS}/batch"), &json!({"items": items}));
    has_status(&container.send(twins.dressed(batch)).await, 200);
    // Both refuse with the same bytes, but that the later one lets wait less. It owes 46 seconds.
    let refuse = async |alb: &Alb| {
        let mut refused = alb.send(twins.dressed(get("/v1/books"))).await;
        has_status(&refused, 429);
        assert_eq!(refused.text("ratelimit-policy"), Some("\"token\";q=4;w=4"));
        let wait: u64 = refused.text("retry-after").unwrap().parse().unwrap();
        assert!((2..=47).contains(&wait), "{wait}");
        refused
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("retry-after"));
        refused
    };
    compare(&refuse(container).await, &refuse(lambda).await).unwrap();
    assert!(metric(&twins, "contacts_rate_limited_total{limit=\"token\"}").await >= 1.0);
}

#[tokio::test]
async fn an_address_is_the_one_that_the_load_balancer_saw_on_both_targets() {
    let redis = Redis::start().await.unwrap();
    let twins = twins(&redis, "1").await;
    let from = |client: &str| Arrival {
        client: client.parse::<IpAddr>().unwrap(),
        ..Arrival::default()
    };
    // What a client claims to be makes no difference.
    let claimed = |number: usize| {
        let request = anonymous(get("/v1/books"));
        twins.dressed(request.header("x-forwarded-for", format!("198.51.100.{number}")))
    };
    let is_refused = |answer: &Response| {
        assert!([401, 429].contains(&answer.status), "{}", body(answer));
        answer.status == 429
    };
    for (number, alb) in twins.albs.iter().enumerate() {
        let client = format!("203.0.113.{}", 50 + number);
        let mut refused = 0;
        for number in 0..40 {
            refused += usize::from(is_refused(
                &alb.send_from(claimed(number), from(&client)).await,
            ));
        }
        assert!(refused > 10, "{refused}");
        // The other target knows of it, and nobody else is refused.
        let other = &twins.albs[1 - number];
        assert!(is_refused(
            &other.send_from(claimed(0), from(&client)).await
        ));
        let neighbour = other.send_from(claimed(0), from(&format!("203.0.113.{}", 60 + number)));
        assert!(!is_refused(&neighbour.await));
    }
}

#[tokio::test]
async fn who_wakes_to_a_dead_connection_answers_and_makes_another() {
    let mut redis = Redis::start().await.unwrap();
    let twins = twins(&redis, "10000").await;
    for _ in 0..2 {
        // The function is frozen meanwhile, as between any two requests.
        redis.kill().await.unwrap();
        has_status(&twins.same(get("/v1/books")).await, 200);
        redis.restart().await.unwrap();
        has_status(&twins.same(get("/v1/books")).await, 200);
        until_connected(&twins, &redis).await;
        redis.freeze();
        has_status(&twins.same(get("/v1/books")).await, 200);
        redis.thaw();
        has_status(&twins.same(get("/v1/books")).await, 200);
        until_connected(&twins, &redis).await;
    }
}
