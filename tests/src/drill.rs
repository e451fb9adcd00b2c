//! Clients that go on while something happens to the service, and what they saw of it.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};
use uuid::Uuid;

use crate::{
    alb::Alb,
    client::{Request, Response},
    cloud::{Cloud, Release},
};

/// Clients at once.
const CLIENTS: usize = 4;
/// From one request of a client to its next.
const PACE: Duration = Duration::from_millis(100);
/// How often a request that failed is made again.
const TRIES: usize = 50;

/// Who is told by email.
pub const ON_CALL: &str = "on-call@example.com";
const CONTACTS: &str = "/v1/books/default/contacts";

/// What clients saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests made.
    pub requests: u64,
    /// Those that were not answered as they should have been.
    pub failed: u64,
    /// Contacts whose creation was acknowledged and that are not there.
    pub lost: u64,
    /// Contacts that are there and that nobody was told of: a write that was carried out twice.
    pub doubled: u64,
    /// The longest that an answer took.
    pub longest: Duration,
}

impl Report {
    /// Whether nobody noticed anything.
    #[must_use]
    pub fn is_unharmed(&self) -> bool {
        self.requests > 0 && (self.failed, self.lost, self.doubled) == (0, 0, 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            failed,
            lost,
            doubled,
            longest,
        } = self;
        write!(
            f,
            "requests={requests} failed={failed} lost={lost} doubled={doubled} longest_ms={}",
            longest.as_millis()
        )
    }
}

/// How long a step and a look take, and what follows, in seconds.
const QUICKLY: [&str; 8] = [
    "--step",
    "1",
    "--look",
    "0.2",
    "--standby",
    "1",
    "--drain",
    "1",
];
/// Long enough for what is counted to be seen before the next step.
const WITH_CARE: [&str; 8] = [
    "--step",
    "5",
    "--look",
    "0.2",
    "--standby",
    "1",
    "--drain",
    "1",
];

/// The exit code of a command that went back by itself.
const ROLLED_BACK: i32 = 3;

/// Applies the environment `dev` with this target, and no limit for clients, who are few and ask a lot.
///
/// # Errors
/// If it cannot be applied, or what was applied does not run.
pub async fn deploy(cloud: &Cloud, target: &str, release: &Release) -> Result<()> {
    deploy_at(cloud, target, release, 1).await
}

/// Deploys a release to an environment whose alerts come so many times as fast.
///
/// # Errors
/// As with [`deploy`].
pub async fn deploy_at(cloud: &Cloud, target: &str, release: &Release, pace: u32) -> Result<()> {
    let (code, said) = try_deploy(cloud, target, release, pace).await?;
    ensure!(code == 0, "the deploy ended with {code}: {said}");
    // Until somebody has, SNS keeps the subscription, whoever wants to end it.
    cloud.confirm(ON_CALL)?;
    cloud.settle().await
}

/// Deploys what is on record as deployed.
///
/// # Errors
/// If it cannot be applied, or what was applied does not run.
pub async fn deploy_again(cloud: &Cloud) -> Result<()> {
    let what = ["deploy", "--env", "dev", "--yes", "1"];
    let (code, said) = cloud.tool(&[&what[..], &WITH_CARE[..4]].concat()).await?;
    ensure!(code == 0, "the deploy ended with {code}: {said}");
    cloud.settle().await
}

async fn try_deploy(
    cloud: &Cloud,
    target: &str,
    release: &Release,
    pace: u32,
) -> Result<(i32, String)> {
    let settings = format!(
        "target = \"{target}\"\nsettings = {{ rate_limit = 0 }}\nalerts = {{ emails = [\"{ON_CALL}\"], pace = {pace} }}\n"
    );
    cloud.set("dev", &settings)?;
    cloud.push(release);
    let zips = release.folder.display().to_string();
    let what = [
        "deploy",
        "--env",
        "dev",
        "--zip",
        &zips,
        "--image",
        &release.image,
    ];
    cloud
        .tool(&[&what[..], &["--yes", "1"], &WITH_CARE[..4]].concat())
        .await
}

/// Whether Terraform finds the environment as it was planned.
///
/// # Errors
/// If it would change something: what.
pub async fn is_as_planned(cloud: &Cloud) -> Result<()> {
    let (code, said) = cloud
        .tool(&["plan", "--env", "dev", "--drift", "1"])
        .await?;
    ensure!(
        code == 0,
        "a plan right after the apply ended with {code}: {said}"
    );
    Ok(())
}

/// Moves the traffic while clients work.
///
/// # Errors
/// If it is not moved, or what is live then does not run.
pub async fn switch(cloud: &Cloud, token: &str, to: &str) -> Result<Report> {
    let load = Load::start(&cloud.alb, token).await?;
    let (code, said) = try_switch(cloud, to, &QUICKLY).await?;
    ensure!(code == 0, "the switch to {to} ended with {code}: {said}");
    cloud.settle().await?;
    load.stop().await
}

async fn try_switch(cloud: &Cloud, to: &str, times: &[&str]) -> Result<(i32, String)> {
    let what = ["switch", "--env", "dev", "--to", to, "--yes", "1"];
    cloud.tool(&[&what[..], times].concat()).await
}

/// Deploys a release that has to go back by itself, while clients work: what they saw, and what was said.
///
/// # Errors
/// If it does not go back.
pub async fn deploy_in_vain(
    cloud: &Cloud,
    token: &str,
    target: &str,
    release: &Release,
) -> Result<(Report, String)> {
    let load = Load::start(&cloud.alb, token).await?;
    let (code, said) = try_deploy(cloud, target, release, 1).await?;
    ensure!(code == ROLLED_BACK, "the deploy ended with {code}: {said}");
    cloud.settle().await?;
    Ok((load.stop().await?, said))
}

