//! What the tests of this binary share.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_store::Store;
use contacts_tests::client::{Client, Request, Response};
use contacts_tests::dynamodb_local::Endpoint;
use contacts_tests::process::{Server, build};
use contacts_tests::redis::Redis;
use tokio::net::TcpListener;

const TABLE: &str = "contacts";

pub(crate) const BOOKS: &str = "/v1/books";
pub(crate) const CONTACTS: &str = "/v1/books/default/contacts";

/// A token that there is not.
const STRANGER: &str = "cm_0123456789012345678901234567890123456789012";

/// Two containers over one table and one cache.
pub(crate) struct Pair {
    pub(crate) apis: [Api; 2],
    pub(crate) redis: Redis,
    contacts: Contacts,
    _database: contacts_embedded::Server,
}

/// One of them.
pub(crate) struct Api {
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl Pair {
    /// With so many requests per second for a token.
    pub(crate) async fn start(redis: Redis, rate: u32) -> Self {
        let url = redis.url();
        Self::with(redis, &[("CONTACTS_CACHE_URL", &url)], rate).await
    }

    /// The same with these settings, by which they find the cache.
    pub(crate) async fn with(redis: Redis, settings: &[(&str, &str)], rate: u32) -> Self {
        let engine = Engine::memory().unwrap();
        let contacts = Contacts::new(Store::new(engine.client(), TABLE, 90));
        contacts.store().create_table().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let database = contacts_embedded::serve(engine, listener).await.unwrap();
        let mut environment = Endpoint::from(&database).environment();
        let rate = rate.to_string();
        let all = [("CONTACTS_TABLE", TABLE), ("CONTACTS_RATE_LIMIT", &rate)];
        for (name, value) in all.iter().chain(settings) {
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        Self {
            apis: [
                Api::start(&environment).await,
                Api::start(&environment).await,
            ],
            redis,
            contacts,
            _database: database,
        }
    }

    /// A token that may do everything, and its identifier.
    pub(crate) async fn token(&self, principal: &str) -> (String, String) {
        let maker = Identity {
            principal: principal.to_owned(),
            scopes: Scope::ALL.to_vec(),
        };
        let new = NewToken {
            name: "Marked Name".to_owned(),
            scopes: Scope::ALL.to_vec(),
            expires: None,
        };
        let (token, secret) = self.contacts.create_token(&maker, &new).await.unwrap();
        (secret, token.id.to_string())
    }

    /// Waits until both say that the cache answers, or that it does not.
    pub(crate) async fn until_cache_is(&self, up: bool) {
        for api in &self.apis {
            until(async || {
                // They notice when they need it, as for a token that nobody knows.
                api.get(BOOKS, STRANGER).await;
                api.metric("contacts_cache_up").await == f64::from(u8::from(up))
            })
            .await;
        }
    }
}

impl Api {
    async fn start(environment: &[(String, String)]) -> Self {
        static BINARY: OnceLock<PathBuf> = OnceLock::new();
        let build =
            || BINARY.get_or_init(|| build("api", "api-container", &["container"]).unwrap());
        let binary = tokio::task::spawn_blocking(build).await.unwrap();
        let server = Server::start(binary, environment).await.unwrap();
        let client = Client::new(server.address);
        Self { server, client }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        let request = Request::new("GET", path);
        let request = if token.is_empty() {
            request
        } else {
            request.bearer(token)
        };
        self.client.send(&request).await.unwrap()
    }

    /// The sum of the series that begin so.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let client = Client::new(self.server.metrics);
        let answer = client.send(&Request::new("GET", "/metrics")).await.unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        text.lines()
            .filter(|line| line.starts_with(series))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Uses of the cache with this label.
    pub(crate) async fn operations(&self, label: &str) -> f64 {
        let client = Client::new(self.server.metrics);
        let answer = client.send(&Request::new("GET", "/metrics")).await.unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        text.lines()
            .filter(|line| line.starts_with("contacts_cache_operations_total{"))
            .filter(|line| line.contains(label))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Look-ups that the cache answered.
    pub(crate) async fn hits(&self) -> f64 {
        self.metric("contacts_cache_operations_total{operation=\"get\",outcome=\"hit\"}")
            .await
    }
}

/// Waits for a condition; twenty seconds are several times what anything here may take.
pub(crate) async fn until(holds: impl AsyncFn() -> bool) {
    let mut tries = tokio::time::interval(Duration::from_millis(20));
    let wait = async {
        while !holds().await {
            tries.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}
