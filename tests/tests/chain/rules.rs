//! Every rule as `promtool test rules` sees it, with what `rules.yaml` says: it fires on its fault after its time, goes
//! on while samples are missing, ends with the fault, and is silent just below its threshold.

use std::{collections::BTreeSet, process::Command};

use contacts_tests::tools::program;
use serde_json::{Value, json};

use crate::applied::{Applied, list, text, yaml};

const SAMPLE_S: u32 = 15;

/// How often rules are evaluated.
const EVALUATION_S: u32 = 30;

/// How long samples are missing at times: a minute, and a little more.
const HOLE_S: u32 = 75;

/// How long an alert that fires is watched.
const WATCHED_S: u32 = 300;

/// What is just below is watched for so long.
const BELOW_S: u32 = 3600;

/// The samples of a series, one after another: what they say, and for how many seconds. Of the holes, each beginning
/// at a second, there are none.
fn samples(phases: &[(&str, u32)], holes: &[u32]) -> String {
    let (mut now, mut total, mut said) = (0, 0.0, Vec::new());
    for (flow, seconds) in phases {
        for number in 0..seconds / SAMPLE_S {
            let values: Vec<&str> = flow.split(',').collect();
            let value = values[number as usize % values.len()];
            let sample = match (value, value.strip_suffix("/s")) {
                ("-", _) => None,
                (_, Some(each)) => {
                    total += each.parse::<f64>().unwrap() * f64::from(SAMPLE_S);
                    (total > 0.0).then(|| total.to_string())
                }
                _ => Some(value.to_owned()),
            };
            let missed = holes
                .iter()
                .any(|hole| (*hole..hole + HOLE_S).contains(&now));
            said.push(sample.filter(|_| !missed).unwrap_or_else(|| "_".to_owned()));
            now += SAMPLE_S;
        }
    }
    said.join(" ")
}

/// A series by its task and name, e.g. `api/1` and `up`.
fn series(task: &str, name: &str) -> String {
    let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
    match task.split_once('/') {
        None => format!("{name}{{{labels}"),
        Some((service, number)) => {
            let cluster = "contact-manager-dev-fargate";
            format!(
                r#"{name}{{job="contact-manager",aws_ecs_task_family="{cluster}-{service}",aws_ecs_task_arn="arn:aws:ecs:us-east-1:123456789012:task/{cluster}/{number}",{labels}"#
            )
        }
    }
}

/// A number or a word of the table.
fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn seconds(fault: &Value, name: &str) -> Option<u32> {
    fault[name].as_u64().map(|found| found.try_into().unwrap())
}

/// One of promtool's tests: whether expressions hold at some times.
fn case(name: &str, input: &[(String, String)], holds: &[(u32, String)]) -> Value {
    let input: Vec<_> = input
        .iter()
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    let holds: Vec<_> = holds
        .iter()
        .map(|(at, expr)| {
            json!({
                "eval_time": format!("{at}s"),
                "expr": expr,
                "exp_samples": [{"labels": "{}", "value": 1}],
            })
        })
        .collect();
    json!({"name": name, "interval": format!("{SAMPLE_S}s"), "input_series": input, "promql_expr_test": holds})
}

/// How often an alert fired within the last seconds, as an expression.
fn fired(alert: &str, within: u32) -> String {
    format!(
        r#"(sum(count_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[{within}s])) or vector(0))"#
    )
}

fn fires(alert: &str) -> String {
    // The evaluation of this moment.
    format!("{} == bool 1", fired(alert, EVALUATION_S / 2))
}

fn silent(alert: &str) -> String {
    format!("{} == bool 0", fired(alert, EVALUATION_S / 2))
}

