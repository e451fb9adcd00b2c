//! What the real functions write about requests and jobs, to be played again at other times.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contacts::{BookId, BookRef, Contacts, Draft, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_events::{Channel, Detail, EventKind, Events, NewSubscription, Sns};
use contacts_jobs::Message;
use contacts_store::Store;
use contacts_tests::alb::{Alb, Target};
use contacts_tests::calls::Role;
use contacts_tests::client::{Request, Response};
use contacts_tests::cloudwatch::{Counted, Metric, Samples, Seconds, read_emf};
use contacts_tests::dynamodb_local::Endpoint;
use contacts_tests::faults::{Fault, Faults, Gate, Rule};
use contacts_tests::lambda_runtime::{Function, Sandboxes};
use contacts_tests::moto::{Topic, shared};
use contacts_tests::process::{Line, build};
use contacts_tests::redis::Redis;
use contacts_tests::worker::{OWNER, Site, record};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use uuid::Uuid;

const TABLE: &str = "contacts";
const BOOKS: &str = "/v1/books";
const CONTACTS: &str = "/v1/books/default/contacts";

/// What anybody may ask for, and nothing else is about.
const DOCUMENT: &str = "/openapi.json";

/// A token that there is not.
const STRANGER: &str = "cm_0123456789012345678901234567890123456789012";

/// The names by which the functions are deployed.
pub(crate) const API: &str = "contact-manager-dev-api";
pub(crate) const WORKER: &str = "contact-manager-dev-worker";

/// What a function wrote about one request or one message.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Vec<(Metric, Vec<Counted>)>);

impl Recording {
    /// What these lines say.
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut samples = Samples::default();
        for line in lines {
            read_emf(&line.text, 0, &mut samples).unwrap();
        }
        let metrics = samples.metrics();
        Self(
            metrics
                .map(|metric| (metric.clone(), samples.within(metric, 0..1)))
                .collect(),
        )
    }

    /// As if it had happened so many times at this moment.
    pub(crate) fn play(&self, times: u32, at: Seconds, samples: &mut Samples) {
        for (metric, values) in &self.0 {
            let values = values.iter().map(|(value, count)| (*value, count * times));
            samples.put(metric, at, values);
        }
    }

    /// The metrics that it speaks of.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.0.iter().map(|(metric, _)| metric)
    }

    /// All that it says of a metric.
    pub(crate) fn sum(&self, metric: &Metric) -> f64 {
        let found = self.0.iter().find(|(one, _)| one == metric);
        let values = found.into_iter().flat_map(|(_, values)| values);
        values.map(|(value, count)| value * f64::from(*count)).sum()
    }
}

/// A metric of a function, with one more dimension or without.
pub(crate) fn own(name: &str, service: &str, more: Option<(&str, &str)>) -> Metric {
    let mut dimensions = vec![("service", service)];
    dimensions.extend(more);
    Metric::new("ContactManager", name, &dimensions)
}

/// A real `api-lambda` behind a load balancer, over a database that can fail.
pub(crate) struct Api {
    pub(crate) faults: Faults,
    pub(crate) sandboxes: Arc<Sandboxes>,
    alb: Alb,
    token: String,
    _database: contacts_embedded::Server,
}

