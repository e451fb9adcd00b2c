//! Whatever clients send, the number of series stays what it is: each one costs memory and money.

use std::collections::BTreeSet;

use contacts_tests::client::{Client, Request};
use contacts_tests::process::Output;
use contacts_tests::twins::Twins;
use futures::StreamExt as _;
use serde_json::Value;

use crate::support::{get, twins};

/// Five requests, of which no other number has the same.
async fn invent(twins: &Twins, number: usize) {
    let requests = [
        get(&format!("/v1/books/{number}/contacts/{number}")),
        get(&format!("/nowhere/{number}?q={number}")),
        get(&format!("/v1/jobs/{number}")).header("x-request-id", format!("id-{number}")),
        get("/v1/books").bearer(&format!("cm_{number}")),
        Request::new(&format!("METHOD{number}"), format!("/v1/tokens/{number}")),
    ];
    for request in requests {
        twins.each(|_| request.clone()).await;
    }
}

async fn invent_all(twins: &Twins, numbers: std::ops::Range<usize>) {
    let each = futures::stream::iter(numbers).map(|number| invent(twins, number));
    each.buffer_unordered(4).collect::<Vec<()>>().await;
}

/// What Prometheus keeps apart: names with labels.
async fn series(twins: &Twins) -> BTreeSet<String> {
    let client = Client::new(twins.container.metrics);
    let answer = client.send(&get("/metrics")).await.unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.rsplit_once(' '));
    let names = names.map(|(name, _)| name.to_owned());
    // The machine's come when it was read, and not with requests.
    names.filter(|name| !name.starts_with("system_")).collect()
}

/// What CloudWatch keeps apart, and bills: names with dimensions.
fn billed(output: &Output) -> BTreeSet<String> {
    let lines = output.lines();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(&line.text).ok());
    let mut billed = BTreeSet::new();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            for set in directive["Dimensions"].as_array().into_iter().flatten() {
                let names = set
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let values: Vec<_> = names.map(|name| format!("{name}={}", line[name])).collect();
                for metric in directive["Metrics"].as_array().into_iter().flatten() {
                    billed.insert(format!("{} {values:?}", metric["Name"]));
                }
            }
        }
    }
    billed
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_inventions_of_clients_make_no_new_series() {
    let twins = twins().await;
    invent_all(&twins, 0..20).await;
    let first = (series(&twins).await, billed(twins.sandboxes.output()));
    assert!(!first.0.is_empty() && !first.1.is_empty());
    invent_all(&twins, 20..2_000).await;
    let last = (series(&twins).await, billed(twins.sandboxes.output()));
    let new: Vec<_> = last.0.difference(&first.0).collect();
    assert!(new.is_empty(), "Prometheus: {new:#?}");
    let new: Vec<_> = last.1.difference(&first.1).collect();
    assert!(new.is_empty(), "CloudWatch: {new:#?}");
}
