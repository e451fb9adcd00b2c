//! An AWS account that fits on one machine: what Terraform applied to it is read back and started.
//!
//! moto keeps the account. Whatever it says is deployed runs here: functions as sandboxes of the zip that
//! was uploaded, tasks of ECS as processes in networks of their own, each with the environment, command,
//! ports and secrets that were applied, behind a load balancer that follows the listener's rules. Table and
//! items are those of the embedded engine, under the name that was applied.
//!
//! What it does not do as AWS does: no policy is enforced, no image is pulled (the commands are those of
//! `dist/`), a collector is left out, and times of health checks and draining are divided by [`HASTE`].

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::Mutex,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{
    alb::{Action, Alb, Condition, Listener, Rule, Target},
    client::{Client, Request},
    dynamodb_local::Endpoint,
    lambda_runtime::{Function, Sandboxes},
    moto::Moto,
    task::{Container, Task},
    worker::Mapping,
};

/// How much faster than on AWS it is checked and drained here.
pub const HASTE: u32 = 60;

/// How often what runs is compared with what was applied.
const BEAT: Duration = Duration::from_millis(500);
/// Sandboxes of each version of a function.
const SANDBOXES: usize = 4;

/// The account, and all that runs in it. Everything ends when this is dropped.
#[derive(Debug)]
pub struct Cloud {
    /// The load balancer.
    pub alb: Alb,
    /// Where it listens.
    pub front: Listener,
    moto: Moto,
    database: Endpoint,
    _server: contacts_embedded::Server,
    folder: TempDir,
    state: Arc<Mutex<State>>,
    _keeper: JoinSet<()>,
}

/// What runs.
#[derive(Debug, Default)]
struct State {
    functions: BTreeMap<(String, String), Arc<Sandboxes>>,
    mappings: BTreeMap<String, Mapping>,
    tasks: Vec<Running>,
    tables: BTreeSet<String>,
    /// The targets of each group, by name.
    registered: BTreeMap<String, Vec<String>>,
    tasks_started: u32,
    /// What the last look found to differ from what was applied, or could not be done.
    trouble: Option<String>,
}

/// A task of a service.
#[derive(Debug)]
struct Running {
    service: String,
    definition: String,
    /// Its address in the VPC.
    ip: String,
    group: Option<Balanced>,
    task: Task,
    healthy: bool,
}

#[derive(Clone, Debug)]
struct Balanced {
    arn: String,
    port: u16,
    path: String,
}

impl Cloud {
    /// An empty account, and a copy of `infra/` that Terraform applies to it.
    ///
    /// # Errors
    /// If one of its parts cannot be started.
    pub async fn start() -> Result<Self> {
        let moto = tokio::task::spawn_blocking(Moto::start).await??;
        let engine = contacts_embedded::Engine::memory()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = contacts_embedded::serve(engine, listener).await?;
        let database = Endpoint::from(&server);
        let alb = Alb::empty();
        let front = alb.listen().await?;
        moto.tell(&json!({"front": front.address.to_string()}))?;
        let folder = TempDir::new()?;
        copy_of_infra(folder.path())?;
        let state = Arc::default();
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(Keeper {
            moto: moto.clone(),
            database: database.clone(),
            alb: alb.clone(),
            folder: folder.path().to_owned(),
            state: Arc::clone(&state),
        }));
        Ok(Self {
            alb,
            front,
            moto,
            database,
            _server: server,
            folder,
            state,
            _keeper: keeper,
        })
    }

    /// The environment by which Terraform and the tools of `infra/tools` reach the account.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let url = self.moto.url();
        let mut all: Vec<_> = [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", url),
            ("TF_VAR_region", "us-east-1"),
            ("TF_IN_AUTOMATION", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for name in ["HOME", "PATH", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"] {
            if let Ok(value) = std::env::var(name) {
                all.push((name.to_owned(), value));
            }
        }
        all
    }

    /// Runs a command of `infra/tools` on the copy: its exit code, and what it said.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn tool(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let mut command = Command::new(crate::moto::python()?);
        command
            .args(["-m", "contact_manager_infra"])
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .env("PYTHONPATH", self.folder.path().join("infra/tools"))
            .current_dir(self.folder.path());
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = [done.stdout, done.stderr].concat();
        let code = done.status.code().context("the tool was killed")?;
        Ok((code, String::from_utf8_lossy(&said).into_owned()))
    }

    /// Writes a setting of Terraform for an environment, beside its own files.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn set(&self, environment: &str, settings: &str) -> Result<()> {
        let folder = self
            .folder
            .path()
            .join("infra/environments")
            .join(environment);
        fs::write(folder.join("simulator_override.tf"), SIMULATOR)?;
        fs::write(folder.join("test.auto.tfvars"), settings)?;
        Ok(())
    }

    /// What there is in the account.
    ///
    /// # Errors
    /// If moto has ended.
    pub async fn applied(&self) -> Result<Value> {
        applied(&self.moto).await
    }

    /// Waits until what was applied runs and is healthy.
    ///
    /// # Errors
    /// If that takes more than three minutes: what is amiss.
    pub async fn settle(&self) -> Result<()> {
        let begun = Instant::now();
        let mut looks = interval(BEAT);
        // What was found before may be out of date.
        self.state.lock().await.trouble = Some("nobody has looked yet".to_owned());
        loop {
            looks.tick().await;
            let Some(trouble) = self.state.lock().await.trouble.clone() else {
                return Ok(());
            };
            if begun.elapsed() > Duration::from_mins(3) {
                bail!("{trouble}");
            }
        }
    }

    /// The store in the table that was applied.
    ///
    /// # Errors
    /// If there is none.
    pub async fn store(&self) -> Result<contacts_store::Store> {
        let applied = self.applied().await?;
        let table = text(&applied["tables"][0], "TableName")?;
        let client = self.database.client();
        Ok(contacts_store::Store::new(client, table, 90))
    }

    /// A token that an operator makes for somebody, by the command that is deployed.
    ///
    /// # Errors
    /// If there is no table, or the command fails.
    pub async fn token(&self, name: &str) -> Result<String> {
        let applied = self.applied().await?;
        let table = text(&applied["tables"][0], "TableName")?;
        let mut command = Command::new(dist("worker-container")?);
        command
            .args(["token", name])
            .env_clear()
            .envs(self.database.environment())
            .env("CONTACTS_TABLE", table);
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "no token was made: {said}");
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// Everything that the functions and containers have written.
    pub async fn logs(&self) -> String {
        let state = self.state.lock().await;
        let functions = state.functions.values().map(|one| one.output().to_string());
        let tasks = state.tasks.iter().map(|running| {
            let name = running.service.rsplit('/').next().unwrap_or_default();
            running.task.log(name).unwrap_or_default()
        });
        functions.chain(tasks).collect()
    }
}