/// Switches to a side that has to be given up, while clients work: what they saw, and what was said.
///
/// # Errors
/// If the traffic does not go back.
pub async fn switch_in_vain(cloud: &Cloud, token: &str, to: &str) -> Result<(Report, String)> {
    let load = Load::start(&cloud.alb, token).await?;
    let (code, said) = try_switch(cloud, to, &WITH_CARE).await?;
    ensure!(
        code == ROLLED_BACK,
        "the switch to {to} ended with {code}: {said}"
    );
    cloud.settle().await?;
    Ok((load.stop().await?, said))
}

/// Lets something happen while clients work, and waits until all is as it was.
///
/// # Errors
/// If it does not become so.
pub async fn endure(
    cloud: &Cloud,
    token: &str,
    happens: impl Future<Output = Result<()>>,
) -> Result<Report> {
    let load = Load::start(&cloud.alb, token).await?;
    happens.await?;
    cloud.settle().await?;
    load.stop().await
}

/// A release like this one, in a folder of its own, but for the files that are replaced: a name and what
/// takes its place.
///
/// # Errors
/// If a file cannot be written.
pub fn release_with(good: &Release, folder: &Path, replaced: &[(&str, &Path)]) -> Result<Release> {
    fs::create_dir_all(folder)?;
    for file in fs::read_dir(&good.folder)? {
        let file = file?;
        let to = folder.join(file.file_name());
        let other = replaced.iter().find(|(name, _)| *name == file.file_name());
        fs::copy(
            other.map_or(file.path(), |(_, path)| (*path).to_owned()),
            to,
        )?;
    }
    Release::of(folder)
}

/// Takes the environment away.
///
/// # Errors
/// If something stays.
pub async fn destroy(cloud: &Cloud) -> Result<()> {
    let (code, said) = cloud
        .tool(&["destroy", "--env", "dev", "--yes", "1"])
        .await?;
    ensure!(code == 0, "the destroy ended with {code}: {said}");
    cloud.settle().await
}

/// Clients that create contacts and read them back through a load balancer until they are told to stop.
#[derive(Debug)]
pub struct Load {
    alb: Alb,
    token: String,
    /// The contacts that were there before.
    before: BTreeSet<String>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<Seen>,
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    report: Report,
    /// The ids that were acknowledged.
    made: BTreeSet<String>,
}

impl Load {
    /// Starts them.
    ///
    /// # Errors
    /// If the service does not answer.
    pub async fn start(alb: &Alb, token: &str) -> Result<Self> {
        let before = all(alb, token).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(go_on(alb.clone(), token.to_owned(), Arc::clone(&stop)));
        }
        Ok(Self {
            alb: alb.clone(),
            token: token.to_owned(),
            before,
            stop,
            clients,
        })
    }

    /// Stops them, and compares what they were told with what is there.
    ///
    /// # Errors
    /// If the service does not answer afterwards.
    pub async fn stop(mut self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        let (mut report, mut made) = (Report::default(), BTreeSet::new());
        while let Some(seen) = self.clients.join_next().await {
            let seen = seen?;
            report.requests += seen.report.requests;
            report.failed += seen.report.failed;
            report.longest = report.longest.max(seen.report.longest);
            made.extend(seen.made);
        }
        let there = all(&self.alb, &self.token).await?;
        report.lost = made.difference(&there).count() as u64;
        let new = there.difference(&self.before);
        report.doubled = new.filter(|id| !made.contains(*id)).count() as u64;
        Ok(report)
    }
}

/// The ids of all contacts.
async fn all(alb: &Alb, token: &str) -> Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = format!("{CONTACTS}?limit=500{cursor}");
        let page = alb.send(request("GET", &page, token)).await;
        ensure!(page.status == 200, "a page of the list is {}", page.status);
        let page = page.json()?;
        for item in page["items"].as_array().context("a page has items")? {
            let id = item["id"].as_str().context("an item has an id")?;
            there.insert(id.to_owned());
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(there),
        }
    }
}

fn request(method: &str, target: &str, token: &str) -> Request {
    Request::new(method, target)
        .header("host", "contacts.example")
        .bearer(token)
}

async fn go_on(alb: Alb, token: String, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut pace = interval(PACE);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let uid = format!("urn:uuid:{}", Uuid::new_v4());
        let card = json!({"@type": "Card", "version": "1.0", "uid": uid, "name": {"full": uid}});
        let create = request("POST", CONTACTS, &token)
            .header("idempotency-key", &uid)
            .json(&card);
        let Some(created) = seen.ask(&alb, &create, 201).await else {
            continue;
        };
        let Some(id) = created
            .json()
            .ok()
            .and_then(|body| Some(body["id"].as_str()?.to_owned()))
        else {
            seen.report.failed += 1;
            continue;
        };
        pace.tick().await;
        let read = request("GET", &format!("{CONTACTS}/{id}"), &token);
        seen.ask(&alb, &read, 200).await;
        seen.made.insert(id);
    }
    seen
}

impl Seen {
    /// The answer with that status; each other one counts, and the request is made again.
    async fn ask(&mut self, alb: &Alb, request: &Request, wanted: u16) -> Option<Response> {
        let mut pace = interval(PACE);
        pace.tick().await;
        for _ in 0..TRIES {
            let begun = Instant::now();
            let answer = alb.send(request.clone()).await;
            self.report.requests += 1;
            self.report.longest = self.report.longest.max(begun.elapsed());
            if answer.status == wanted {
                return Some(answer);
            }
            self.report.failed += 1;
            pace.tick().await;
        }
        None
    }
}
