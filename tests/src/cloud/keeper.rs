//! Makes what runs what was applied.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::interval};

use super::{
    BEAT,
    applied::{self, definition_of, list, rules, text},
    functions::Functions,
    releases::{Release, with_image},
    services::Services,
    workspace::Front,
};
use crate::{
    alb::{Alb, Target},
    dynamodb_local::Endpoint,
    moto::Moto,
};

/// What runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) functions: Functions,
    pub(super) services: Services,
    tables: BTreeSet<String>,
    /// The targets of each group, by name.
    registered: BTreeMap<String, Vec<String>>,
    /// What the last look found to differ from what was applied, or could not be done.
    pub(super) trouble: Option<String>,
}

/// Makes what runs what was applied.
pub(super) struct Keeper {
    pub(super) moto: Moto,
    pub(super) workspace: Front,
    pub(super) database: Endpoint,
    pub(super) alb: Alb,
    /// Where zips are unpacked.
    pub(super) folder: PathBuf,
    pub(super) releases: Arc<SyncMutex<Vec<Release>>>,
    pub(super) state: Arc<Mutex<State>>,
}

pub(super) async fn keep(keeper: Keeper) {
    let mut beats = interval(BEAT);
    loop {
        beats.tick().await;
        let applied = match applied::read(&keeper.moto).await {
            Ok(applied) => applied,
            // In the middle of an apply, something can be gone between two questions.
            Err(error) => {
                keeper.state.lock().await.trouble = Some(format!("{error:#}"));
                continue;
            }
        };
        let mut state = keeper.state.lock().await;
        let looked = keeper.look(&applied, &mut state).await;
        state.trouble = match looked {
            Ok(trouble) => trouble,
            Err(error) => Some(format!("{error:#}")),
        };
    }
}

impl Keeper {
    /// What is not yet as it should be.
    async fn look(&self, applied: &Value, state: &mut State) -> Result<Option<String>> {
        self.tables(applied, state).await?;
        self.functions(applied, &mut state.functions).await?;
        let waiting = self.schedule(applied, &mut state.services).await?;
        self.balance(applied, state).await?;
        self.count(applied, &state.functions).await?;
        Ok(waiting)
    }

    async fn tables(&self, applied: &Value, state: &mut State) -> Result<()> {
        for table in list(&applied["tables"])? {
            let name = text(table, "TableName")?;
            if state.tables.insert(name.to_owned()) {
                let store = contacts_store::Store::new(self.database.client(), name, 90);
                store.create_table().await?;
            }
            let (ours, applied) = (self.definition(name).await?, definition_of(table));
            ensure!(
                ours == applied,
                "the code makes the table {ours}, applied was {applied}"
            );
        }
        Ok(())
    }

    /// The table as the code itself makes it.
    async fn definition(&self, name: &str) -> Result<Value> {
        let client = self.database.client();
        let table = client.describe_table().table_name(name).send().await?;
        let table = table.table.context("it is there")?;
        let ttl = client
            .describe_time_to_live()
            .table_name(name)
            .send()
            .await?;
        let ttl = ttl.time_to_live_description.context("it is told")?;
        let keys = table.key_schema.unwrap_or_default();
        let keys = keys.iter().map(
            |key| json!({"AttributeName": key.attribute_name, "KeyType": key.key_type.as_str()}),
        );
        let attributes = table.attribute_definitions.unwrap_or_default();
        let attributes: BTreeMap<_, _> = attributes
            .iter()
            .map(|one| (one.attribute_name.as_str(), one.attribute_type.as_str()))
            .collect();
        let billing = table
            .billing_mode_summary
            .and_then(|summary| summary.billing_mode);
        Ok(json!({
            "keys": keys.collect::<Vec<_>>(),
            "attributes": attributes,
            "indexes": table.global_secondary_indexes.map_or(0, |all| all.len()),
            "billing": billing.map(|mode| mode.as_str().to_owned()),
            "ttl": ttl.attribute_name,
        }))
    }

    /// By what a program finds the account's services. On AWS it needs none of it.
    pub(super) fn reach(&self) -> Vec<(String, String)> {
        let mut all = self.moto.environment();
        all.extend(
            self.database
                .environment()
                .into_iter()
                .filter(|(name, _)| name != "AWS_REGION"),
        );
        // Lambda's own credentials come with one, the database's without.
        all.push(("AWS_SESSION_TOKEN".to_owned(), String::new()));
        all
    }

