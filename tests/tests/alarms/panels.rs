//! What the dashboard shows of functions, against what they write.

use std::collections::BTreeSet;

use contacts_tests::cloudwatch::Metric;

use crate::account::Account;
use crate::functions::{API, Recordings, WORKER};

/// A metric but for the values of its dimensions: which classes of answers and ends of jobs there are, chance decides.
fn kind(metric: &Metric) -> (&str, Vec<&str>) {
    let dimensions = metric.dimensions.keys().map(String::as_str);
    (&metric.name, dimensions.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_of_functions_shows_what_they_write() {
    let account = tokio::task::spawn_blocking(Account::start);
    let (account, recordings) = tokio::join!(account, Recordings::get());
    let all = recordings.all();
    let written: BTreeSet<_> = all.iter().flat_map(|one| one.metrics()).map(kind).collect();
    let panels = account.unwrap().panels;
    let shown: Vec<_> = panels
        .iter()
        .filter(|metric| metric.namespace == "ContactManager")
        .collect();
    assert!(shown.len() > 10, "{shown:?}");
    for metric in shown {
        assert!(written.contains(&kind(metric)), "nobody writes {metric:?}");
        let service = metric.dimensions["service"].as_str();
        assert!(
            [API, WORKER].contains(&service),
            "nobody is called {service}"
        );
    }
}
