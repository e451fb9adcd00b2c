//! What ECS does with services: the tasks of the newest deployment start, the old ones go as the new ones
//! are healthy, one that ends is replaced, and a deployment whose tasks do not stay up goes back.
//!
//! What ECS does in minutes happens here in seconds: see [`HASTE`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    HASTE,
    applied::{list, pairs, strings, text},
    keeper::Keeper,
};
use crate::{
    client::{Client, Request},
    task::{Container, Task},
    tools::program,
};

/// How long a new task may take until it is healthy: its grace period, on a machine with two processors.
const PATIENCE: Duration = Duration::from_secs(20);
/// After how many missed checks a task is replaced.
const MISSED: u32 = 3;
/// How long a check may take.
const CHECK: Duration = Duration::from_secs(5);
/// How long the tasks that end drain.
const DRAIN: Duration = Duration::from_secs(30);
/// How many tasks a deployment may fail: the least of ECS's circuit breaker.
const BREAKER: u32 = 3;
/// How long a service waits longer after each task that ended.
const PAUSE: Duration = Duration::from_secs(15);
/// AWS's distribution of the collector. One of the same components takes its place, to which this variable
/// means nothing by itself.
const COLLECTOR: &str = "aws-otel-collector";
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

/// A task of a service.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) service: String,
    pub(super) group: Option<Balanced>,
    pub(super) task: Task,
    /// Its address in the VPC.
    pub(super) ip: String,
    pub(super) healthy: bool,
    arn: String,
    cluster: String,
    deployment: String,
    definition: String,
    containers: Vec<Watched>,
    /// On which host it runs, if on one.
    pub(super) host: Option<usize>,
    begun: Instant,
    was_healthy: bool,
    missed: u32,
    /// A container that ended and that the task goes on without.
    without: Option<String>,
}

/// How a task hangs on the load balancer.
#[derive(Clone, Debug)]
pub(super) struct Balanced {
    pub(super) arn: String,
    pub(super) port: u16,
    path: String,
}

/// What ECS does when a container ends.
#[derive(Debug)]
struct Watched {
    name: String,
    essential: bool,
    /// For how long it must have run to be started again in its place.
    restarted_after: Option<Duration>,
    begun: Instant,
}

