//! The runtime API of one sandbox, version 2018-06-01, on loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

use super::FunctionError;
use crate::{
    alb::trace_id,
    client::{Connection, Inbound, Request, Response},
};

/// The largest response Lambda takes from a function: 6 MB (Lambda quotas, "Invocation payload").
const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// An event on its way to the function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) event: Vec<u8>,
    pub(super) deadline: SystemTime,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// What the function made of an event.
pub(super) type Outcome = Result<Vec<u8>, FunctionError>;

/// A runtime that has called `next`: what is sent here is the event it gets.
pub(super) type Waiting = oneshot::Sender<Invocation>;

/// The API's server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) waiting: mpsc::UnboundedReceiver<Waiting>,
    _server: JoinSet<()>,
}

impl RuntimeApi {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, waiting) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            waiting: sender,
            current: Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
        });
        Ok(Self {
            address,
            waiting,
            _server: server,
        })
    }
}

#[derive(Debug)]
struct State {
    waiting: mpsc::UnboundedSender<Waiting>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut connection = Connection::new(stream);
    while let Inbound::Request(request, keep) = connection.read_request().await {
        let Some(response) = state.handle(&request).await else {
            return;
        };
        if connection
            .write_response(&response, false, keep)
            .await
            .is_err()
            || !keep
        {
            return;
        }
    }
}

impl State {
    /// Answers one call; `None` if the sandbox is being torn down.
    async fn handle(&self, request: &Request) -> Option<Response> {
        let path = String::from_utf8_lossy(&request.target).into_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            ["2018-06-01", "runtime", "invocation", "next"] => self.next().await,
            ["2018-06-01", "runtime", "invocation", id, "response"] => {
                let size = request.body.len();
                Some(if size > MAX_RESPONSE {
                    self.finish(id, Err(FunctionError::TooLarge(size)), 413)
                } else {
                    self.finish(id, Ok(request.body.clone()), 202)
                })
            }
            ["2018-06-01", "runtime", "invocation", id, "error"] => {
                let report = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
                Some(self.finish(id, Err(FunctionError::Reported(report)), 202))
            }
            // The exit that follows is what counts; the message is in the process's output.
            ["2018-06-01", "runtime", "init", "error"] => Some(answer(202)),
            _ => Some(answer(404)),
        }
    }

    async fn next(&self) -> Option<Response> {
        let (waiting, invocation) = oneshot::channel();
        self.waiting.send(waiting).ok()?;
        let invocation = invocation.await.ok()?;
        let id = Uuid::new_v4().to_string();
        let deadline = invocation.deadline.duration_since(UNIX_EPOCH).ok()?;
        let mut response = answer(200);
        response.headers = [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", id.clone()),
            (
                "lambda-runtime-deadline-ms",
                deadline.as_millis().to_string(),
            ),
            (
                "lambda-runtime-invoked-function-arn",
                super::sandbox::ARN.to_owned(),
            ),
            (
                "lambda-runtime-trace-id",
                format!("Root={};Parent=53995c3f42cd8ad8;Sampled=0", trace_id()),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .into();
        response.body = invocation.event;
        *self.current() = Some((id, invocation.outcome));
        Some(response)
    }

    /// Takes the outcome of the current invocation; any other id is refused, as Lambda does.
    fn finish(&self, id: &str, outcome: Outcome, status: u16) -> Response {
        let current = self.current().take_if(|(current, _)| current == id);
        let Some((_, receiver)) = current else {
            return answer(400);
        };
        // Nobody listens any more if the invocation has just timed out.
        let _ = receiver.send(outcome);
        answer(status)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<(String, oneshot::Sender<Outcome>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(status: u16) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: Vec::new(),
    }
}