/// What is tried with one rule.
fn cases(alert: &str, fault: &Value) -> [Value; 3] {
    let told = seconds(fault, "told").unwrap();
    let begins = seconds(fault, "after").unwrap_or(300);
    let lasts = seconds(fault, "lasts").unwrap_or(told + WATCHED_S);
    let over = seconds(fault, "over").unwrap();
    let (fire, ends) = (begins + told, begins + lasts);
    let input = |below: bool, holes: &[u32]| -> Vec<_> {
        list(&fault["series"])
            .iter()
            .map(|line| {
                let [before, inside, just] = [2, 3, 4].map(|at| word(&line[at]));
                let values = if below {
                    samples(&[(&just, BELOW_S)], holes)
                } else {
                    let after = over + HOLE_S + EVALUATION_S;
                    samples(
                        &[(&before, begins), (&inside, lasts), (&before, after)],
                        holes,
                    )
                };
                (series(text(&line[0]), text(&line[1])), values)
            })
            .collect()
    };
    let watched = WATCHED_S - 2 * HOLE_S;
    // One before it is told, one after.
    let holes = [begins + told / 2, fire + watched];
    let late = fire + HOLE_S + SAMPLE_S + EVALUATION_S;
    [
        case(
            &format!("{alert} is told of and is over"),
            &input(false, &[]),
            &[
                (fire - EVALUATION_S, silent(alert)),
                (fire, fires(alert)),
                (ends + over, silent(alert)),
            ],
        ),
        case(
            &format!("{alert} does not mind missing samples"),
            &input(false, &holes),
            &[(
                fire + WATCHED_S,
                format!(
                    "{} >= bool {}",
                    fired(alert, fire + WATCHED_S - late),
                    (fire + WATCHED_S - late) / EVALUATION_S
                ),
            )],
        ),
        case(
            &format!("{alert} is silent just below"),
            &input(true, &[600, 900, 2400]),
            &[(
                BELOW_S - EVALUATION_S,
                format!("{} == bool 0", fired(alert, BELOW_S)),
            )],
        ),
    ]
}

/// What happens to tasks, and the names of what fires meanwhile.
fn scene(scene: &Value) -> Value {
    let mut longest = 0;
    let input: Vec<_> = list(&scene["series"])
        .iter()
        .map(|line| {
            let phases: Vec<(&str, u32)> = text(&line[2])
                .split(' ')
                .map(|phase| phase.split_once(':').unwrap())
                .map(|(flow, seconds)| (flow, seconds.parse().unwrap()))
                .collect();
            longest = longest.max(phases.iter().map(|(_, seconds)| seconds).sum());
            (
                series(text(&line[0]), text(&line[1])),
                samples(&phases, &[]),
            )
        })
        .collect();
    let mut case = case(text(&scene["name"]), &input, &[]);
    let samples: Vec<_> = list(&scene["fires"])
        .iter()
        .map(|alert| json!({"labels": format!("{{alertname={alert}}}"), "value": 1}))
        .collect();
    case["promql_expr_test"] = json!([{
        "eval_time": format!("{longest}s"),
        "expr": format!(r#"group by (alertname) (last_over_time(ALERTS{{alertstate="firing"}}[{longest}s]))"#),
        "exp_samples": samples,
    }]);
    case
}

/// What an email says of an alert that fires.
fn says(fault: &Value, cases: &mut [Value], alert: &str, annotations: &Value) {
    let at = seconds(fault, "after").unwrap_or(300) + seconds(fault, "told").unwrap();
    let name = format!("{alert} is told of and is over");
    let case = cases.iter_mut().find(|case| case["name"] == name).unwrap();
    case["alert_rule_test"] = json!([{
        "eval_time": format!("{at}s"),
        "alertname": alert,
        "exp_alerts": [{
            "exp_labels": {"severity": annotations["severity"], "target": "fargate"},
            "exp_annotations": annotations["says"],
        }],
    }]);
}

#[test]
fn every_rule_fires_on_its_fault_ends_with_it_and_is_silent_just_below() {
    let applied = Applied::everywhere();
    let table = yaml(include_str!("rules.yaml"));
    let faults = table["faults"].as_object().unwrap();
    let rules = applied.rules("fargate");
    let rules: BTreeSet<_> = rules.iter().map(|rule| text(&rule["alert"])).collect();
    let tried: BTreeSet<_> = faults.keys().map(String::as_str).collect();
    assert_eq!(rules, tried, "each rule has a fault, and each fault a rule");

    let mut all: Vec<_> = faults
        .iter()
        .flat_map(|(alert, fault)| cases(alert, fault))
        .collect();
    for (alert, annotations) in table["says"].as_object().unwrap() {
        says(&faults[alert], &mut all, alert, annotations);
    }
    all.extend(list(&table["scenes"]).iter().map(scene));

    let document = text(&applied.workspace()["rules"]["contact-manager-dev-fargate"]);
    let document = applied.file("fargate.rules.yaml", document);
    // JSON is YAML.
    let tests = json!({
        "rule_files": [document],
        "evaluation_interval": format!("{EVALUATION_S}s"),
        "tests": all,
    });
    let done = Command::new(program(&["promtool"]).unwrap())
        .args(["test", "rules"])
        .arg(applied.file("tests.yaml", &tests.to_string()))
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}
