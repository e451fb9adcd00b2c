//! The front of Amazon Managed Service for Prometheus. It takes samples and questions that somebody with the
//! credentials of a task or of the operator has signed, and lets the workspace publish to a topic whose policy allows
//! it.
//!
//! It also tells each task its credentials and who it is, as ECS does inside of one.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use anyhow::{Context as _, Result, ensure};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Path as Captured, Request as Received, State as From},
    http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

use super::applied::text;
use crate::{
    client::{Client, Request},
    moto::Moto,
    policy::allows,
};

const REGION: &str = "us-east-1";

/// With what [`Cloud::tool`](super::Cloud::tool) signs: a key and its secret.
const OPERATOR: (&str, &str) = ("test", "test");

/// The front. It ends when the last of its clones is dropped.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    _server: Arc<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    moto: Moto,
    state: Mutex<State>,
}

/// What the front knows.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By access key, its secret.
    keys: BTreeMap<String, String>,
    /// What tasks are told of themselves, by the last part of their ARN.
    tasks: BTreeMap<String, Value>,
    /// Where samples go, and queries.
    pub(super) prometheus: Option<SocketAddr>,
    /// Where questions about alerts and silences go.
    pub(super) alertmanager: Option<SocketAddr>,
    /// The workspace on whose behalf is published, and the policies of topics.
    pub(super) publisher: (String, Value),
    /// What is answered to samples instead of taking them.
    pub(super) refuse_samples: Option<StatusCode>,
    /// What is answered to messages instead of taking them.
    pub(super) refuse_messages: Option<StatusCode>,
    /// When samples were last taken.
    pub(super) written: Option<Instant>,
    /// When a message was last taken.
    pub(super) published: Option<Instant>,
    /// Requests whose signature was missing or wrong.
    pub(super) unsigned: u64,
}