/// The settings by which the provider works with moto, and the state stays in the folder.
const SIMULATOR: &str = r#"
terraform {
  backend "local" {}
}

provider "aws" {
  max_retries                 = 5
  s3_use_path_style           = true
  skip_credentials_validation = true
}
"#;

async fn applied(moto: &Moto) -> Result<Value> {
    let moto = moto.clone();
    tokio::task::spawn_blocking(move || moto.tell(&json!({"applied": true}))).await?
}

/// Makes what runs what was applied.
struct Keeper {
    moto: Moto,
    database: Endpoint,
    alb: Alb,
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

async fn keep(keeper: Keeper) {
    let mut beats = interval(BEAT);
    loop {
        beats.tick().await;
        let applied = match applied(&keeper.moto).await {
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

/// What of a table has to be as the code makes it.
fn definition_of(table: &Value) -> Value {
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
fn versions(alias: &Value) -> Result<Vec<(String, usize)>> {
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
fn rules(applied: &Value) -> Result<Vec<Rule>> {
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

fn list(value: &Value) -> Result<&Vec<Value>> {
    static NONE: Vec<Value> = Vec::new();
    match value {
        Value::Null => Ok(&NONE),
        value => value
            .as_array()
            .with_context(|| format!("expected a list, got {value}")),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("expected {name} in {value}"))
}

fn strings(value: &Value) -> Result<Vec<String>> {
    let all = list(value)?.iter();
    all.map(|one| Ok(one.as_str().context("expected text")?.to_owned()))
        .collect()
}

fn pairs(value: &Value) -> Result<Vec<(String, String)>> {
    let all = list(value)?.iter();
    all.map(|one| {
        Ok((
            text(one, "name")?.to_owned(),
            text(one, "value")?.to_owned(),
        ))
    })
    .collect()
}

fn environment(value: &Value) -> Result<Vec<(String, String)>> {
    let all = value.as_object().into_iter().flatten();
    all.map(|(name, value)| {
        Ok((
            name.clone(),
            value.as_str().context("expected text")?.to_owned(),
        ))
    })
    .collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file that `make package` has made.
fn dist(name: &str) -> Result<PathBuf> {
    let file = repository().join("dist").join(name);
    file.canonicalize()
        .with_context(|| format!("there is no dist/{name}: run make package"))
}

/// Copies `infra/` into a folder, so that what Terraform writes beside it stays out of the repository.
///
/// # Errors
/// If something cannot be read or written.
pub fn copy_of_infra(folder: &Path) -> Result<PathBuf> {
    let infra = folder.join("infra");
    copy(&repository().join("infra"), &infra)?;
    Ok(infra)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // What somebody has applied from this checkout stays out of it.
        if name == ".terraform" || name.to_string_lossy().contains("tfstate") {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
