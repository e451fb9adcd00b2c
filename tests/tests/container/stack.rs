//! The compose file without a container engine: each service is a process of this machine, with the
//! commands, variables, files and ports that the file gives it, on loopback ports of its own. What is ours
//! runs in the image.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use contacts_tests::client::{Client, Request, Response};
use contacts_tests::dynamodb_local;
use contacts_tests::process::Process;
use contacts_tests::repository;
use contacts_tests::tools::{alertmanager, program, program_folders};
use serde_json::json;
use tempfile::TempDir;

use crate::compose::{Service, services};
use crate::dashboard::{finds_something, queries};
use crate::image::{Image, image};
use crate::support::until;
use crate::translation::{Ports, place};

/// AWS's distribution of the collector. Here one of the same components takes its place.
const COLLECTOR: &str = "public.ecr.aws/aws-observability/aws-otel-collector";

/// No package has it, and nothing waits for it.
const UNTRIED: &str = "grafana";

/// What an image of others starts, as its Dockerfile says, told to stay on loopback; none if this machine
/// has no such program.
fn entrypoint(image: &str) -> Option<&'static [&'static str]> {
    match image {
        "motoserver/moto" => Some(&["moto_server", "--host", "127.0.0.1"]),
        // Its script starts the command as it is.
        "valkey/valkey" => Some(&[]),
        "prom/prometheus" => Some(&["prometheus"]),
        "prom/alertmanager" => Some(&["alertmanager"]),
        COLLECTOR => Some(&["collector"]),
        _ => None,
    }
}

/// Programs that go by other names in Debian.
const ALIASES: [(&str, &[&str]); 2] = [
    ("valkey-server", &["redis-server", "redis-check-rdb"]),
    ("valkey-cli", &["redis-cli"]),
];

/// The services of the file, running.
struct Stack {
    image: &'static Image,
    services: BTreeMap<String, Service>,
    ports: Ports,
    folder: TempDir,
    path: String,
    processes: BTreeMap<String, Process>,
}

impl Stack {
    async fn start() -> Result<Self> {
        let mut services = services()?;
        services.remove(UNTRIED).context(UNTRIED)?;
        let folder = TempDir::new()?;
        let mut stack = Self {
            image: image().await,
            ports: Ports::new(services.keys().cloned()),
            services,
            path: path(folder.path())?,
            folder,
            processes: BTreeMap::new(),
        };
        let mut left: BTreeSet<String> = stack.services.keys().cloned().collect();
        while !left.is_empty() {
            let is_ready = |name: &&String| {
                let needs = stack.services[*name].needs();
                needs.iter().all(|(needed, _)| !left.contains(*needed))
            };
            let next = left.iter().find(is_ready).cloned();
            let next = next.context("the services wait for each other")?;
            stack.bring_up(&next).await.with_context(|| next.clone())?;
            left.remove(&next);
        }
        Ok(stack)
    }

    /// Starts a service and waits until those that need it may start.
    async fn bring_up(&mut self, name: &str) -> Result<()> {
        let service = &self.services[name];
        if name == "dynamodb" {
            // It listens on all addresses and cannot be told otherwise: the tests' own way to it does not.
            let url = dynamodb_local::shared().await.url;
            let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
            self.ports.set(name, 8000, port.context(url)?);
        } else {
            let process = self.launch(name, service)?;
            self.processes.insert(name.to_owned(), process);
        }
        let Some(check) = self.services[name].health_check() else {
            let process = self.processes.get_mut(name).context("it was started")?;
            let ended = process.wait().await?;
            ensure!(ended.success(), "{ended}: {}", process.output());
            return Ok(());
        };
        let check = match check.as_slice() {
            // A program of the image that asks the extension for it.
            [one] if one == "/healthcheck" => {
                let port = self.ports.of(name, 13133)?;
                let url = format!("http://127.0.0.1:{port}");
                ["curl", "--fail", "--silent", &url]
                    .map(str::to_owned)
                    .to_vec()
            }
            words => self.ports.words(name, words)?,
        };
        let this = &*self;
        let healthy = until("a passing health check", async || {
            let service = &this.services[name];
            let mut process = this.run(name, service, &check)?;
            Ok(process.wait().await?.success())
        });
        healthy
            .await
            .with_context(|| match self.processes.get(name) {
                Some(process) => process.output().to_string(),
                None => String::new(),
            })
    }

    fn launch(&self, name: &str, service: &Service) -> Result<Process> {
        let mut command = service.words("entrypoint");
        if command.is_empty() && !service.is_ours() {
            let own = entrypoint(service.image()).with_context(|| service.image().to_owned())?;
            command.extend(own.iter().map(|word| (*word).to_owned()));
        }
        command.extend(self.ports.words(name, &service.words("command"))?);
        if service.image() == "valkey/valkey" {
            // In the image every address is the container's own.
            command.extend(["--bind", "127.0.0.1"].map(str::to_owned));
        }
        let places = self.places(name, service)?;
        let command: Vec<String> = command.iter().map(|word| place(word, &places)).collect();
        self.run(name, service, &command)
    }

    /// Runs a command where and as the service would.
    fn run(&self, name: &str, service: &Service, command: &[String]) -> Result<Process> {
        let mut environment = Vec::new();
        for (variable, value) in service.environment() {
            environment.push((variable, self.ports.translate(name, &value)?));
        }
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if service.is_ours() {
            return self.image.start(&words, &environment);
        }
        let (program, arguments) = words.split_first().context("a command")?;
        let program = env::split_paths(&self.path).map(|folder| folder.join(program));
        let program = program.into_iter().find(|path| path.is_file());
        let program = program.with_context(|| format!("{} is missing", words[0]))?;
        environment.push(("PATH".to_owned(), self.path.clone()));
        Process::start(&program, arguments, &environment)
    }

