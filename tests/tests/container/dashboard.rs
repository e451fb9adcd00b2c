//! The dashboard that Grafana is given. Grafana itself is in no package: its queries are put to Prometheus.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use contacts_tests::client::{Client, Request};
use contacts_tests::repository;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::linters::yaml;

fn dashboard() -> Result<Value> {
    let path = repository().join("container/compose/grafana/dashboards/contact-manager.json");
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// What its panels ask.
pub(crate) fn queries() -> Result<Vec<String>> {
    let mut queries = Vec::new();
    for panel in dashboard()?["panels"].as_array().context("panels")? {
        for target in panel["targets"].as_array().context("targets")? {
            queries.push(target["expr"].as_str().context("PromQL")?.to_owned());
        }
    }
    Ok(queries)
}

/// Whether Prometheus has a number for a query.
pub(crate) async fn finds_something(prometheus: &Client, query: &str) -> Result<bool> {
    let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let path = format!("/api/v1/query?query={encoded}");
    let found = prometheus.send(&Request::new("GET", &path)).await?.json()?;
    ensure!(found["status"] == "success", "{query}: {found}");
    let series = found["data"]["result"].as_array().context("series")?;
    Ok(series.iter().any(|one| one["value"][1] != "NaN"))
}

/// A query that falls back to zero finds something even if nothing is called so.
#[test]
fn panels_ask_for_metrics_that_are_written() {
    let known = fs::read_to_string(repository().join("docs/METRICS.md")).unwrap();
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for query in queries().unwrap() {
        let words = query.split(|c| !of_name(c));
        let names =
            words.filter(|word| word.starts_with("contacts_") || word.starts_with("process_"));
        for name in names {
            let base = name.trim_end_matches("_bucket").trim_end_matches("_sum");
            assert!(known.contains(&format!("| `{base}` |")), "{base}: {query}");
        }
    }
}

#[test]
fn each_panel_has_a_place_and_a_source_that_grafana_is_given() {
    let folder = repository().join("container/compose/grafana/provisioning");
    let sources = yaml(&folder.join("datasources/prometheus.yaml")).unwrap();
    let source = &sources["datasources"][0];
    let dashboard = dashboard().unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut places = Vec::new();
    for panel in panels {
        assert_eq!(panel["datasource"]["uid"], source["uid"], "{panel}");
        assert_eq!(panel["datasource"]["type"], source["type"], "{panel}");
        let place = &panel["gridPos"];
        places.push((place["x"].as_u64().unwrap(), place["y"].as_u64().unwrap()));
        // Grafana's grid has 24 columns.
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), panels.len());
}
