//! The list of alerts against what was applied of it: each alert is watched on each target, or the list says why not.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use contacts_tests::{repository, tools::program};
use serde_json::Value;

use crate::applied::{Applied, LIVE, list, text};

/// Where the API may run.
const TARGETS: [&str; 3] = ["lambda", "fargate", "ec2"];

/// An alert of the list, and by what it is watched where.
struct Alert {
    name: String,
    severity: String,
    summary: String,
    needs_traffic: bool,
    ways: Vec<(String, Way)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Rule,
    Alarms,
    Event,
    Elsewhere,
    Excluded,
}

/// The list, read line by line: as Terraform reads it, it is a template.
fn alerts() -> Vec<Alert> {
    let document = fs::read_to_string(repository().join("infra/modules/alerts/alerts.yaml"));
    let document = document.unwrap();
    let mut all: Vec<Alert> = Vec::new();
    for line in document.lines() {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("  - name: ") {
            all.push(Alert {
                name: name.to_owned(),
                severity: String::new(),
                summary: String::new(),
                needs_traffic: false,
                ways: Vec::new(),
            });
            continue;
        }
        let Some(alert) = all.last_mut() else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let (key, value) = line.trim_start().split_once(':').unwrap_or_default();
        match (indent, key) {
            (4, "severity") => alert.severity = value.trim().to_owned(),
            (4, "needs") => alert.needs_traffic = value.trim() == "traffic",
            (4, "summary") => alert.summary = value.trim().to_owned(),
            // A comment, or a word of none.
            (6, key) if !key.contains('#') && value.is_empty() => {
                alert.ways.push((key.to_owned(), Way::Excluded));
            }
            (8, key) => {
                let way = match key {
                    "expr" => Way::Rule,
                    "alarms" => Way::Alarms,
                    "event" => Way::Event,
                    "elsewhere" => Way::Elsewhere,
                    "excluded" => Way::Excluded,
                    _ => continue,
                };
                let reasoned = !matches!(way, Way::Excluded | Way::Elsewhere) || value.len() > 20;
                assert!(reasoned, "{} says no reason: {line}", alert.name);
                alert.ways.last_mut().unwrap().1 = way;
            }
            _ => {}
        }
    }
    all
}

impl Alert {
    /// By what it is watched on a target.
    fn on(&self, target: &str) -> Option<Way> {
        let group = ["fargate", "ec2"].contains(&target).then_some("containers");
        let is = |name: &str| [Some(target), group, Some("shared")].contains(&Some(name));
        self.ways
            .iter()
            .find(|(name, _)| is(name))
            .map(|(_, way)| *way)
    }

    /// By what it is watched there now: nobody needs to hear that too few tasks do nothing.
    fn now_on(&self, target: &str) -> Option<Way> {
        let idle = self.needs_traffic && target != LIVE;
        self.on(target).filter(|_| !idle)
    }

    fn is_shared(&self) -> bool {
        self.ways.iter().any(|(name, _)| name == "shared")
    }