impl Api {
    /// With these settings, and so much time for an answer.
    pub(crate) async fn start(settings: &[(&str, &str)], timeout: Duration) -> Self {
        let engine = Engine::memory().unwrap();
        let contacts = Contacts::new(Store::new(engine.client(), TABLE, 90));
        contacts.store().create_table().await.unwrap();
        let everybody = Identity {
            principal: "somebody".to_owned(),
            scopes: Scope::ALL.to_vec(),
        };
        let new = NewToken {
            name: "test".to_owned(),
            scopes: Scope::ALL.to_vec(),
            expires: None,
        };
        let (_, token) = contacts.create_token(&everybody, &new).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let database = contacts_embedded::serve(engine, listener).await.unwrap();
        let faults = Faults::start(&Endpoint::from(&database), 1).await.unwrap();
        let built = tokio::task::spawn_blocking(|| build("api", "api-lambda", &["lambda"]));
        let mut function = Function::new(built.await.unwrap().unwrap());
        function.environment = faults.endpoint().environment();
        function.environment.push(Role::Api.environment());
        function.timeout = timeout;
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", API),
            ("AWS_SESSION_TOKEN", ""),
            ("CONTACTS_TABLE", TABLE),
            ("CONTACTS_RATE_LIMIT", "0"),
        ]
        .iter()
        .chain(settings)
        {
            function = function.env(name, value);
        }
        let sandboxes = Arc::new(Sandboxes::start(function, 1).await.unwrap());
        Self {
            alb: Alb::new(Target::Lambda(Arc::clone(&sandboxes))),
            faults,
            sandboxes,
            token,
            _database: database,
        }
    }

    /// Asks for the books.
    pub(crate) async fn ask(&self) -> Response {
        self.ask_with(&self.token).await
    }

    async fn ask_with(&self, token: &str) -> Response {
        let request = Request::new("GET", BOOKS).header("host", "contacts.example");
        self.alb.send(request.bearer(token)).await
    }

    /// What it writes of one request that it answers.
    pub(crate) async fn record(&self) -> Recording {
        self.record_with(&self.token, 200).await
    }

    /// What it writes of one request with this token, which gets this status.
    async fn record_with(&self, token: &str, status: u16) -> Recording {
        let ask = async || assert_eq!(self.ask_with(token).await.status, status);
        self.record_while(ask).await
    }

    /// What it writes of a contact that is created while another write holds the book.
    async fn record_conflict(&self) -> Recording {
        let rule = Rule::new(Fault::TransactionConflict).times(1);
        self.faults.inject(rule.on("TransactWriteItems"));
        let create = Request::new("POST", CONTACTS).header("host", "contacts.example");
        let create =
            create.json(&json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada"}}));
        let create = create.bearer(&self.token);
        let ask = async || assert_eq!(self.alb.send(create.clone()).await.status, 201);
        self.record_while(ask).await
    }

    /// What it writes of requests until there are too many.
    async fn record_limit(&self) -> Recording {
        self.record_while(async || while self.ask().await.status != 429 {})
            .await
    }

    async fn record_while(&self, ask: impl AsyncFnOnce()) -> Recording {
        let before = self.written().await;
        ask().await;
        self.written().await;
        let mut lines = self.sandboxes.output().lines().split_off(before);
        lines.retain(|line| !line.text.contains(DOCUMENT));
        Recording::of(&lines)
    }

    /// How many lines it had written when it was asked for its document: all of the requests before are among
    /// them, as what it writes is read a little later.
    async fn written(&self) -> usize {
        let id = Uuid::new_v4().to_string();
        let asked = Request::new("GET", DOCUMENT).header("host", "contacts.example");
        self.alb.send(asked.header("x-request-id", &id)).await;
        let output = self.sandboxes.output();
        output
            .wait_for(|line| line.text.contains(&id))
            .await
            .unwrap();
        let lines = output.lines();
        lines
            .iter()
            .position(|line| line.text.contains(&id))
            .unwrap()
    }
}

/// One of everything that alarms listen for.
pub(crate) struct Recordings {
    pub(crate) answered: Recording,
    pub(crate) failed: Recording,
    pub(crate) slow: Recording,
    pub(crate) throttled: Recording,
    pub(crate) refused: Recording,
    pub(crate) conflicted: Recording,
    pub(crate) limited: Recording,
    pub(crate) with_cache: Recording,
    pub(crate) without_cache: Recording,
    pub(crate) job_done: Recording,
    pub(crate) job_failed: Recording,
    pub(crate) told_soon: Recording,
    pub(crate) told_late: Recording,
}

impl Recordings {
    /// Made once for all tests of this program.
    pub(crate) async fn get() -> &'static Self {
        static ALL: OnceCell<Recordings> = OnceCell::const_new();
        ALL.get_or_init(Self::make).await
    }

    pub(crate) fn all(&self) -> [&Recording; 13] {
        [
            &self.answered,
            &self.failed,
            &self.slow,
            &self.throttled,
            &self.refused,
            &self.conflicted,
            &self.limited,
            &self.with_cache,
            &self.without_cache,
            &self.job_done,
            &self.job_failed,
            &self.told_soon,
            &self.told_late,
        ]
    }

    async fn make() -> Self {
        let patience = Duration::from_secs(30);
        let api = Api::start(&[], patience).await;
        let answered = api.record().await;
        let refused = api.record_with(STRANGER, 401).await;
        api.faults.inject(Rule::new(Fault::Throttle).times(1));
        let throttled = api.record().await;
        api.faults.clear();
        let conflicted = api.record_conflict().await;
        api.faults.clear();
        api.faults.inject(Rule::new(Fault::InternalServerError));
        let failed = api.record_with(&api.token, 503).await;
        api.faults.clear();
        let gate = Gate::closed();
        api.faults
            .inject(Rule::new(Fault::Wait(gate.clone())).times(1));
        let wait = async {
            gate.arrived(1).await;
            // A request that takes longer than a second must take longer than a second.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            gate.open();
        };
        let (slow, ()) = tokio::join!(api.record(), wait);

        let few = Api::start(&[("CONTACTS_RATE_LIMIT", "1")], patience).await;
        let limited = few.record_limit().await;

        let redis = Redis::start().await.unwrap();
        let url = redis.url();
        let cached = async |up: f64| {
            // Whether there is a cache is written with the first answer, and it may answer a moment later.
            for _ in 0..10 {
                let api = Api::start(&[("CONTACTS_CACHE_URL", &url)], patience).await;
                let recording = api.record().await;
                if recording.sum(&own("contacts_cache_up", API, None)) == up {
                    return recording;
                }
            }
            panic!("contacts_cache_up never was {up}");
        };
        let with_cache = cached(1.0).await;
        drop(redis);
        let without_cache = cached(0.0).await;

        let worker = async || Worker::start(patience).await;
        let verifier = worker().await;
        let book = verifier.site.book(3).await.unwrap();
        Self {
            answered,
            failed,
            slow,
            throttled,
            refused,
            conflicted,
            limited,
            with_cache,
            without_cache,
            job_done: verifier.verifies(book, "succeeded").await,
            job_failed: verifier.verifies(BookId::random(), "failed").await,
            told_soon: worker().await.tells_after(250).await,
            told_late: worker().await.tells_after(301).await,
        }
    }
}