    /// Loopback ports of this machine by which a task reaches the account's services.
    pub(super) fn outside(&self) -> Result<Vec<SocketAddr>> {
        let all = [self.moto.url(), &self.database.url];
        let all = all.map(|url| url.trim_start_matches("http://").parse());
        let mut all: Vec<SocketAddr> = all.into_iter().collect::<Result<_, _>>()?;
        all.push(self.workspace.address);
        Ok(all)
    }

    /// The program that an image has under a path.
    pub(super) fn program(&self, image: &str, path: &str) -> Result<String> {
        let releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        with_image(&releases, image)?.program(path)
    }

    /// Gives the load balancer the rules and the targets that were applied.
    async fn balance(&self, applied: &Value, state: &mut State) -> Result<()> {
        let mut health: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for group in list(&applied["target_groups"])? {
            let arn = text(group, "TargetGroupArn")?;
            let mut targets = Vec::new();
            for running in &state.services.tasks {
                let Some(mine) = running.group.as_ref().filter(|mine| mine.arn == arn) else {
                    continue;
                };
                let state = if running.healthy {
                    "healthy"
                } else {
                    "initial"
                };
                health.entry(arn).or_default().insert(&running.ip, state);
                if running.healthy {
                    let target = Target::Container(running.task.ports[&mine.port]);
                    targets.push((running.ip.clone(), target));
                }
            }
            for target in list(&group["Targets"])? {
                targets.extend(state.functions.behind(text(target, "Id")?, applied)?);
            }
            let registered = targets
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>();
            if state.registered.get(arn) != Some(&registered) {
                let targets = targets.into_iter().map(|(_, target)| target).collect();
                self.alb.register(arn, targets);
                state.registered.insert(arn.to_owned(), registered);
            }
        }
        let rules = rules(applied)?;
        self.alb.apply(rules);
        let health = json!({"health": health});
        self.tell(health).await
    }

    /// What was counted since the last look, as CloudWatch has it.
    async fn count(&self, applied: &Value, functions: &Functions) -> Result<()> {
        let mut data = Vec::new();
        for ((function, version), [calls, errors]) in functions.take_calls() {
            for (metric, value) in [("Invocations", calls), ("Errors", errors)] {
                let name = json!({"Name": "FunctionName", "Value": function});
                let resource = json!({"Name": "Resource", "Value": format!("{function}:live")});
                let version = json!({"Name": "ExecutedVersion", "Value": version});
                let mut all = vec![json!([name, resource])];
                // Which version it was is told only of an alias that names two.
                if functions.versions_of(function) > 1 {
                    all.push(json!([name, resource, version]));
                }
                data.extend(all.into_iter().map(
                    |dimensions| json!({"MetricName": metric, "Dimensions": dimensions, "Value": value}),
                ));
            }
        }
        self.put("AWS/Lambda", data).await?;

        let Some(balancer) = list(&applied["load_balancers"])?.first() else {
            return Ok(());
        };
        let arn = text(balancer, "LoadBalancerArn")?;
        let name = arn
            .split_once(":loadbalancer/")
            .context("it is a load balancer's ARN")?
            .1;
        let whole = json!({"Name": "LoadBalancer", "Value": name});
        let counts = self.alb.take_counts();
        let mut data = Vec::new();
        let mut note = |metric: &str, dimensions: &[&Value], value: u64| {
            data.push(json!({"MetricName": metric, "Dimensions": dimensions, "Value": value}));
        };
        for (status, count) in counts.own {
            note(&format!("HTTPCode_ELB_{status}_Count"), &[&whole], count);
        }
        for (group, (requests, failures)) in &counts.groups {
            let group = group.rsplit(':').next().unwrap_or_default();
            let group = json!({"Name": "TargetGroup", "Value": group});
            note("RequestCount", &[&whole], *requests);
            note("RequestCount", &[&group, &whole], *requests);
            note("HTTPCode_Target_5XX_Count", &[&group, &whole], *failures);
        }
        self.put("AWS/ApplicationELB", data).await
    }

    async fn put(&self, namespace: &str, mut data: Vec<Value>) -> Result<()> {
        data.retain(|one| one["Value"] != 0);
        if data.is_empty() {
            return Ok(());
        }
        let arguments = json!({"Namespace": namespace, "MetricData": data});
        self.sdk("cloudwatch", "put_metric_data", arguments).await
    }

    pub(super) async fn sdk(&self, service: &str, operation: &str, arguments: Value) -> Result<()> {
        let call = json!({"service": service, "operation": operation, "arguments": arguments});
        self.tell(json!({"sdk": call})).await
    }

    pub(super) async fn tell(&self, what: Value) -> Result<()> {
        let moto = self.moto.clone();
        tokio::task::spawn_blocking(move || moto.tell(&what)).await??;
        Ok(())
    }
}