    /// How the names of its alarms begin and end.
    fn is_named(&self, alarm: &str, target: &str) -> bool {
        let Some(rest) = alarm.strip_prefix("contact-manager dev ") else {
            return false;
        };
        let begins = rest
            .strip_prefix(&format!("{} {}", self.severity, self.name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        begins && (self.is_shared() || alarm.ends_with(&format!(" on {target}")))
    }

    fn rule_of_events(&self, target: &str) -> String {
        format!("contact-manager-dev-{target}-{}", self.name.to_lowercase())
    }
}

/// The rules of `EventBridge`, each with its target.
fn events(applied: &Applied) -> Vec<(&str, &Value)> {
    let of = |kind: &'static str| {
        applied
            .resources
            .iter()
            .filter(move |one| one["type"] == kind)
            .map(|one| &one["values"])
    };
    of("aws_cloudwatch_event_rule")
        .map(|rule| {
            let target = of("aws_cloudwatch_event_target").find(|one| one["rule"] == rule["name"]);
            (text(&rule["name"]), target.unwrap())
        })
        .collect()
}

#[test]
fn every_alert_is_watched_on_every_target_or_the_list_says_why_not() {
    let applied = Applied::everywhere();
    let alerts = alerts();
    assert!(alerts.len() > 20, "the list is read");
    let (mut alarms, mut rules) = (BTreeSet::new(), BTreeSet::new());
    let mut told = BTreeSet::new();
    for target in TARGETS {
        for alert in &alerts {
            let pair = format!("{} on {target}", alert.name);
            assert!(alert.on(target).is_some(), "{pair}: missing");
            let way = alert.now_on(target);
            let found_rules = applied.rules(target);
            let found_rules = found_rules
                .iter()
                .filter(|rule| rule["alert"] == alert.name.as_str())
                .count();
            assert_eq!(found_rules == 1, way == Some(Way::Rule), "{pair}");
            rules.extend((found_rules == 1).then_some((target, alert.name.as_str())));

            let found: Vec<_> = applied
                .alarms()
                .into_iter()
                .filter(|alarm| alert.is_named(alarm, target))
                .collect();
            let watched = way == Some(Way::Alarms);
            assert_eq!(!found.is_empty(), watched, "{pair}: {found:?}");
            alarms.extend(found);

            let name = alert.rule_of_events(target);
            let found = events(applied).iter().any(|(rule, _)| *rule == name);
            assert_eq!(found, way == Some(Way::Event), "{pair}");
            told.extend(found.then_some(name));
        }
    }
    // And nothing is watched that the list does not have.
    assert_eq!(alarms, applied.alarms().into_iter().collect());
    assert_eq!(told.len(), events(applied).len());
    let all: usize = TARGETS
        .map(|target| applied.rules(target).len())
        .iter()
        .sum();
    assert_eq!(rules.len(), all);
}

#[test]
fn one_alarm_of_each_alert_tells_and_it_also_tells_the_end() {
    let applied = Applied::everywhere();
    let kinds =
        ["MetricAlarms", "CompositeAlarms"].map(|kind| list(&applied.watched["alarms"][kind]));
    let tells = |alarm: &&Value| !list(&alarm["AlarmActions"]).is_empty();
    let names: Vec<_> = kinds
        .iter()
        .flat_map(|alarms| alarms.iter().filter(tells))
        .map(|alarm| {
            assert_eq!(alarm["AlarmActions"], alarm["OKActions"]);
            text(&alarm["AlarmName"])
        })
        .collect();
    for alert in &alerts() {
        for target in TARGETS {
            let tell = names.iter().filter(|name| alert.is_named(name, target));
            let wanted = usize::from(alert.now_on(target) == Some(Way::Alarms));
            assert_eq!(tell.count(), wanted, "{} on {target}", alert.name);
        }
    }
    // What tells together names parts that are there.
    for alarm in kinds[1] {
        let parts: Vec<_> = text(&alarm["AlarmRule"])
            .split('"')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(parts.len() > 1, "{alarm}");
        assert!(
            parts.iter().all(|part| applied.alarms().contains(part)),
            "{alarm}"
        );
    }
}

#[test]
fn an_event_says_when_and_of_what_in_lines_that_eventbridge_fills_in() {
    let applied = Applied::everywhere();
    for (rule, target) in events(applied) {
        let transformer = &target["input_transformer"][0];
        let template = text(&transformer["input_template"]);
        // Each line is a text of its own, and a placeholder stands in its brackets.
        for line in template.lines() {
            let inside = line
                .strip_prefix('"')
                .and_then(|line| line.strip_suffix('"'));
            let inside = inside.unwrap_or_else(|| panic!("{rule}: {line}"));
            assert!(!inside.contains(['"', '\\']), "{rule}: {line}");
        }
        for name in transformer["input_paths"].as_object().unwrap().keys() {
            assert!(
                template.contains(&format!("<{name}>")),
                "{rule}: {name} is not said"
            );
        }
        assert!(
            template.starts_with("\"[contact-manager dev] P3 SpotReclaimed: "),
            "{template}"
        );
        assert!(text(&target["arn"]).ends_with(":contact-manager-dev-alerts"));
    }
}

#[test]
fn the_readme_says_how_each_alert_is_watched() {
    let readme = fs::read_to_string(repository().join("infra/modules/alerts/README.md")).unwrap();
    let rows: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("` | P"))
        .collect();
    let wanted: Vec<_> = alerts()
        .iter()
        .map(|alert| {
            let [lambda, containers] = ["lambda", "fargate"].map(|target| match alert.on(target) {
                Some(Way::Rule) => "rule",
                Some(Way::Alarms) => "alarm",
                Some(Way::Event) => "event",
                Some(Way::Elsewhere) => "AWS Budgets",
                Some(Way::Excluded) | None => "–",
            });
            let Alert {
                name,
                severity,
                summary,
                ..
            } = alert;
            format!("| `{name}` | {severity} | {summary} | {lambda} | {containers} |")
        })
        .collect();
    assert_eq!(rows, wanted);
}

