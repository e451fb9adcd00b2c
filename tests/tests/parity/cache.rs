//! Both targets behind one cache: they count together, and say the same.

use std::net::IpAddr;
use std::process::Command;

use contacts_tests::alb::{Alb, Arrival};
use contacts_tests::client::{Client, Request, Response};
use contacts_tests::differences::compare;
use contacts_tests::redis::Redis;
use contacts_tests::repository;
use contacts_tests::twins::Twins;
use serde_json::json;

use crate::support::{CONTACTS, anonymous, body, card, get, has_status, post};

/// What the site shows, and the header in which it names its client.
const SITE: (&str, &str) = ("x-contacts-site", "0123456789abcdef-0123456789abcdef");
const VIEWER: &str = "x-contacts-viewer";

async fn twins(redis: &Redis, rate: &str) -> Twins {
    let settings = [
        ("CONTACTS_CACHE_URL", &*redis.url()),
        ("CONTACTS_RATE_LIMIT", rate),
        ("CONTACTS_SITE_SECRET", SITE.1),
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

/// A request that reached the load balancer from this address.
fn from(client: &str) -> Arrival {
    Arrival {
        client: client.parse::<IpAddr>().unwrap(),
        ..Arrival::default()
    }
}

/// Whether the limit has refused a request that carries no token.
fn is_refused(answer: &Response) -> bool {
    assert!([401, 429].contains(&answer.status), "{}", body(answer));
    answer.status == 429
}

/// What the function at the edge (`infra/modules/site/viewer.js`) makes of these addresses.
fn named_by_the_site(addresses: &[&str]) -> Vec<String> {
    const RUN: &str = "
        const [path, header, ...addresses] = process.argv.slice(1);
        const code = require('fs').readFileSync(path, 'utf8').replace('${header}', header);
        const handler = new Function(code + '; return handler')();
        for (const ip of addresses) {
            const headers = { accept: { value: '*/*' }, [header]: { value: 'forged' } };
            const request = handler({ viewer: { ip }, request: { headers } });
            console.log(request.headers[header].value);
        }";
    let mut node = Command::new("node");
    node.current_dir(repository())
        .args(["-e", RUN, "infra/modules/site/viewer.js", VIEWER])
        .args(addresses);
    let ran = node.output().unwrap();
    assert!(ran.status.success(), "{}", ran.stderr.escape_ascii());
    let names = String::from_utf8(ran.stdout).unwrap();
    names.lines().map(str::to_owned).collect()
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
    // What a client claims to be makes no difference, and neither do letters that are in no address.
    let claimed = |number: usize| {
        let request = anonymous(get("/v1/books")).header(VIEWER, format!("192.0.2.{number}"));
        let request = if number.is_multiple_of(2) {
            request
        } else {
            request.header(SITE.0, SITE.1.replace('0', "1"))
        };
        twins.dressed(request.header("x-forwarded-for", format!("\u{e9}, 198.51.100.{number}")))
    };
    for (number, alb) in twins.albs.iter().enumerate() {
        let client = format!("203.0.113.{}", 50 + number);
        let mut refused = 0;
        for number in 0..40 {
            let answer = alb.send_from(claimed(number), from(&client)).await;
            refused += usize::from(is_refused(&answer));
        }
        assert!(refused > 10, "{refused}");
        // The other target knows of it: of two it grants one at most, for the time that has gone by.
        let other = &twins.albs[1 - number];
        let answers = [
            other.send_from(claimed(0), from(&client)).await,
            other.send_from(claimed(1), from(&client)).await,
        ];
        assert!(answers.iter().any(is_refused));
        // And nobody else is refused.
        let neighbour = other.send_from(claimed(0), from(&format!("203.0.113.{}", 60 + number)));
        assert!(!is_refused(&neighbour.await));
    }
}

#[tokio::test]
async fn through_the_site_an_address_is_that_of_its_viewer_on_both_targets() {
    let redis = Redis::start().await.unwrap();
    let twins = twins(&redis, "1").await;
    let through = |viewer: &str| -> Request {
        let request = anonymous(get("/v1/books")).header(SITE.0, SITE.1);
        twins.dressed(request.header(VIEWER, viewer))
    };
    // Everybody comes from the same place, and is counted alone.
    let cloudfront = from("203.0.113.70");
    for number in 0..20 {
        let [first, second] = [number, 100 + number].map(|number| format!("192.0.2.{number}"));
        let answers = [
            twins.albs[0].send_from(through(&first), cloudfront).await,
            twins.albs[1].send_from(through(&second), cloudfront).await,
        ];
        assert!(!answers.iter().any(is_refused));
        compare(&answers[0], &answers[1]).unwrap();
    }
    // One viewer who comes from many places, and from many addresses of one network, is one.
    let addresses: Vec<String> = (0..40).map(|n| format!("2001:db8:1:2::{n:x}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut refused = 0;
    for (number, viewer) in named_by_the_site(&addresses).iter().enumerate() {
        let edge = from(&format!("203.0.113.{}", 80 + number));
        let answer = twins.albs[number % 2].send_from(through(viewer), edge);
        refused += usize::from(is_refused(&answer.await));
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn the_site_names_a_viewer_by_what_the_service_counts() {
    let known = [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::6", "2001:db8:1:2::"),
        ("2001:db8::6", "2001:db8:0:0::"),
        ("2001::2:3:4:5:6:7", "2001:0:2:3::"),
        ("2001:db8:1:2:3:4:5::", "2001:db8:1:2::"),
        ("::1", "0:0:0:0::"),
    ];
    let (addresses, names): (Vec<&str>, Vec<&str>) = known.into_iter().unzip();
    assert_eq!(named_by_the_site(&addresses), names);
    assert!(names.iter().all(|name| name.parse::<IpAddr>().is_ok()));
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