impl Services {
    /// The containers of all tasks, and what each has written.
    pub(super) fn logs(&self) -> impl Iterator<Item = String> {
        self.tasks.iter().flat_map(|running| {
            let containers = running.containers.iter();
            containers.filter_map(|one| running.task.log(&one.name).ok())
        })
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
        let moto = self.moto.clone();
        tokio::task::spawn_blocking(move || moto.tell(&report)).await??;
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
                let running = self.run(service, primary, applied, services).await?;
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

    async fn run(
        &self,
        service: &Value,
        deployment: &Value,
        applied: &Value,
        services: &mut Services,
    ) -> Result<Running> {
        let arn = text(service, "serviceArn")?;
        let definition_arn = text(deployment, "taskDefinition")?;
        let definition = &applied["definitions"][definition_arn];
        let (containers, watched) = self.containers(definition, applied)?;
        let balanced = list(&service["loadBalancers"])?.first();
        let group = balanced.map(|one| -> Result<Balanced> {
            let arn = text(one, "targetGroupArn")?;
            let groups = list(&applied["target_groups"])?;
            let group = groups.iter().find(|group| group["TargetGroupArn"] == arn);
            let group = group.context("the service's target group is there")?;
            Ok(Balanced {
                arn: arn.to_owned(),
                port: u16::try_from(one["containerPort"].as_u64().context("a port")?)?,
                path: text(group, "HealthCheckPath")?.to_owned(),
            })
        });
        let group = group.transpose()?;
        let ports: Vec<u16> = group.iter().map(|group| group.port).collect();
        let task = Task::start(&containers, &ports, &self.outside()?).await?;

        services.started += 1;
        let number = services.started;
        let ip = format!("10.0.{}.{}", number / 250, number % 250 + 4);
        if let Some(group) = &group {
            self.registration("register_targets", group, &ip).await?;
        }
        let cluster = text(service, "clusterArn")?;
        let on_hosts = strings(&definition["requiresCompatibilities"])?.contains(&"EC2".to_owned());
        let host = on_hosts.then(|| services.host(arn));
        Ok(Running {
            service: arn.to_owned(),
            group,
            task,
            ip,
            healthy: false,
            arn: format!("{}/{number:032x}", cluster.replace(":cluster/", ":task/")),
            cluster: cluster.to_owned(),
            deployment: text(deployment, "id")?.to_owned(),
            definition: definition_arn.to_owned(),
            containers: watched,
            host,
            begun: Instant::now(),
            was_healthy: false,
            missed: 0,
            without: None,
        })
    }

    /// What a definition says of its containers: how they are started, and what becomes of them.
    fn containers(
        &self,
        definition: &Value,
        applied: &Value,
    ) -> Result<(Vec<Container>, Vec<Watched>)> {
        let (mut containers, mut watched) = (Vec::new(), Vec::new());
        for described in list(&definition["containerDefinitions"])? {
            let image = text(described, "image")?;
            let mut command: Vec<String> = strings(&described["command"])?;
            if image.contains(COLLECTOR) {
                let collector = program(&["collector"])?.display().to_string();
                command = vec![collector, "--config=env:AOT_CONFIG_CONTENT".to_owned()];
            } else {
                let program = command.first_mut().context("a container has a command")?;
                *program = self.program(image, program)?;
            }
            let mut environment = pairs(&described["environment"])?;
            for secret in list(&described["secrets"])? {
                let value = secret_of(text(secret, "valueFrom")?, applied)?;
                environment.push((text(secret, "name")?.to_owned(), value));
            }
            environment.extend(self.reach());
            let name = text(described, "name")?.to_owned();
            let policy = &described["restartPolicy"];
            let period = policy["restartAttemptPeriod"].as_u64().unwrap_or(300);
            watched.push(Watched {
                name: name.clone(),
                essential: described["essential"] == true,
                restarted_after: (policy["enabled"] == true)
                    .then(|| Duration::from_secs(period) / HASTE),
                begun: Instant::now(),
            });
            containers.push(Container {
                name,
                command,
                environment,
                after: Vec::new(),
            });
        }
        Ok((containers, watched))
    }

    async fn registration(&self, operation: &str, group: &Balanced, ip: &str) -> Result<()> {
        let targets = json!({
            "TargetGroupArn": group.arn,
            "Targets": [{"Id": ip, "Port": group.port}],
        });
        self.sdk("elbv2", operation, targets).await
    }
}

fn secret_of(arn: &str, applied: &Value) -> Result<String> {
    let name = arn
        .split_once(":parameter")
        .context("secrets of vaults are not read here")?
        .1;
    let parameter = &applied["parameters"][name];
    Ok(text(parameter, "Value")?.to_owned())
}

impl Running {
    /// Why the task has to end, if it has to.
    async fn look(&mut self) -> Result<Option<String>> {
        let Ok(exits) = self.task.exits().await else {
            return Ok(Some("Host EC2 terminated.".to_owned()));
        };
        for container in &mut self.containers {
            if exits.get(&container.name).is_none_or(Option::is_none) {
                continue;
            }
            let in_place = container
                .restarted_after
                .is_some_and(|period| container.begun.elapsed() >= period);
            if in_place {
                self.task.restart(&container.name).await?;
                container.begun = Instant::now();
            } else if container.essential {
                return Ok(Some("Essential container in task exited".to_owned()));
            } else {
                self.without = Some(self.task.log(&container.name)?);
            }
        }
        self.healthy = self.answers().await;
        self.was_healthy |= self.healthy;
        self.missed = if self.healthy { 0 } else { self.missed + 1 };
        let unhealthy = if self.was_healthy {
            self.missed >= MISSED
        } else {
            self.begun.elapsed() > PATIENCE
        };
        Ok(unhealthy.then(|| "Task failed ELB health checks in its target group.".to_owned()))
    }

    /// As its target group checks it; one without a group answers by running.
    async fn answers(&self) -> bool {
        let Some(group) = &self.group else {
            return true;
        };
        let client = Client::new(self.task.ports[&group.port]);
        let health = Request::new("GET", &group.path).header("host", "health");
        let answer = timeout(CHECK, client.send(&health)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status == 200)
    }

    fn described(&self) -> Value {
        let status = if self.was_healthy {
            "RUNNING"
        } else {
            "PENDING"
        };
        let names = self.containers.iter().map(|one| json!({"name": one.name}));
        json!({
            "taskArn": self.arn,
            "clusterArn": self.cluster,
            "taskDefinitionArn": self.definition,
            "group": format!("service:{}", self.service.rsplit('/').next().unwrap_or_default()),
            "lastStatus": status,
            "desiredStatus": "RUNNING",
            "containers": names.collect::<Vec<_>>(),
        })
    }

    fn stopped(&self, reason: &str, exits: &BTreeMap<String, Option<i64>>) -> Value {
        let mut task = self.described();
        task["lastStatus"] = json!("STOPPED");
        task["desiredStatus"] = json!("STOPPED");
        task["stoppedReason"] = json!(reason);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        task["stoppedAt"] = json!(now.unwrap_or_default().as_secs_f64());
        let containers = exits.iter().map(|(name, code)| {
            // A signal is negative here, and 128 more than its number on ECS.
            let code = code.map(|code| if code < 0 { 128 - code } else { code });
            json!({"name": name, "exitCode": code})
        });
        task["containers"] = containers.collect();
        task
    }
}
