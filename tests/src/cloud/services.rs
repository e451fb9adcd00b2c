//! What ECS does with services: the tasks of the newest deployment start, the old ones go as the new ones
//! are healthy, one that ends is replaced, and a deployment whose tasks do not stay up goes back.
//!
//! What ECS does in minutes happens here in seconds: see [`HASTE`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    HASTE,
    applied::{list, text},
    keeper::Keeper,
    tasks::{Balanced, Running},
};

/// How long the tasks that end drain.
const DRAIN: Duration = Duration::from_secs(30);
/// How many tasks a deployment may fail: the least of ECS's circuit breaker.
const BREAKER: u32 = 3;
/// How long a service waits longer after each task that ended.
const PAUSE: Duration = Duration::from_secs(15);
/// Hosts of the group, in a zone each.
const HOSTS: usize = 2;
/// How many of the tasks that stopped are remembered.
const REMEMBERED: usize = 50;

/// All services of the account.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) tasks: Vec<Running>,
    stopped: Vec<Value>,
    started: u32,
    histories: BTreeMap<String, History>,
}

/// What has become of a service.
#[derive(Debug, Default)]
struct History {
    /// The definition of the last deployment that was completed.
    good: Option<String>,
    /// Tasks that never became healthy, by deployment.
    failed: BTreeMap<String, u32>,
    /// Tasks that ended one after the other.
    ended: u32,
    /// When the next task may start.
    next: Option<Instant>,
}

impl Services {
    /// The containers of all tasks, and what each has written.
    pub(super) fn logs(&self) -> impl Iterator<Item = String> {
        self.tasks.iter().flat_map(Running::logs)
    }

    fn of(&self, service: &str, deployment: &str) -> impl Iterator<Item = &Running> {
        self.tasks
            .iter()
            .filter(move |one| one.service == service && one.deployment == deployment)
    }

    /// The host with the fewest tasks of a service.
    fn host(&self, service: &str) -> usize {
        let on = |host: usize| {
            let mine = self.tasks.iter().filter(|one| one.service == service);
            mine.filter(|one| one.host == Some(host)).count()
        };
        (0..HOSTS).min_by_key(|host| on(*host)).unwrap_or_default()
    }
}

impl Keeper {
    /// Looks after every service, tells the account what became of it, and says what is not yet as wanted.
    pub(super) async fn schedule(
        &self,
        applied: &Value,
        services: &mut Services,
    ) -> Result<Option<String>> {
        self.look_after(services).await?;
        let mut waiting = None;
        let mut reports = Vec::new();
        let mut wanted = BTreeSet::new();
        for service in list(&applied["services"])? {
            wanted.insert(text(service, "serviceArn")?.to_owned());
            let (report, lacking) = self.serve(service, applied, services).await?;
            reports.push(report);
            waiting = waiting.or(lacking);
        }
        self.leave(services, |one| !wanted.contains(&one.service))
            .await?;
        services.histories.retain(|arn, _| wanted.contains(arn));
        let tasks: Vec<Value> = services.tasks.iter().map(Running::described).collect();
        let tasks = [tasks, services.stopped.clone()].concat();
        let report = json!({"scheduled": {"services": reports, "tasks": tasks}});
        self.tell(report).await?;
        Ok(waiting)
    }

    /// Starts again what may be, and takes away the tasks that have ended.
    async fn look_after(&self, services: &mut Services) -> Result<()> {
        let mut staying = Vec::new();
        for mut running in std::mem::take(&mut services.tasks) {
            let Some(reason) = running.look().await? else {
                staying.push(running);
                continue;
            };
            let history = services
                .histories
                .entry(running.service.clone())
                .or_default();
            history.ended += 1;
            history.next = Some(Instant::now() + PAUSE * history.ended / HASTE);
            if !running.was_healthy {
                *history
                    .failed
                    .entry(running.deployment.clone())
                    .or_default() += 1;
            }
            self.deregister(&running).await?;
            // By itself it ends at once, unless it hangs.
            let exits = running
                .task
                .stop(Duration::from_secs(60) / HASTE)
                .await
                .unwrap_or_default();
            services.stopped.push(running.stopped(&reason, &exits));
        }
        let surplus = services.stopped.len().saturating_sub(REMEMBERED);
        services.stopped.drain(..surplus);
        services.tasks = staying;
        Ok(())
    }

