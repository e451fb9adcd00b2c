//! What the programs call of AWS is what `tests/src/calls.txt` says: the proxies refuse more, and here it is
//! not less.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::{
    Client as Database, config::AppName, error::ProvideErrorMetadata as _, types::AttributeValue,
};
use contacts_history::History;
use contacts_jobs::Message;
use contacts_settings::{Door, Settings};
use contacts_telemetry::Reading;
use contacts_tests::{
    calls::{Made, Role, lines},
    client::{Client, Request, Response},
    faults::{Fault, Gate, Rule},
    moto::{self, Moto, Topic},
    process::{Process, Server, build, free_address},
    worker::{Item, Site},
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};
use uuid::Uuid;

/// How long anything waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Endpoints of two subscriptions.
const COMES_AND_GOES: &str = "comes@example.org";
const BREAKS_OFF: &str = "breaks@example.org";

struct Environment {
    site: Site,
    moto: Moto,
    topic: Topic,
    bucket: String,
}

impl Environment {
    async fn start() -> Self {
        let moto = moto::shared().await;
        let name = format!("t{}", Uuid::new_v4().simple());
        moto.bucket(&name).await.unwrap();
        Self {
            site: Site::new(Duration::from_secs(30)).await.unwrap(),
            topic: moto.topic(&name).await.unwrap(),
            bucket: format!("s3://{name}"),
            moto,
        }
    }

    fn variables(&self, role: Role) -> Vec<(String, String)> {
        let topic = ("CONTACTS_TOPIC_ARN".to_owned(), self.topic.arn().to_owned());
        let mut all = self.site.environment_of(role);
        all.push(topic);
        for (name, value) in [
            ("CONTACTS_OBJECTS_URL", &*self.bucket),
            ("CONTACTS_FUNCTIONS", "one-api,one-worker"),
            ("CONTACTS_DRAIN_S", "0"),
        ] {
            all.push((name.to_owned(), value.to_owned()));
        }
        all
    }

    fn calls(&self) -> BTreeSet<Made> {
        let queue = self.site.queue_faults.as_ref().unwrap();
        let mut all = self.site.faults.calls();
        all.extend(queue.calls());
        all
    }

    /// Waits until the role has made each of its calls.
    async fn until_made(&self, role: Role) {
        let listed = lines().into_iter().filter(|line| line.by.contains(&role));
        let listed: BTreeSet<_> = listed
            .map(|line| Made {
                by: role,
                call: line.call.to_owned(),
                on: line.on,
            })
            .collect();
        let begun = Instant::now();
        let mut looks = interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let mut made = self.calls();
            made.retain(|made| made.by == role);
            assert!(made.is_subset(&listed), "it was refused one of {made:#?}");
            let missing: Vec<_> = listed.difference(&made).collect();
            if missing.is_empty() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "never made: {missing:#?}");
        }
    }

    /// Writes minutes of two hours ago, as a task that is gone would have.
    async fn record(&self) {
        let settings = [
            ("CONTACTS_TABLE", "contacts"),
            ("CONTACTS_OBJECTS_URL", &*self.bucket),
        ];
        let settings = Settings::read(Door::Container, &settings.into_iter().collect()).unwrap();
        let history = History::open(&settings, &self.moto.config());
        let mut recorder = history.recorder("container", "gone").unwrap();
        recorder.see(Timestamp::now() - 2.hours(), &Reading::default());
        recorder.close();
        recorder.write().await.unwrap();
    }

    /// Makes the endpoint of an address look as if the process that subscribed it had died before it
    /// could note what SNS said, and what waits for the sweep as if it had waited for long.
    async fn age(&self, address: &str) {
        let text = |item: &Item, name: &str| {
            let value = item.get(name).and_then(|value| value.as_s().ok());
            value.cloned().unwrap_or_default()
        };
        for mut item in self.site.items().await.unwrap() {
            let unsaid = text(&item, "address") == address && item.remove("arn").is_some();
            let waits = text(&item, "pk").starts_with("O#") && text(&item, "sk").starts_with("E#");
            if waits {
                item.insert("at".to_owned(), AttributeValue::N("7".to_owned()));
            }
            if unsaid || waits {
                self.site.put(item).await.unwrap();
            }
        }
    }

    /// Receives the messages that wait, as a worker that dies would.
    async fn receive_in_vain(&self) {
        let queue = self.site.queue.as_ref().unwrap();
        let sqs = self.moto.sqs();
        let receive = sqs.receive_message().queue_url(queue.url());
        let receive = receive.max_number_of_messages(10).visibility_timeout(0);
        receive.send().await.unwrap();
    }
}

struct Caller {
    client: Client,
    token: String,
}

