//! The two targets side by side: the real `api-container` and the real `api-lambda`, each behind a
//! load balancer of its own, over one database.
//!
//! The database is shared, so that a read of the same resource must give the same bytes, whoever
//! wrote it. A write is done once by each; its answers are compared without what is random in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_store::Store;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::alb::{Alb, Target};
use crate::calls::Role;
use crate::client::{Request, Response};
use crate::contract;
use crate::differences::{compare, without_figures, without_random};
use crate::dynamodb_local::Endpoint;
use crate::faults::Faults;
use crate::lambda_runtime::{Function, Sandboxes};
use crate::process::{Server, build};

/// The name of the table.
pub const TABLE: &str = "contacts";

/// What a comparison was about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compared {
    /// The method.
    pub method: String,
    /// The path template, if the path is that of an operation with this method.
    pub path: Option<&'static str>,
    /// The status of both answers.
    pub status: u16,
    /// The last part of the problem's `type`, if both answers are a problem.
    pub problem: Option<String>,
}

/// The answers of the container and of the function, in this order.
pub type Both<T = Response> = [T; 2];

/// The two targets.
#[derive(Debug)]
pub struct Twins {
    /// The container.
    pub container: Server,
    /// The function.
    pub sandboxes: Arc<Sandboxes>,
    /// The load balancers in front of them, in this order.
    pub albs: Both<Alb>,
    /// The use cases over the same table, past both.
    pub contacts: Contacts,
    /// The proxy between the targets and the database.
    pub faults: Faults,
    /// A token that may do everything.
    pub token: String,
    compared: Mutex<BTreeSet<Compared>>,
    _database: contacts_embedded::Server,
}

impl Twins {
    /// Builds both binaries and starts them, with one sandbox.
    ///
    /// # Errors
    /// If a build fails or a target does not start.
    pub async fn start() -> Result<Self> {
        Self::with(&[], 1).await
    }

    /// The same with settings, as pairs of variable and value, and with so many sandboxes.
    ///
    /// # Errors
    /// As with [`Twins::start`].
    pub async fn with(settings: &[(&str, &str)], sandboxes: usize) -> Result<Self> {
        let builds = || -> Result<_> {
            let container = build("api", "api-container", &["container"])?;
            Ok((container, build("api", "api-lambda", &["lambda"])?))
        };
        let (container, lambda) = tokio::task::spawn_blocking(builds).await??;
        Self::of(&container, &lambda, settings, sandboxes).await
    }

    /// The same of binaries that are there already.
    ///
    /// # Errors
    /// If a target does not start.
    pub async fn of(
        container: &Path,
        lambda: &Path,
        settings: &[(&str, &str)],
        sandboxes: usize,
    ) -> Result<Self> {
        let engine = Engine::memory()?;
        let contacts = Contacts::new(Store::new(engine.client(), TABLE, 90));
        contacts.store().create_table().await?;
        let database =
            contacts_embedded::serve(engine, TcpListener::bind("127.0.0.1:0").await?).await?;
        let faults = Faults::start(&Endpoint::from(&database), 1).await?;

        let mut environment = faults.endpoint().environment();
        environment.push(Role::Api.environment());
        environment.push(("CONTACTS_TABLE".to_owned(), TABLE.to_owned()));
        // A test asks for more than anybody may, unless it is about that.
        environment.push(("CONTACTS_RATE_LIMIT".to_owned(), "0".to_owned()));
        let own = settings.iter().copied();
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let container = Server::start(container, &environment).await?;
        let mut function = Function::new(lambda);
        function.environment = environment;
        // Lambda's own credentials come with one, the database's without.
        let function = function.env("AWS_SESSION_TOKEN", "");
        let sandboxes = Arc::new(Sandboxes::start(function, sandboxes).await?);
        let albs = [
            Alb::new(Target::Container(container.address)),
            Alb::new(Target::Lambda(Arc::clone(&sandboxes))),
        ];
        let mut twins = Self {
            container,
            sandboxes,
            albs,
            contacts,
            faults,
            token: String::new(),
            compared: Mutex::default(),
            _database: database,
        };
        twins.token = twins.token_for("somebody", &Scope::ALL, None).await?;
        Ok(twins)
    }