    /// Starts and ends tasks of one service: how it is, and what is not yet as wanted.
    async fn serve(
        &self,
        service: &Value,
        applied: &Value,
        services: &mut Services,
    ) -> Result<(Value, Option<String>)> {
        let arn = text(service, "serviceArn")?;
        let deployments = list(&service["deployments"])?;
        let primary = deployments.first().context("a service has a deployment")?;
        let (id, definition) = (text(primary, "id")?, text(primary, "taskDefinition")?);
        let wanted = usize::try_from(primary["desiredCount"].as_u64().context("a count")?)?;
        let history = services.histories.entry(arn.to_owned()).or_default();
        let failed = history.failed.get(id).copied().unwrap_or_default();
        let completed = primary["rolloutState"] == "COMPLETED";
        let breaker = &service["deploymentConfiguration"]["deploymentCircuitBreaker"];
        let given_up = breaker["enable"] == true && failed >= BREAKER && !completed;
        let good = history.good.clone().filter(|good| good != definition);
        let may_start = history.next.is_none_or(|next| next <= Instant::now());

        if may_start && !given_up {
            while services.of(arn, id).count() < wanted {
                services.started += 1;
                let (number, host) = (services.started, services.host(arn));
                let running = self.run(service, primary, applied, number, host).await?;
                services.tasks.push(running);
            }
        }
        let mut surplus = services.of(arn, id).count().saturating_sub(wanted);
        let healthy = services.of(arn, id).filter(|one| one.healthy).count();
        let mut covered = healthy;
        self.leave(services, |one| {
            if one.service != arn {
                return false;
            }
            // Of the older deployments as many go as new tasks have taken the place of.
            let left = if one.deployment == id {
                &mut surplus
            } else {
                &mut covered
            };
            let leaves = *left > 0;
            *left = left.saturating_sub(1);
            leaves
        })
        .await?;

        let older = services
            .tasks
            .iter()
            .any(|one| one.service == arn && one.deployment != id);
        let done = healthy == wanted && !older;
        let mut counts = serde_json::Map::new();
        for deployment in deployments {
            let of = text(deployment, "id")?;
            let running = services.of(arn, of).filter(|one| one.was_healthy).count();
            let pending = services.of(arn, of).count() - running;
            counts.insert(
                of.to_owned(),
                json!({"runningCount": running, "pendingCount": pending}),
            );
        }
        counts[id]["failedTasks"] = json!(failed);
        let mut report = json!({"arn": arn, "deployments": {}});
        if done && !completed {
            counts[id]["rolloutState"] = json!("COMPLETED");
            counts[id]["rolloutStateReason"] = json!(format!("ECS deployment {id} completed."));
        } else if given_up && let Some(good) = good {
            let reason =
                format!("ECS deployment circuit breaker: tasks failed to start ({failed})");
            report["back"] = json!({"from": id, "to": good, "reason": reason});
        }
        report["deployments"] = Value::Object(counts);
        if done && let Some(history) = services.histories.get_mut(arn) {
            history.good = Some(definition.to_owned());
            history.ended = 0;
        }
        let name = arn.rsplit('/').next().unwrap_or_default();
        let without = services.of(arn, id).find_map(|one| one.without.as_ref());
        let lacking = if !done || !completed {
            Some(format!("{healthy} of {wanted} tasks of {name} are healthy"))
        } else {
            without.map(|log| format!("a container of {name} has ended: {log}"))
        };
        Ok((report, lacking))
    }

    /// Lets those tasks drain and end.
    async fn leave(
        &self,
        services: &mut Services,
        mut who: impl FnMut(&Running) -> bool,
    ) -> Result<()> {
        let (leaving, staying): (Vec<_>, Vec<_>) = std::mem::take(&mut services.tasks)
            .into_iter()
            .partition(|one| who(one));
        services.tasks = staying;
        for running in leaving {
            self.deregister(&running).await?;
            tokio::spawn(async move {
                tokio::time::sleep(DRAIN / HASTE).await;
                let _ = running.task.stop(Duration::from_secs(60)).await;
            });
        }
        Ok(())
    }

    async fn deregister(&self, running: &Running) -> Result<()> {
        match &running.group {
            Some(group) => {
                self.registration("deregister_targets", group, &running.ip)
                    .await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn registration(
        &self,
        operation: &str,
        group: &Balanced,
        ip: &str,
    ) -> Result<()> {
        let targets = json!({
            "TargetGroupArn": group.arn,
            "Targets": [{"Id": ip, "Port": group.port}],
        });
        self.sdk("elbv2", operation, targets).await
    }
}