impl Caller {
    async fn send(&self, request: Request) -> Response {
        let request = request
            .header("host", "contacts.example")
            .bearer(&self.token);
        let answer = self.client.send(&request).await.unwrap();
        let said = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 300, "{said}");
        answer
    }

    async fn get(&self, path: &str) {
        self.send(Request::new("GET", path)).await;
    }

    async fn delete(&self, path: &str) {
        self.send(Request::new("DELETE", path)).await;
    }

    /// Creates something there; its path.
    async fn create(&self, path: &str, body: Value) -> String {
        let answer = self.send(Request::new("POST", path).json(&body)).await;
        answer.text("location").unwrap().to_owned()
    }

    async fn subscribe(&self, book: &str, channel: &str, endpoint: &str) -> String {
        let kinds = ["contact.created"];
        let wish = json!({"book": book, "kinds": kinds, "channel": channel, "endpoint": endpoint});
        self.create("/v1/subscriptions", wish).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_programs_make_every_call_on_the_list() {
    let environment = Environment::start().await;
    let site = &environment.site;
    let queue = site.queue.as_ref().unwrap();
    // More contacts than one step of a job takes.
    let full = site.book(60).await.unwrap();

    let (code, token) = site.command(&["token", "ada"]).await.unwrap();
    assert_eq!(code, Some(0), "{token}");
    queue
        .dead_letters()
        .send(&Message::Outbox(Uuid::new_v4().to_string()).text())
        .await
        .unwrap();
    for command in ["redrive", "begin-epoch", "check"] {
        let (code, said) = site.command(&[command]).await.unwrap();
        assert_eq!(code, Some(0), "{said}");
    }
    environment.until_made(Role::Operator).await;

    let path = tokio::task::spawn_blocking(|| build("api", "api-container", &["container"]));
    let variables = environment.variables(Role::Api);
    let path = path.await.unwrap().unwrap();
    let mut api = Server::start(&path, &variables).await.unwrap();
    // One that is told to stop writes its last minute.
    let mut other = Server::start(&path, &variables).await.unwrap();
    let stopped = other.process.terminate(PATIENCE).await.unwrap();
    assert!(stopped.success());
    environment.record().await;
    let ada = Caller {
        client: Client::new(api.address),
        token: token.trim().to_owned(),
    };
    let book = ada.create("/v1/books", json!({"name": "Friends"})).await;
    let name = book.rsplit('/').next().unwrap();
    let contacts = format!("{book}/contacts");
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}});
    let once = Request::new("POST", &contacts).header("idempotency-key", "once");
    ada.send(once.json(&card)).await;
    let contact = ada.create(&contacts, card.clone()).await;
    let patch = json!({"name": {"full": "Ada Byron"}}).to_string();
    let rename = Request::new("PATCH", &contact);
    ada.send(rename.body("application/merge-patch+json", patch))
        .await;
    ada.get(&format!("{contacts}?q=byron")).await;
    ada.get("/v1/system/history").await;
    ada.delete(&contact).await;
    let verify = json!({"kind": "verify-book", "book": name});
    ada.delete(&ada.create("/v1/jobs", verify).await).await;
    let end = (Timestamp::now() + 1.hour()).to_string();
    let token = json!({"name": "short", "scopes": ["tokens"], "expires": end});
    ada.delete(&ada.create("/v1/tokens", token).await).await;

    ada.subscribe(name, "https", "https://1.1.1.1/").await;
    let comes = ada.subscribe(name, "email", COMES_AND_GOES).await;
    environment.moto.confirm(COMES_AND_GOES).unwrap();
    environment.age(COMES_AND_GOES).await;
    ada.delete(&comes).await;
    ada.subscribe(name, "sqs", queue.dead_letters().arn()).await;
    ada.create(&contacts, card).await;
    // The API dies while SNS is to forget an endpoint.
    let breaks = ada.subscribe(name, "email", BREAKS_OFF).await;
    environment.moto.confirm(BREAKS_OFF).unwrap();
    environment.until_made(Role::Api).await;
    let gate = Gate::closed();
    let proxy = site.queue_faults.as_ref().unwrap();
    proxy.inject(Rule::new(Fault::Wait(gate.clone())).on("Unsubscribe"));
    let dying = tokio::spawn(async move {
        let request = Request::new("DELETE", &breaks).header("host", "contacts.example");
        let _ = ada.client.send(&request.bearer(&ada.token)).await;
    });
    gate.arrived(1).await;
    api.process.kill().await.unwrap();
    dying.await.unwrap();
    proxy.clear();
    environment.age(BREAKS_OFF).await;

    // A job whose message comes for the second time is handed on after a step.
    let reindex = site.job("reindex-book", Some(full)).await.unwrap();
    site.tell(&Message::job(reindex.id)).await.unwrap();
    environment.receive_in_vain().await;
    for kind in ["sweep-outbox", "compact-history"] {
        let schedule = Message::Schedule(kind.to_owned());
        site.tell(&schedule).await.unwrap();
    }
    queue.send("what no worker knows").await.unwrap();
    let path = tokio::task::spawn_blocking(|| build("worker", "worker-container", &["container"]));
    let mut variables = environment.variables(Role::Worker);
    variables.push((
        "CONTACTS_METRICS_LISTEN".to_owned(),
        free_address().unwrap().to_string(),
    ));
    let _worker = Process::start(&path.await.unwrap().unwrap(), &[], &variables).unwrap();
    site.until_done(reindex.id).await.unwrap();
    let deleted = site.delete(full).await.unwrap();
    site.tell(&Message::job(deleted.id)).await.unwrap();
    environment.until_made(Role::Worker).await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "call: \"dynamodb:ListTables\"")]
async fn a_call_that_is_not_on_the_list_is_refused_and_fails_its_test() {
    let site = Site::without_sqs().await.unwrap();
    let config = site.faults.endpoint().config();
    let api = AppName::new(Role::Api.name()).unwrap();
    let client = Database::from_conf(config.app_name(api).build());
    let refused = client.list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    // Whoever survives the refusal does not get past the end of the test.
}
