//! Makes what runs what was applied.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::Mutex,
    time::{interval, timeout},
};

use super::{
    BEAT, HASTE,
    applied::{self, definition_of, environment, list, pairs, rules, strings, text, versions},
    dist,
};
use crate::{
    alb::{Alb, Target},
    client::{Client, Request},
    dynamodb_local::Endpoint,
    lambda_runtime::{Function, Sandboxes},
    moto::Moto,
    task::{Container, Task},
    worker::Mapping,
};

/// Sandboxes of each version of a function.
const SANDBOXES: usize = 4;

/// What runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) functions: BTreeMap<(String, String), Arc<Sandboxes>>,
    pub(super) mappings: BTreeMap<String, Mapping>,
    pub(super) tasks: Vec<Running>,
    pub(super) tables: BTreeSet<String>,
    /// The targets of each group, by name.
    pub(super) registered: BTreeMap<String, Vec<String>>,
    pub(super) tasks_started: u32,
    /// What the last look found to differ from what was applied, or could not be done.
    pub(super) trouble: Option<String>,
}

/// A task of a service.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) service: String,
    pub(super) definition: String,
    /// Its address in the VPC.
    pub(super) ip: String,
    pub(super) group: Option<Balanced>,
    pub(super) task: Task,
    pub(super) healthy: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Balanced {
    arn: String,
    port: u16,
    path: String,
}

/// Makes what runs what was applied.
pub(super) struct Keeper {
    pub(super) moto: Moto,
    pub(super) database: Endpoint,
    pub(super) alb: Alb,
    pub(super) folder: PathBuf,
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
        self.functions(applied, state).await?;
        let waiting = self.tasks(applied, state).await?;
        self.balance(applied, state).await?;
        self.count(applied).await?;
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

    /// Sandboxes of every version that an alias names, and the workers' event sources.
    async fn functions(&self, applied: &Value, state: &mut State) -> Result<()> {
        let mut wanted = BTreeSet::new();
        let mut sources = BTreeSet::new();
        for function in list(&applied["functions"])? {
            let name = text(function, "FunctionName")?;
            for alias in list(&function["Aliases"])? {
                for (version, _) in versions(alias)? {
                    let described = &function["Versions"][&version];
                    let key = (name.to_owned(), version);
                    wanted.insert(key.clone());
                    if let Entry::Vacant(place) = state.functions.entry(key) {
                        place.insert(Arc::new(self.sandboxes(described).await?));
                    }
                }
                for source in list(&function["EventSources"])? {
                    let id = text(source, "UUID")?;
                    sources.insert(id.to_owned());
                    let (version, _) = versions(alias)?.remove(0);
                    let sandboxes = state.functions.get(&(name.to_owned(), version));
                    if let (false, Some(sandboxes)) = (state.mappings.contains_key(id), sandboxes) {
                        let queue = text(source, "EventSourceArn")?;
                        let queue = self.moto.queue_of(queue).await?;
                        let mapping = Mapping::start(queue, Arc::clone(sandboxes));
                        state.mappings.insert(id.to_owned(), mapping);
                    }
                }
            }
        }
        state.functions.retain(|key, _| wanted.contains(key));
        state.mappings.retain(|id, _| sources.contains(id));
        Ok(())
    }

    async fn sandboxes(&self, described: &Value) -> Result<Sandboxes> {
        let hash = text(described, "CodeSha256")?;
        let mut function = Function::new(self.bootstrap(hash)?);
        function.environment = environment(&described["Environment"]["Variables"])?;
        function.environment.extend(self.reach());
        function.timeout = Duration::from_secs(described["Timeout"].as_u64().context("a timeout")?);
        let memory = described["MemorySize"].as_u64().context("a memory")?;
        function.memory_mb = u32::try_from(memory)?;
        Ok(Sandboxes::start(function, SANDBOXES).await?)
    }

