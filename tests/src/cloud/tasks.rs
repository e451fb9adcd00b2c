//! A task of a service: how its definition is started, how it is looked after, and how ECS tells of it.

use std::{
    collections::BTreeMap,
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
/// AWS's distribution of the collector, which takes its configuration from `AOT_CONFIG_CONTENT` by itself. The
/// one of the same components that takes its place is told to.
const COLLECTOR: &str = "aws-otel-collector";

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
    pub(super) deployment: String,
    definition: String,
    containers: Vec<Watched>,
    /// On which host it runs, if on one.
    pub(super) host: Option<usize>,
    begun: Instant,
    pub(super) was_healthy: bool,
    missed: u32,
    /// A container that ended and that the task goes on without.
    pub(super) without: Option<String>,
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

impl Keeper {
    pub(super) async fn run(
        &self,
        service: &Value,
        deployment: &Value,
        applied: &Value,
        number: u32,
        host: usize,
    ) -> Result<Running> {
        let arn = text(service, "serviceArn")?;
        let definition_arn = text(deployment, "taskDefinition")?;
        let definition = &applied["definitions"][definition_arn];
        let id = format!("{number:032x}");
        let (containers, watched) = self.containers(definition, applied, &id)?;
        let cluster = text(service, "clusterArn")?;
        let arn_of_task = format!("{}/{id}", cluster.replace(":cluster/", ":task/"));
        self.workspace
            .introduce(&id, told(definition, &arn_of_task, cluster));
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

        let ip = format!("10.0.{}.{}", number / 250, number % 250 + 4);
        if let Some(group) = &group {
            self.registration("register_targets", group, &ip).await?;
        }
        let on_hosts = strings(&definition["requiresCompatibilities"])?.contains(&"EC2".to_owned());
        let host = on_hosts.then_some(host);
        Ok(Running {
            service: arn.to_owned(),
            group,
            task,
            ip,
            healthy: false,
            arn: arn_of_task,
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
        id: &str,
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
            let name = text(described, "name")?.to_owned();
            if image.contains(COLLECTOR) {
                let role = text(definition, "taskRoleArn")?;
                environment.extend(self.workspace.environment(id, &name, role));
            } else {
                environment.extend(self.reach());
            }
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
}

/// What a task is told of itself.
fn told(definition: &Value, arn: &str, cluster: &str) -> Value {
    let containers = definition["containerDefinitions"].as_array();
    let containers = containers.into_iter().flatten().map(|one| {
        json!({
            "Name": one["name"],
            "Image": one["image"],
            "ContainerARN": format!("{}/{}", arn.replace(":task/", ":container/"), one["name"].as_str().unwrap_or_default()),
            "KnownStatus": "RUNNING",
            "LogDriver": one["logConfiguration"]["logDriver"],
            "LogOptions": one["logConfiguration"]["options"],
        })
    });
    let on_hosts = definition["requiresCompatibilities"][0] == "EC2";
    json!({
        "Cluster": cluster,
        "TaskARN": arn,
        "Family": definition["family"],
        "Revision": definition["revision"].to_string(),
        "LaunchType": if on_hosts { "EC2" } else { "FARGATE" },
        "AvailabilityZone": "us-east-1a",
        "KnownStatus": "RUNNING",
        "Containers": containers.collect::<Vec<_>>(),
    })
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
    /// What each container has written.
    pub(super) fn logs(&self) -> impl Iterator<Item = String> {
        let containers = self.containers.iter();
        containers.filter_map(|one| self.task.log(&one.name).ok())
    }

    /// Why the task has to end, if it has to.
    pub(super) async fn look(&mut self) -> Result<Option<String>> {
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

    pub(super) fn described(&self) -> Value {
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

    pub(super) fn stopped(&self, reason: &str, exits: &BTreeMap<String, Option<i64>>) -> Value {
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
