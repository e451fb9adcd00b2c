//! The service as a function: `contacts_http::router` over an embedded database of its own.
//!
//! Every answer is held against what holds for all answers ([`crate::contract`]), so that each test
//! of a route is a test of the headers, the problems and the OpenAPI document as well.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as Database;
use aws_sdk_dynamodb::types::AttributeValue;
use contacts::{Cache, Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_events::{Events, Own, Resolve, Topic};
use contacts_history::{History, Objects};
use contacts_http::App;
use contacts_jobs::{Jobs, Message, Queue, Runner, TableQueue, Until, Verdict};
use contacts_settings::{Door, Settings, Strings};
use contacts_store::Store;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::client::{Request, Response};
use crate::contract;

const TABLE: &str = "contacts";

/// The service in this process. Clones share everything.
#[derive(Clone, Debug)]
pub struct TestApp {
    router: axum::Router,
    jobs: Jobs,
    contacts: Contacts,
    database: Database,
    settings: Settings,
    objects: Arc<TempDir>,
}

impl TestApp {
    /// A service with a database of its own in memory.
    ///
    /// # Errors
    /// If the database cannot be made.
    pub async fn new() -> Result<Self> {
        Self::with(&[]).await
    }

    /// The same with settings, as pairs of variable and value.
    ///
    /// # Errors
    /// If the settings are wrong or the database cannot be made.
    pub async fn with(settings: &[(&str, &str)]) -> Result<Self> {
        Self::over(Engine::memory()?.client(), settings).await
    }

    /// A service over the table of `database`, which is made if it is missing.
    ///
    /// # Errors
    /// If the settings are wrong or the table cannot be made.
    pub async fn over(database: Database, settings: &[(&str, &str)]) -> Result<Self> {
        let strings: Strings = settings.iter().copied().collect();
        let settings = Settings::read(Door::Standalone, &strings)?;
        Self::at(database, settings, Arc::new(tempfile::tempdir()?)).await
    }

    async fn at(database: Database, settings: Settings, objects: Arc<TempDir>) -> Result<Self> {
        let store = Store::new(database.clone(), TABLE, settings.table.changes_days);
        store.create_table().await?;
        let queue = Queue::Table(TableQueue::new(store.clone()));
        let topic = Topic::Own(Own::with_resolver(true, names()));
        let cache = Cache::of(&settings, &SdkConfig::builder().build());
        let history = History::new(Objects::folder(objects.path()), settings.history.days);
        let jobs = Jobs::open(store, cache, queue, topic).with_history(history);
        let app = App::new(jobs.clone(), &settings)?;
        Ok(Self {
            router: contacts_http::router(app),
            contacts: jobs.contacts().clone(),
            jobs,
            database,
            settings,
            objects,
        })
    }

    /// A second process over the same table, with the same settings: it shares the data and no memory.
    ///
    /// # Errors
    /// If the table cannot be reached.
    pub async fn sibling(&self) -> Result<Self> {
        let (database, settings) = (self.database.clone(), self.settings.clone());
        Self::at(database, settings, Arc::clone(&self.objects)).await
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.contacts.store()
    }

    /// The database beneath, for what no route does.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Every item of the table.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn items(&self) -> Result<Vec<HashMap<String, AttributeValue>>> {
        let scan = self.database.scan().table_name(TABLE);
        let items = scan.into_paginator().items().send();
        Ok(items.collect::<Result<_, _>>().await?)
    }

    /// The use cases on events; URLs of this machine may be subscribed.
    #[must_use]
    pub fn events(&self) -> &Events {
        self.jobs.events()
    }

    /// The history of figures.
    #[must_use]
    pub fn history(&self) -> &History {
        self.jobs.history()
    }

    /// The folder in which it is.
    #[must_use]
    pub fn objects(&self) -> &Path {
        self.objects.path()
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn tell(&self, message: &Message) -> Result<()> {
        Ok(self.jobs.queue().send(message).await?)
    }

    /// Works until the queue is empty, as a worker would.
    ///
    /// # Errors
    /// If the queue fails.
    pub async fn work(&self) -> Result<()> {
        let runner = Runner::new(self.jobs.clone());
        let queue = runner.queue();
        let until = Until::new(None, watch::channel(false).1);
        loop {
            let deliveries = queue.receive(10).await?;
            if deliveries.is_empty() {
                return Ok(());
            }
            for delivery in deliveries {
                match runner.handle(&delivery, &until).await {
                    Verdict::Done => queue.delete(&delivery).await?,
                    Verdict::Again => queue.hold(&delivery, Duration::ZERO).await?,
                }
            }
        }
    }

    /// The request's answer, which keeps the contract of all answers.
    ///
    /// # Panics
    /// If the request is none that could reach a router, or the answer breaks the contract.
    pub async fn send(&self, request: Request) -> Response {
        let mut built = http::Request::builder()
            .method(request.method.as_str())
            .uri(&*request.target);
        for (name, value) in &request.headers {
            built = built.header(name, &**value);
        }
        let built = built
            .body(Full::new(Bytes::from(request.body.clone())))
            .expect("a test sends what a server can parse");
        let Ok(answer) = self.router.clone().oneshot(built).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("bodies are in memory");
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        let response = Response {
            status: parts.status.as_u16(),
            headers,
            body: body.to_bytes().to_vec(),
        };
        contract::check(&request, &response);
        response
    }

    /// Somebody who may do everything with what is theirs.
    ///
    /// # Errors
    /// If the token cannot be stored.
    pub async fn caller(&self, principal: &str) -> Result<Caller> {
        self.caller_who(principal, &Scope::ALL, None).await
    }

    /// Somebody with a token of these scopes, which stops working at `expires`.
    ///
    /// # Errors
    /// If the token cannot be stored.
    pub async fn caller_who(
        &self,
        principal: &str,
        scopes: &[Scope],
        expires: Option<Timestamp>,
    ) -> Result<Caller> {
        let maker = Identity {
            principal: principal.to_owned(),
            scopes: Scope::ALL.to_vec(),
        };
        let new = NewToken {
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            expires,
        };
        let (_, token) = self.contacts.create_token(&maker, &new).await?;
        Ok(Caller {
            app: self.clone(),
            token,
        })
    }

    /// Asserts that the checker of the store is content.
    ///
    /// # Errors
    /// With what it found.
    pub async fn check(&self) -> Result<()> {
        let report = self.store().check().await?;
        anyhow::ensure!(report.findings.is_empty(), "{:?}", report.findings);
        anyhow::ensure!(report.leftovers == 0, "{} leftovers", report.leftovers);
        Ok(())
    }
}

/// The names of the examples lead to the public internet; there are no others.
fn names() -> Resolve {
    Arc::new(|name: String| {
        let known = name
            .ends_with(".example.org")
            .then(|| vec![[1, 1, 1, 1].into()]);
        Box::pin(async move { known.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    })
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The service.
    pub app: TestApp,
    /// Their token.
    pub token: String,
}

impl Caller {
    /// The request with their token.
    pub async fn send(&self, request: Request) -> Response {
        self.app.send(request.bearer(&self.token)).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Response {
        self.send(Request::new("GET", path)).await
    }

    /// GET with `Accept: text/vcard`.
    pub async fn get_vcard(&self, path: &str) -> Response {
        self.send(Request::new("GET", path).header("accept", "text/vcard"))
            .await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(Request::new("POST", path).json(body)).await
    }

    /// POST of a vCard, or several.
    pub async fn post_vcard(&self, path: &str, vcard: &[u8]) -> Response {
        self.send(Request::new("POST", path).body("text/vcard", vcard))
            .await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.send(Request::new("PUT", path).json(body)).await
    }

    /// PATCH with a merge patch.
    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        let request = Request::new("PATCH", path);
        self.send(request.body("application/merge-patch+json", body.to_string()))
            .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Request::new("DELETE", path)).await
    }

    /// Every item of a list, page by page. `path` has its query already, or none.
    ///
    /// # Errors
    /// If a page is refused.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = None::<String>;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{joint}cursor={cursor}")).await,
                None => self.get(path).await,
            };
            anyhow::ensure!(page.status == 200, "{page:?}");
            let page = page.json()?;
            items.extend(page["items"].as_array().context("no items")?.clone());
            match page["cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    /// Follows the change feed from `since`; the changes and the token at its end.
    ///
    /// # Errors
    /// If a page is refused.
    pub async fn changes(
        &self,
        book: &str,
        since: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Value>, String)> {
        let mut changes = Vec::new();
        let mut since = since.map(str::to_owned);
        loop {
            let mut path = format!("/v1/books/{book}/changes?limit={limit}");
            if let Some(since) = &since {
                path += &format!("&since={since}");
            }
            let page = self.get(&path).await;
            anyhow::ensure!(page.status == 200, "{page:?}");
            let page = page.json()?;
            changes.extend(page["changes"].as_array().context("no changes")?.clone());
            let token = page["token"].as_str().context("no token")?.to_owned();
            if page["more"] == false {
                return Ok((changes, token));
            }
            since = Some(token);
        }
    }
}