impl Front {
    pub(super) async fn start(moto: &Moto) -> Result<Self> {
        let (key, secret) = OPERATOR;
        let shared = Arc::new(Shared {
            moto: moto.clone(),
            state: Mutex::new(State {
                keys: [(key.to_owned(), secret.to_owned())].into(),
                ..State::default()
            }),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/workspaces/{id}/api/v1/remote_write", post(remote_write))
            .route("/workspaces/{id}/api/v1/query", get(query).post(query))
            .route(
                "/workspaces/{id}/alertmanager/api/v2/{*rest}",
                get(ask).post(ask).delete(ask),
            )
            .route_layer(from_fn_with_state(Arc::clone(&shared), signed))
            .route("/credentials/{*role}", get(credentials))
            .route("/metadata/{task}/{container}", get(container))
            .route("/metadata/{task}/{container}/task", get(task))
            .route("/sns/", post(publish))
            .with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        moto.tell(&json!({"workspaces": address.to_string()}))?;
        Ok(Self {
            address,
            shared,
            _server: Arc::new(server),
        })
    }

    /// By what a container finds its credentials, and who it is (Amazon ECS Developer Guide, "Task metadata
    /// endpoint version 4" and "Task IAM role").
    pub(super) fn environment(
        &self,
        task: &str,
        container: &str,
        role: &str,
    ) -> Vec<(String, String)> {
        let address = self.address;
        [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                format!("http://{address}/credentials/{role}"),
            ),
            (
                "ECS_CONTAINER_METADATA_URI_V4",
                format!("http://{address}/metadata/{task}/{container}"),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// From now on a task is told this of itself.
    pub(super) fn introduce(&self, id: &str, task: Value) {
        self.state().tasks.insert(id.to_owned(), task);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

/// Lets pass what is signed.
async fn signed(From(shared): From<Arc<Shared>>, request: Received, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    {
        let mut state = shared.state();
        if let Err(error) = state.signed("aps", &parts, &body) {
            state.unsigned += 1;
            return (StatusCode::FORBIDDEN, error.to_string()).into_response();
        }
    }
    next.run(Received::from_parts(parts, body.into())).await
}

async fn remote_write(
    From(shared): From<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let prometheus = {
        let state = shared.state();
        if let Some(refusal) = state.refuse_samples {
            return refusal.into_response();
        }
        state.prometheus
    };
    let answer = forward(prometheus, &Method::POST, "/api/v1/write", &headers, &body).await;
    if answer.status().is_success() {
        shared.state().written = Some(Instant::now());
    }
    answer
}

async fn query(
    From(shared): From<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (to, path) = (shared.state().prometheus, "/api/v1/query");
    forward(to, &method, &with_query(path, &uri), &headers, &body).await
}

async fn ask(
    From(shared): From<Arc<Shared>>,
    Captured((_, rest)): Captured<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (to, path) = (shared.state().alertmanager, format!("/api/v2/{rest}"));
    forward(to, &method, &with_query(&path, &uri), &headers, &body).await
}

fn with_query(path: &str, uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

async fn publish(From(shared): From<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = String::from_utf8_lossy(&body);
    let topic = form
        .split('&')
        .find_map(|pair| pair.strip_prefix("TopicArn="));
    let topic = percent_decode_str(topic.unwrap_or_default()).decode_utf8_lossy();
    {
        let state = shared.state();
        if let Some(refusal) = state.refuse_messages {
            return refusal.into_response();
        }
        let (workspace, policies) = &state.publisher;
        if !allows(&policies[&*topic], "aps.amazonaws.com", workspace) {
            let why = "the topic's policy does not let the workspace publish";
            return (StatusCode::FORBIDDEN, why).into_response();
        }
    }
    let Ok(moto) = shared.moto.url().trim_start_matches("http://").parse() else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let answer = forward(Some(moto), &Method::POST, "/", &headers, &body).await;
    if answer.status().is_success() {
        shared.state().published = Some(Instant::now());
    }
    answer
}

/// Keys of a role, as the endpoint in each task gives them.
async fn credentials(
    From(shared): From<Arc<Shared>>,
    Captured(role): Captured<String>,
) -> Response {
    let name = role.rsplit('/').next().unwrap_or_default().to_owned();
    let call = json!({"sdk": {"service": "sts", "operation": "assume_role", "arguments": {
        "RoleArn": role, "RoleSessionName": name,
    }}});
    let moto = shared.moto.clone();
    let answer = tokio::task::spawn_blocking(move || moto.tell(&call)).await;
    let Ok(Ok(answer)) = answer else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let given = &answer["Credentials"];
    let (Ok(key), Ok(secret)) = (text(given, "AccessKeyId"), text(given, "SecretAccessKey")) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    shared
        .state()
        .keys
        .insert(key.to_owned(), secret.to_owned());
    axum::Json(json!({
        "RoleArn": role,
        "AccessKeyId": key,
        "SecretAccessKey": secret,
        "Token": given["SessionToken"],
        "Expiration": Timestamp::now().checked_add(1.hour()).unwrap_or_default().to_string(),
    }))
    .into_response()
}

async fn task(
    From(shared): From<Arc<Shared>>,
    Captured((task, _)): Captured<(String, String)>,
) -> Response {
    match shared.state().tasks.get(&task) {
        Some(told) => axum::Json(told.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn container(
    From(shared): From<Arc<Shared>>,
    Captured((task, name)): Captured<(String, String)>,
) -> Response {
    let state = shared.state();
    let containers = state
        .tasks
        .get(&task)
        .and_then(|told| told["Containers"].as_array());
    let mine = containers
        .into_iter()
        .flatten()
        .find(|one| one["Name"] == name.as_str());
    match mine {
        Some(told) => axum::Json(told.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn forward(
    to: Option<SocketAddr>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let Some(to) = to else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut request = Request::new(method.as_str(), path);
    request.body = body.to_vec();
    for (name, value) in headers {
        let own = [
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
        ];
        if let Ok(value) = value.to_str()
            && !own.contains(name)
        {
            request = request.header(name.as_str(), value);
        }
    }
    match Client::new(to).send(&request).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, answer.body).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether this was signed with a key that was given out (AWS, "Signature Version 4 signing process"): signed
    /// again with it, the request must get the same signature.
    fn signed(&self, service: &str, request: &Parts, body: &[u8]) -> Result<()> {
        let header = |name: &str| {
            let value = request.headers.get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let given = header("authorization").context("the request is not signed")?;
        let part = |name: &str| {
            let value = given
                .split([' ', ','])
                .find_map(|part| part.strip_prefix(name));
            value.with_context(|| format!("the signature has no {name}"))
        };
        let scope: Vec<&str> = part("Credential=")?.split('/').collect();
        ensure!(
            scope.len() == 5 && scope[2] == REGION && scope[3] == service,
            "the scope is {scope:?}"
        );
        let secret = self.keys.get(scope[0]).context("nobody has this key")?;
        let time = header("x-amz-date").context("the request has no date")?;
        let time = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time)?.to_zoned(TimeZone::UTC)?;
        let time = SystemTime::from(time.timestamp());
        let signed: Vec<&str> = part("SignedHeaders=")?.split(';').collect();
        ensure!(
            signed.contains(&"host") && signed.contains(&"x-amz-date"),
            "too little is signed"
        );
        let mut with = Vec::new();
        for name in signed {
            // The signer adds these by itself.
            if !["x-amz-date", "x-amz-security-token"].contains(&name) {
                with.push((name, header(name).context("a signed header is missing")?));
            }
        }
        let identity = aws_credential_types::Credentials::new(
            scope[0],
            secret,
            header("x-amz-security-token").map(str::to_owned),
            None,
            "task",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()?;
        let host = header("host").context("the request has no host")?;
        let target = format!("http://{host}{}", request.uri);
        let request = SignableRequest::new(
            request.method.as_str(),
            &target,
            with.into_iter(),
            SignableBody::Bytes(body),
        )?;
        let (_, signature) = sign(request, &parameters.into())?.into_parts();
        ensure!(part("Signature=")? == signature, "the signature is wrong");
        Ok(())
    }
}