/// What the bill says of the alarms that are about a target. AWS bills an alarm by the metrics it looks at, and one that
/// is composed of others as one.
fn is_billed(applied: &Applied, target: &str) {
    let elsewhere = |alarm: &Value| {
        let name = text(&alarm["AlarmName"]);
        let others = TARGETS.iter().filter(|other| **other != target);
        others
            .into_iter()
            .any(|other| name.ends_with(&format!(" on {other}")))
    };
    let of = |kind: &str| {
        let alarms = list(&applied.watched["alarms"][kind]).iter();
        alarms
            .filter(|alarm| !elsewhere(alarm))
            .cloned()
            .collect::<Vec<_>>()
    };
    let metrics = of("MetricAlarms")
        .iter()
        .flat_map(|alarm| list(&alarm["Metrics"]))
        .filter(|query| query.get("MetricStat").is_some() || query.get("Period").is_some())
        .count();
    let counted = format!("\"{target}\": ({metrics}, {})", of("CompositeAlarms").len());
    let bill = repository().join("infra/tools/contact_manager_infra/bill.py");
    let bill = fs::read_to_string(bill).unwrap();
    assert!(bill.contains(&counted), "ALARMS wants {counted}");
}

#[test]
fn the_bill_counts_the_alarms_of_containers() {
    for target in ["fargate", "ec2"] {
        is_billed(Applied::everywhere(), target);
    }
}

#[test]
fn a_second_plan_is_empty() {
    assert!(!Applied::everywhere().unsettled);
}

#[test]
fn both_targets_with_containers_have_the_same_rules_but_for_what_is_idle() {
    let applied = Applied::everywhere();
    let mut live = applied.rules("fargate");
    let idle = alerts().into_iter().filter(|alert| alert.needs_traffic);
    let idle: Vec<_> = idle.map(|alert| alert.name).collect();
    live.retain(|rule| !idle.iter().any(|name| *name == rule["alert"]));
    let as_fargate: Vec<Value> = applied
        .rules("ec2")
        .iter()
        .map(|rule| {
            let rule = rule.to_string().replace("-ec2-", "-fargate-");
            serde_json::from_str(&rule.replace("\"ec2\"", "\"fargate\"")).unwrap()
        })
        .collect();
    assert_eq!(live, as_fargate);
}

fn accepts(tool: &str, arguments: &[&str], document: &Path) {
    let done = Command::new(program(&[tool]).unwrap())
        .args(arguments)
        .arg(document)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(
        done.status.success(),
        "{tool}: {}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn promtool_and_amtool_accept_what_was_applied() {
    let applied = Applied::everywhere();
    for (name, rules) in applied.workspace()["rules"].as_object().unwrap() {
        let path = applied.file(&format!("{name}.yaml"), text(rules));
        accepts("promtool", &["check", "rules"], &path);
    }
    let definition = &applied.workspace()["definition"];
    for (name, template) in definition["template_files"].as_object().unwrap() {
        applied.file(name, text(template));
    }
    let config = text(&definition["alertmanager_config"]);
    accepts(
        "amtool",
        &["check-config"],
        &applied.file("alertmanager.yaml", config),
    );
}

#[test]
fn an_environment_on_lambda_alone_has_no_rule_and_asks_nothing_of_tasks() {
    let applied = Applied::to(&["lambda"], "lambda");
    let rules = &applied.workspace()["rules"];
    assert!(rules.as_object().unwrap().is_empty(), "{rules}");
    for alarm in applied.alarms() {
        assert!(
            !["on fargate", "on ec2"]
                .iter()
                .any(|side| alarm.ends_with(side)),
            "{alarm}"
        );
    }
    let alarms = applied.watched["alarms"].to_string();
    for of_containers in ["AWS/ECS", "AWS/Prometheus"] {
        assert!(!alarms.contains(of_containers), "{of_containers}");
    }
    assert!(
        applied
            .alarms()
            .contains(&"contact-manager dev P1 Down on lambda")
    );
    is_billed(&applied, "lambda");
    assert!(!applied.unsettled);
}