    /// The program in the zip that was uploaded: of those in `dist/`, the one with its hash.
    fn bootstrap(&self, hash: &str) -> Result<PathBuf> {
        for name in ["api-lambda.zip", "worker-lambda.zip"] {
            let zip = dist(name)?;
            if BASE64.encode(&Sha256::digest(fs::read(&zip)?)) != hash {
                continue;
            }
            let folder = self.folder.join(name);
            if !folder.exists() {
                let unpack =
                    "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
                let done = Command::new("python3")
                    .args(["-c", unpack])
                    .args([&zip, &folder])
                    .status()?;
                ensure!(done.success(), "{} cannot be unpacked", zip.display());
            }
            let bootstrap = folder.join("bootstrap");
            let mut permissions = fs::metadata(&bootstrap)?.permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
            fs::set_permissions(&bootstrap, permissions)?;
            return Ok(bootstrap);
        }
        bail!("no zip in dist/ has the hash {hash}: something else was deployed");
    }

    /// By what a program finds the account's services. On AWS it needs none of it.
    fn reach(&self) -> Vec<(String, String)> {
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

    /// As many tasks of each service as it wants, of its present definition; who has no place any more
    /// is deregistered, drained and stopped.
    async fn tasks(&self, applied: &Value, state: &mut State) -> Result<Option<String>> {
        let mut waiting = None;
        let mut wanted = BTreeMap::new();
        for service in list(&applied["services"])? {
            let arn = text(service, "serviceArn")?;
            let definition = text(service, "taskDefinition")?;
            let count = service["desiredCount"].as_u64().context("a count")?;
            wanted.insert(arn.to_owned(), definition.to_owned());
            let present = |state: &State| {
                let mine = state.tasks.iter().filter(|one| one.service == arn);
                mine.filter(|one| one.definition == definition).count() as u64
            };
            while present(state) < count {
                state.tasks_started += 1;
                let number = state.tasks_started;
                let running = self.run(service, applied, number).await?;
                state.tasks.push(running);
            }
        }
        for running in &mut state.tasks {
            running.healthy = running.look().await;
            if !running.healthy {
                waiting = Some(format!("a task of {} is not healthy", running.service));
            }
        }
        let surplus = |running: &Running, tasks: &[Running]| match wanted.get(&running.service) {
            None => true,
            // The old ones go when the new ones are there.
            Some(definition) => {
                running.definition != *definition
                    && tasks
                        .iter()
                        .filter(|one| one.definition == *definition)
                        .all(|one| one.healthy)
            }
        };
        let gone: Vec<bool> = state
            .tasks
            .iter()
            .map(|one| surplus(one, &state.tasks))
            .collect();
        let mut gone = gone.into_iter();
        let (leaving, staying): (Vec<_>, Vec<_>) = std::mem::take(&mut state.tasks)
            .into_iter()
            .partition(|_| gone.next() == Some(true));
        state.tasks = staying;
        for running in leaving {
            if let Some(group) = &running.group {
                self.registration("deregister_targets", group, &running.ip)
                    .await?;
            }
            let delay = Duration::from_secs(30) / HASTE;
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = running.task.stop(Duration::from_secs(60)).await;
            });
        }
        Ok(waiting)
    }

    async fn run(&self, service: &Value, applied: &Value, number: u32) -> Result<Running> {
        let definition = &service["Definition"];
        let mut containers = Vec::new();
        for described in list(&definition["containerDefinitions"])? {
            // It comes from a registry, and its metrics go to a service that is not here.
            if text(described, "image")?.contains("aws-otel-collector") {
                continue;
            }
            let mut command: Vec<String> = strings(&described["command"])?;
            let program = command.first_mut().context("a container has a command")?;
            *program = dist(program.trim_start_matches('/'))?.display().to_string();
            let mut environment = pairs(&described["environment"])?;
            for secret in list(&described["secrets"])? {
                let value = self.secret(text(secret, "valueFrom")?, applied)?;
                environment.push((text(secret, "name")?.to_owned(), value));
            }
            environment.extend(self.reach());
            containers.push(Container {
                name: text(described, "name")?.to_owned(),
                command,
                environment,
                after: Vec::new(),
            });
        }
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
        let outside = [self.moto.url(), &self.database.url];
        let outside = outside.map(|url| url.trim_start_matches("http://").parse());
        let outside = outside.into_iter().collect::<Result<Vec<_>, _>>()?;
        let task = Task::start(&containers, &ports, &outside).await?;
        let ip = format!("10.0.{}.{}", number / 250, number % 250 + 4);
        if let Some(group) = &group {
            self.registration("register_targets", group, &ip).await?;
        }
        Ok(Running {
            service: text(service, "serviceArn")?.to_owned(),
            definition: text(service, "taskDefinition")?.to_owned(),
            ip,
            group,
            task,
            healthy: false,
        })
    }

    fn secret(&self, arn: &str, applied: &Value) -> Result<String> {
        let name = arn
            .split_once(":parameter")
            .context("secrets of vaults are not read here")?
            .1;
        let parameter = &applied["parameters"][name];
        Ok(text(parameter, "Value")?.to_owned())
    }

    async fn registration(&self, operation: &str, group: &Balanced, ip: &str) -> Result<()> {
        let targets = json!({
            "TargetGroupArn": group.arn,
            "Targets": [{"Id": ip, "Port": group.port}],
        });
        let call =
            json!({"sdk": {"service": "elbv2", "operation": operation, "arguments": targets}});
        let moto = self.moto.clone();
        tokio::task::spawn_blocking(move || moto.tell(&call)).await??;
        Ok(())
    }

    /// Gives the load balancer the rules and the targets that were applied.
    async fn balance(&self, applied: &Value, state: &mut State) -> Result<()> {
        let mut health: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for group in list(&applied["target_groups"])? {
            let arn = text(group, "TargetGroupArn")?;
            let mut targets = Vec::new();
            for running in &state.tasks {
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
                targets.extend(self.function(text(target, "Id")?, applied, &state.functions)?);
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
        let moto = self.moto.clone();
        tokio::task::spawn_blocking(move || moto.tell(&health)).await??;
        Ok(())
    }

    /// The versions behind an alias, each as often as its weight says, in tenths.
    fn function(
        &self,
        arn: &str,
        applied: &Value,
        running: &BTreeMap<(String, String), Arc<Sandboxes>>,
    ) -> Result<Vec<(String, Target)>> {
        let mut all = Vec::new();
        for function in list(&applied["functions"])? {
            let name = text(function, "FunctionName")?;
            for alias in list(&function["Aliases"])?
                .iter()
                .filter(|alias| alias["AliasArn"] == arn)
            {
                for (version, tenths) in versions(alias)? {
                    if let Some(sandboxes) = running.get(&(name.to_owned(), version.clone())) {
                        let target = Target::Lambda(Arc::clone(sandboxes));
                        all.extend(vec![(format!("{name}:{version}"), target); tenths]);
                    }
                }
            }
        }
        Ok(all)
    }

    /// What the load balancer has counted, as CloudWatch has it.
    async fn count(&self, applied: &Value) -> Result<()> {
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
            if value > 0 {
                data.push(json!({"MetricName": metric, "Dimensions": dimensions, "Value": value}));
            }
        };
        note("HTTPCode_ELB_5XX_Count", &[&whole], counts.own_5xx);
        for (group, (requests, failures)) in &counts.groups {
            let group = group.rsplit(':').next().unwrap_or_default();
            let group = json!({"Name": "TargetGroup", "Value": group});
            note("RequestCount", &[&whole], *requests);
            note("RequestCount", &[&group, &whole], *requests);
            note("HTTPCode_Target_5XX_Count", &[&group, &whole], *failures);
        }
        if data.is_empty() {
            return Ok(());
        }
        let arguments = json!({"Namespace": "AWS/ApplicationELB", "MetricData": data});
        self.sdk("cloudwatch", "put_metric_data", arguments).await
    }

    async fn sdk(&self, service: &str, operation: &str, arguments: Value) -> Result<()> {
        let call = json!({"service": service, "operation": operation, "arguments": arguments});
        let moto = self.moto.clone();
        tokio::task::spawn_blocking(move || moto.tell(&json!({"sdk": call}))).await??;
        Ok(())
    }
}

impl Running {
    /// As its target group checks it, and those without one by what they export.
    async fn look(&self) -> bool {
        let Some(group) = &self.group else {
            return self
                .task
                .exits()
                .await
                .is_ok_and(|exits| exits.values().all(Option::is_none));
        };
        let client = Client::new(self.task.ports[&group.port]);
        let health = Request::new("GET", &group.path).header("host", "health");
        let answer = timeout(Duration::from_secs(5), client.send(&health)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status == 200)
    }
}