    /// Where the files and folders of a service are: of its volumes a copy that names the addresses of this
    /// machine, of what it keeps in memory an empty folder.
    fn places(&self, name: &str, service: &Service) -> Result<Vec<(String, String)>> {
        let mut places = Vec::new();
        let mut next = |target: String| -> Result<PathBuf> {
            let place = self.folder.path().join(name).join(places.len().to_string());
            fs::create_dir_all(self.folder.path().join(name))?;
            let text = place.to_str().context("the path is UTF-8")?;
            places.push((target, text.to_owned()));
            Ok(place)
        };
        for (source, target) in service.volumes() {
            let source = repository().join("container").join(source);
            self.copy(name, &source, &next(target)?)?;
        }
        for target in service.words("tmpfs") {
            fs::create_dir(next(target)?)?;
        }
        Ok(places)
    }

    fn copy(&self, name: &str, from: &Path, to: &Path) -> Result<()> {
        if !from.is_dir() {
            let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
            return Ok(fs::write(to, self.ports.translate(name, &text)?)?);
        }
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            self.copy(name, &entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    }

    /// A client for a port of a service.
    fn client(&self, name: &str, port: u16) -> Result<Client> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports.of(name, port)?));
        Ok(Client::new(address))
    }

    /// A token, made as README.md says.
    async fn token(&self) -> Result<String> {
        let command = ["/worker-container", "token", "somebody"].map(str::to_owned);
        let process = self.run("worker", &self.services["worker"], &command)?;
        let line = process
            .output()
            .wait_for(|line| line.text.starts_with("cm_"));
        Ok(line.await?.text)
    }
}

/// The folders of the programs: first one with those that go by other names here, then that of moto,
/// whose Python is the one of its image.
fn path(folder: &Path) -> Result<String> {
    let bin = folder.join("bin");
    fs::create_dir(&bin)?;
    for (name, here) in ALIASES {
        symlink(program(here)?, bin.join(name))?;
    }
    alertmanager(&bin)?;
    let moto = program(&["moto_server"])?.with_file_name("");
    let all = env::join_paths([bin, moto].into_iter().chain(program_folders()))?;
    all.into_string().ok().context("the path is UTF-8")
}

fn has_status(answer: &Response, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compose_file_brings_up_a_service_that_keeps_contacts_and_does_jobs() {
    let mut stack = Stack::start()
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    let token = stack.token().await.unwrap();
    let api = stack.client("api", 8080).unwrap();
    let send = async |request: Request| api.send(&request.bearer(&token)).await.unwrap();

    let ready = send(Request::new("GET", "/ready")).await;
    has_status(&ready, 200);
    let path = "/v1/books/default/contacts";
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}});
    let created = send(Request::new("POST", path).json(&card)).await;
    has_status(&created, 201);
    let read = send(Request::new("GET", created.text("location").unwrap())).await;
    assert_eq!(read.json().unwrap()["card"]["name"], card["name"]);

    // Through the queue to the worker, and back through the table.
    let job = json!({"kind": "verify-book", "book": "default"});
    let asked = send(Request::new("POST", "/v1/jobs").json(&job)).await;
    has_status(&asked, 202);
    let job = asked.text("location").unwrap().to_owned();
    until("a job", async || {
        let state = send(Request::new("GET", &job)).await.json()?["state"].take();
        ensure!(state != "failed", "{}", stack.processes["worker"].output());
        Ok(state == "succeeded")
    })
    .await
    .unwrap();

    // What the collector would scrape, by the addresses that its configuration names.
    for (service, metric) in [
        ("api", "contacts_cache_up 1"),
        ("api", "contacts_http_requests_total"),
        (
            "worker",
            "contacts_queue_messages_total{outcome=\"done\"} 1",
        ),
    ] {
        let metrics = stack.client(service, 5000).unwrap();
        let scraped = metrics
            .send(&Request::new("GET", "/metrics"))
            .await
            .unwrap();
        let text = String::from_utf8(scraped.body).unwrap();
        assert!(text.contains(metric), "{metric} of {service} in {text}");
    }

    // What the collector scraped is in Prometheus, of both.
    let prometheus = stack.client("prometheus", 9090).unwrap();
    until("samples of both programs", async || {
        let query = "/api/v1/query?query=sum(up%7Bjob%3D%22contact-manager%22%7D)";
        let found = prometheus.send(&Request::new("GET", query)).await?.json()?;
        Ok(found["data"]["result"][0]["value"][1] == "2")
    })
    .await
    .unwrap();

    // `docker compose up` runs what has ended once more.
    stack.bring_up("setup").await.unwrap();
    let list = send(Request::new("GET", path)).await.json().unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");

    // Every panel of the dashboard has something to show of somebody at work who is told of it.
    let wish = json!({"book": "default", "kinds": ["contact.created"], "channel": "email", "endpoint": "ada@example.com"});
    let asked = send(Request::new("POST", "/v1/subscriptions").json(&wish)).await;
    has_status(&asked, 201);
    let mut empty = queries().unwrap();
    let shown = until("something to show", async || {
        let created = send(Request::new("POST", path).json(&card)).await;
        send(Request::new(
            "GET",
            created.text("location").context("a place")?,
        ))
        .await;
        let mut left = Vec::new();
        for query in empty.drain(..) {
            if !finds_something(&prometheus, &query).await? {
                left.push(query);
            }
        }
        empty = left;
        Ok(empty.is_empty())
    });
    shown
        .await
        .unwrap_or_else(|error| panic!("{error}: {empty:?}"));
}