    /// A token of these scopes, which stops working at `expires`.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn token_for(
        &self,
        principal: &str,
        scopes: &[Scope],
        expires: Option<Timestamp>,
    ) -> Result<String> {
        let maker = Identity {
            principal: principal.to_owned(),
            scopes: Scope::ALL.to_vec(),
        };
        let new = NewToken {
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            expires,
        };
        Ok(self.contacts.create_token(&maker, &new).await?.1)
    }

    /// The request, with a `Host` and the token if it has none of its own. An empty `Authorization`
    /// stands for a request without one.
    #[must_use]
    pub fn dressed(&self, mut request: Request) -> Request {
        if request.first("host").is_none() {
            request = request.header("host", "contacts.example");
        }
        match request.first("authorization") {
            None => request.bearer(&self.token),
            Some(b"") => {
                request.headers.retain(|(name, _)| name != "authorization");
                request
            }
            Some(_) => request,
        }
    }

    /// Sends one request to both, which must answer with the same bytes.
    ///
    /// # Panics
    /// If they do not; the message shows how they differ.
    pub async fn same(&self, request: Request) -> Response {
        let [container, lambda] = self.send(&|_| request.clone()).await;
        let shown = brief(&request);
        let (path, _) = request.path_and_query();
        let path = String::from_utf8_lossy(path);
        let [left, right] = [&container, &lambda].map(|answer| without_figures(&path, answer));
        if let Err(report) = compare(&left, &right) {
            panic!("{shown}\n{report}(left is the container, right is Lambda)");
        }
        self.note(&request, &container);
        container
    }

    /// Sends each its own request, for a write: their answers must be the same apart from random ids
    /// and times.
    ///
    /// # Panics
    /// If they are not; the message shows how they differ.
    pub async fn each(&self, request: impl Fn(usize) -> Request) -> Both {
        let answers = self.send(&request).await;
        let [container, lambda] = answers.each_ref().map(without_random);
        let request = request(0);
        if let Err(report) = compare(&container, &lambda) {
            let shown = brief(&request);
            panic!("{shown}\n{report}(left is the container, right is Lambda)");
        }
        self.note(&request, &container);
        answers
    }

    /// Everything that was compared so far and found equal.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn compared(&self) -> BTreeSet<Compared> {
        let compared = self.compared.lock();
        compared.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(&self, request: &impl Fn(usize) -> Request) -> Both {
        let [container, lambda] = [0, 1].map(|side| self.dressed(request(side)));
        let [left, right] = &self.albs;
        tokio::join!(left.send(container), right.send(lambda)).into()
    }

    fn note(&self, request: &Request, answer: &Response) {
        let (path, _) = request.path_and_query();
        let path = String::from_utf8_lossy(path);
        let problem = answer.json().ok().and_then(|body| {
            let kind = body["type"].as_str()?.strip_prefix("/docs#problem-")?;
            Some(kind.to_owned())
        });
        let compared = Compared {
            method: request.method.clone(),
            path: contract::operation(&request.method, &path).map(|(template, _)| template),
            status: answer.status,
            problem,
        };
        let mut all = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(compared);
    }
}

/// A member of the body of each answer.
///
/// # Errors
/// If it is not there, or no text.
pub fn member(answers: &Both, name: &str) -> Result<Both<String>> {
    let text = |answer: &Response| -> Result<String> {
        let body: Value = answer.json()?;
        let text = body[name].as_str();
        Ok(text
            .with_context(|| format!("{name} in {body}"))?
            .to_owned())
    };
    Ok([text(&answers[0])?, text(&answers[1])?])
}

/// The request, short enough to read.
fn brief(request: &Request) -> String {
    let target: Vec<u8> = request.target.iter().take(200).copied().collect();
    format!("{} {}", request.method, target.escape_ascii())
}
