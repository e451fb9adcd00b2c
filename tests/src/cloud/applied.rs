//! What there is in the account, as its API tells.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{
    alb::{Action, Condition, Rule},
    moto::Moto,
};

/// All of it, read anew.
pub(super) async fn read(moto: &Moto) -> Result<Value> {
    let moto = moto.clone();
    tokio::task::spawn_blocking(move || moto.tell(&json!({"applied": true}))).await?
}

/// What of a table has to be as the code makes it.
pub(super) fn definition_of(table: &Value) -> Value {
    let attributes = table["AttributeDefinitions"]
        .as_array()
        .into_iter()
        .flatten();
    let attributes: BTreeMap<_, _> = attributes
        .filter_map(|one| {
            Some((
                one["AttributeName"].as_str()?,
                one["AttributeType"].as_str()?,
            ))
        })
        .collect();
    json!({
        "keys": table["KeySchema"],
        "attributes": attributes,
        "indexes": table["GlobalSecondaryIndexes"].as_array().map_or(0, Vec::len),
        "billing": table["BillingModeSummary"]["BillingMode"],
        "ttl": table["TimeToLive"]["AttributeName"],
    })
}

/// Which versions an alias leads to, and for how many calls in ten.
pub(super) fn versions(alias: &Value) -> Result<Vec<(String, usize)>> {
    let main = text(alias, "FunctionVersion")?.to_owned();
    let others = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    let mut rest = 10;
    let mut all = Vec::new();
    for (version, weight) in others.into_iter().flatten() {
        let weight = weight.as_f64().context("a weight is a number")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a weight is from 0 to 1"
        )]
        let tenths = (weight * 10.0).round() as usize;
        rest -= tenths.min(rest);
        all.push((version.clone(), tenths));
    }
    all.insert(0, (main, rest));
    Ok(all)
}

/// The rules of the listener, in the order in which they are tried.
pub(super) fn rules(applied: &Value) -> Result<Vec<Rule>> {
    let mut all = Vec::new();
    for balancer in list(&applied["load_balancers"])? {
        for listener in list(&balancer["Listeners"])? {
            for rule in list(&listener["Rules"])? {
                // The default one comes last.
                let priority = text(rule, "Priority")?.parse().unwrap_or(u32::MAX);
                all.push((priority, read_rule(rule)?));
            }
        }
    }
    all.sort_by_key(|(priority, _)| *priority);
    Ok(all.into_iter().map(|(_, rule)| rule).collect())
}

fn read_rule(rule: &Value) -> Result<Rule> {
    let action = list(&rule["Actions"])?
        .first()
        .context("a rule has an action")?;
    let mut read = Rule::new(match text(action, "Type")? {
        "forward" => {
            let groups = action["ForwardConfig"]["TargetGroups"].as_array();
            let weighted = groups.into_iter().flatten().map(|group| {
                let weight = u32::try_from(group["Weight"].as_u64().unwrap_or(1))?;
                anyhow::Ok((text(group, "TargetGroupArn")?.to_owned(), weight))
            });
            let mut weighted = weighted.collect::<Result<Vec<_>>>()?;
            if weighted.is_empty() {
                weighted.push((text(action, "TargetGroupArn")?.to_owned(), 1));
            }
            Action::Forward(weighted)
        }
        "fixed-response" => {
            let fixed = &action["FixedResponseConfig"];
            let body = fixed["MessageBody"].as_str().unwrap_or_default();
            let content_type = fixed["ContentType"].as_str().unwrap_or("text/plain");
            let status = text(fixed, "StatusCode")?.parse()?;
            Action::Fixed(status, content_type.to_owned(), body.to_owned())
        }
        other => bail!("this load balancer has no action {other}"),
    });
    for condition in list(&rule["Conditions"])? {
        read = read.only(match text(condition, "Field")? {
            "path-pattern" => Condition::Path(strings(&condition["PathPatternConfig"]["Values"])?),
            "http-header" => {
                let header = &condition["HttpHeaderConfig"];
                let name = text(header, "HttpHeaderName")?.to_owned();
                Condition::Header(name, strings(&header["Values"])?)
            }
            other => bail!("this load balancer has no condition {other}"),
        });
    }
    Ok(read)
}

pub(super) fn list(value: &Value) -> Result<&Vec<Value>> {
    static NONE: Vec<Value> = Vec::new();
    match value {
        Value::Null => Ok(&NONE),
        value => value
            .as_array()
            .with_context(|| format!("expected a list, got {value}")),
    }
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("expected {name} in {value}"))
}

pub(super) fn strings(value: &Value) -> Result<Vec<String>> {
    let all = list(value)?.iter();
    all.map(|one| Ok(one.as_str().context("expected text")?.to_owned()))
        .collect()
}

pub(super) fn pairs(value: &Value) -> Result<Vec<(String, String)>> {
    let all = list(value)?.iter();
    all.map(|one| {
        Ok((
            text(one, "name")?.to_owned(),
            text(one, "value")?.to_owned(),
        ))
    })
    .collect()
}

pub(super) fn environment(value: &Value) -> Result<Vec<(String, String)>> {
    let all = value.as_object().into_iter().flatten();
    all.map(|(name, value)| {
        Ok((
            name.clone(),
            value.as_str().context("expected text")?.to_owned(),
        ))
    })
    .collect()
}
