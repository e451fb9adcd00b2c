//! What `container/compose.yaml` says, before any of it is started.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use contacts_tests::repository;
use serde_json::{Value, json};

use crate::linters::yaml;

/// A service of the file.
#[derive(Debug)]
pub(crate) struct Service {
    definition: Value,
}

/// All services, by name.
pub(crate) fn services() -> Result<BTreeMap<String, Service>> {
    let file = yaml(&repository().join("container/compose.yaml"))?;
    let services = file["services"].as_object().context("there are services")?;
    let service = |(name, definition): (&String, &Value)| {
        let definition = definition.clone();
        (name.clone(), Service { definition })
    };
    Ok(services.iter().map(service).collect())
}

impl Service {
    /// Whether it runs the image of this repository.
    pub(crate) fn is_ours(&self) -> bool {
        self.definition["image"] == "contact-manager"
    }

    /// The image, without its tag.
    pub(crate) fn image(&self) -> &str {
        let image = self.definition["image"].as_str().unwrap();
        image.rsplit_once(':').map_or(image, |(name, _)| name)
    }

    /// The words of a list, none if it is missing.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        words(&self.definition[name])
    }

    /// The words of the health check, without the first, which says that it is a program.
    pub(crate) fn health_check(&self) -> Option<Vec<String>> {
        let words = words(&self.definition["healthcheck"]["test"]);
        let (first, command) = words.split_first()?;
        assert_eq!(first, "CMD");
        Some(command.to_vec())
    }

    /// The variables.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let all = self.definition["environment"].as_object();
        let pairs = all.into_iter().flatten();
        pairs
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    }

    /// What it waits for: services and conditions.
    pub(crate) fn needs(&self) -> Vec<(&str, &str)> {
        let all = self.definition["depends_on"].as_object();
        let pairs = all.into_iter().flatten();
        pairs
            .map(|(name, needed)| (&**name, needed["condition"].as_str().unwrap()))
            .collect()
    }

    /// Files and folders beside the compose file, and where they are in the container.
    pub(crate) fn volumes(&self) -> Vec<(String, String)> {
        let all = self.words("volumes");
        let parts = all.iter().map(|volume| {
            let parts: Vec<&str> = volume.split(':').collect();
            let [source, target, "ro"] = parts[..] else {
                panic!("{volume} is not source:target:ro")
            };
            (source.to_owned(), target.to_owned())
        });
        parts.collect()
    }
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_port_is_published_on_loopback_alone() {
    let services = services().unwrap();
    let published = services.values().flat_map(|one| one.words("ports"));
    let published: Vec<String> = published.collect();
    assert!(published.contains(&"127.0.0.1:8080:8080".to_owned()));
    assert!(
        published.iter().all(|port| port.starts_with("127.0.0.1:")),
        "{published:?}"
    );
}

#[test]
fn whatever_stays_has_a_health_check_and_nobody_waits_for_less() {
    let services = services().unwrap();
    for (name, service) in &services {
        for (needed, condition) in service.needs() {
            let wanted = match services[needed].health_check() {
                Some(_) => "service_healthy",
                None => "service_completed_successfully",
            };
            assert_eq!(condition, wanted, "{name} needs {needed}");
        }
    }
    let unchecked = services
        .iter()
        .filter(|(_, one)| one.health_check().is_none());
    let unchecked: Vec<_> = unchecked.map(|(name, _)| name).collect();
    assert_eq!(unchecked, ["setup"]);
}

#[test]
fn what_others_made_is_pinned_to_a_version() {
    for service in services().unwrap().values().filter(|one| !one.is_ours()) {
        let image = service.definition["image"].as_str().unwrap();
        let (_, tag) = image.rsplit_once(':').expect(image);
        let version = tag.trim_start_matches('v').split('-').next().unwrap();
        let parts: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
        assert!(
            parts.len() == 3 && parts.iter().all(Result::is_ok),
            "{image}"
        );
    }
}

#[test]
fn what_is_ours_may_do_no_more_than_it_may_on_aws() {
    let services = services().unwrap();
    let ours: Vec<_> = services.iter().filter(|(_, one)| one.is_ours()).collect();
    assert_eq!(
        ours.iter().map(|(name, _)| &***name).collect::<Vec<_>>(),
        ["api", "worker"]
    );
    for (_, service) in ours {
        let definition = &service.definition;
        assert_eq!(definition["read_only"], true);
        assert_eq!(definition["cap_drop"], json!(["ALL"]));
        assert_eq!(
            definition["security_opt"],
            json!(["no-new-privileges:true"])
        );
        assert_eq!(definition["user"], Value::Null, "the image's is right");
        assert!(["build", "never"].contains(&definition["pull_policy"].as_str().unwrap()));
    }
}

#[test]
fn dynamodb_is_started_as_the_tests_start_it() {
    let services = services().unwrap();
    let script = std::fs::read_to_string(repository().join("tests/npm/dynamodb-local.mjs"));
    let script = script.unwrap();
    for word in services["dynamodb"].words("command") {
        let known = script.contains(&word) || word == "8000" && script.contains("PORT = 8000");
        assert!(known, "{word}");
    }
}