/// A real `worker-lambda`, over a table and a queue.
struct Worker {
    site: Site,
    sandboxes: Sandboxes,
    topic: Topic,
}

impl Worker {
    async fn start(timeout: Duration) -> Self {
        let site = Site::new(timeout).await.unwrap();
        let name = BookId::random().to_string();
        let topic = shared().await.topic(&name).await.unwrap();
        let built = tokio::task::spawn_blocking(|| build("worker", "worker-lambda", &["lambda"]));
        let mut function = Function::new(built.await.unwrap().unwrap());
        function.environment = site.environment_of(Role::Worker);
        let function = function
            .env("AWS_LAMBDA_FUNCTION_NAME", WORKER)
            .env("AWS_SESSION_TOKEN", "")
            .env("CONTACTS_TOPIC_ARN", topic.arn());
        Self {
            sandboxes: Sandboxes::start(function, 1).await.unwrap(),
            site,
            topic,
        }
    }

    /// The first line that it writes with these words, given a message.
    async fn record(&self, message: &Message, words: [&str; 2]) -> Recording {
        let event = json!({"Records": [record("1", &message.text(), "1")]});
        self.sandboxes.invoke(&event).await.unwrap();
        let fits = |line: &Line| words.iter().all(|word| line.text.contains(word));
        let line = self.sandboxes.output().wait_for(fits).await;
        Recording::of(&[line.unwrap()])
    }

    /// What it writes of a job that verifies a book.
    async fn verifies(&self, book: BookId, state: &str) -> Recording {
        let job = self.site.job("verify-book", Some(book)).await.unwrap().id;
        let words = ["contacts_jobs_ended_total", state];
        self.record(&Message::job(job), words).await
    }

    /// What it writes of a change that somebody hears of after so many seconds.
    async fn tells_after(&self, seconds: i64) -> Recording {
        let moto = shared().await;
        let name = BookId::random().to_string();
        let queue = moto.queue(&name, Duration::from_mins(1)).await.unwrap();
        let contacts = Contacts::new(self.site.store().clone());
        let sns = Sns::new(&moto.config(), self.topic.arn());
        let events = Events::new(contacts.clone(), contacts_events::Topic::Sns(sns));
        let book = contacts
            .create_book(OWNER, "Friends", None)
            .await
            .unwrap()
            .id;
        let wish = NewSubscription {
            book: BookRef::Id(book),
            kinds: EventKind::ALL.to_vec(),
            channel: Channel::Sqs,
            address: queue.arn().to_owned(),
            detail: Detail::None,
            time_zone: "UTC".to_owned(),
        };
        events.subscribe(OWNER, &wish, None).await.unwrap();
        let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada"}});
        let draft = Draft::Json(card.to_string().into_bytes());
        let made = contacts.create(OWNER, BookRef::Id(book), draft, None);
        made.await.unwrap();
        let at = Timestamp::now().as_millisecond() - 1000 * seconds;
        // When the subscription was made, and the change after it.
        let times = [("S#", "created"), ("O#", "at")];
        for mut item in self.site.items().await.unwrap() {
            let of = |(prefix, _): &&(&str, _)| item["pk"].as_s().unwrap().starts_with(prefix);
            if let Some((_, name)) = times.iter().find(of) {
                item.insert((*name).to_owned(), AttributeValue::N(at.to_string()));
                self.site.put(item).await.unwrap();
            }
        }
        let words = ["contacts_event_age_seconds", "sqs"];
        self.record(&Message::outbox(book), words).await
    }
}
