//! Lambda's side of a function: sandboxes that start a real bootstrap binary and hand it events
//! over the runtime API.
//!
//! Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and
//! "Understanding the Lambda execution environment lifecycle".

mod api;
mod sandbox;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinSet,
};

use crate::process::Output;
use sandbox::{Job, Jobs};

/// What would be configured in Lambda.
#[derive(Clone, Debug)]
pub struct Function {
    /// The bootstrap binary.
    pub bootstrap: PathBuf,
    /// The function's own environment variables; they win over Lambda's.
    pub environment: Vec<(String, String)>,
    /// The memory it is told it has, in MB.
    pub memory_mb: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Whether a sandbox is frozen (SIGSTOP) between invocations, as Lambda does.
    pub freeze: bool,
}

impl Function {
    /// A function with 512 MB and 30 seconds, frozen between invocations.
    pub fn new(bootstrap: impl Into<PathBuf>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            environment: Vec::new(),
            memory_mb: 512,
            timeout: Duration::from_secs(30),
            freeze: true,
        }
    }

    /// The function with one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A function's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The response as the function sent it: JSON, unless the function is broken.
    pub payload: Vec<u8>,
    /// From the moment the event was handed over to the answer.
    pub duration: Duration,
}

impl Answer {
    /// The response as JSON.
    ///
    /// # Errors
    /// If it is something else.
    pub fn json(&self) -> serde_json::Result<Value> {
        serde_json::from_slice(&self.payload)
    }
}

/// Why an invocation brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The function reported an error: the object with `errorType` and `errorMessage`.
    #[error("the function reported an error: {0}")]
    Reported(Value),
    /// The process ended while it had the event.
    #[error("the function's process ended during an invocation: {0}")]
    Exited(String),
    /// The function's timeout passed; the sandbox was killed.
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    /// The process ended or took over 10 seconds before it first asked for an event.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The answer was above Lambda's own limit of 6 MB.
    #[error("the answer of {0} bytes is above Lambda's limit")]
    TooLarge(usize),
}

/// One start of a sandbox.
#[derive(Clone, Debug)]
pub struct Start {
    /// Which sandbox, counted from 0.
    pub sandbox: usize,
    /// The id of its process.
    pub pid: u32,
    /// From the spawning of the process to its first `next`.
    pub init: Duration,
    /// Why the process before it is gone; `None` for the first start.
    pub after: Option<String>,
}

/// A function's running sandboxes. Each handles one event at a time; one that died is started
/// again. All processes are killed when this is dropped.
#[derive(Debug)]
pub struct Sandboxes {
    jobs: mpsc::UnboundedSender<Job>,
    starts: Arc<Mutex<Vec<Start>>>,
    output: Output,
    /// Calls so far, and those of them that failed.
    calls: [AtomicU64; 2],
    _actors: JoinSet<()>,
}

impl Sandboxes {
    /// Starts `count` sandboxes and waits until each has asked for its first event.
    ///
    /// # Errors
    /// [`FunctionError::Init`] if one of them does not come up.
    pub async fn start(function: Function, count: usize) -> Result<Self, FunctionError> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let queue: Jobs = Arc::new(AsyncMutex::new(queue));
        let (starts, output) = (Arc::default(), Output::default());
        let mut actors = JoinSet::new();
        let mut first_starts = Vec::new();
        for number in 0..count {
            let (started, first_start) = oneshot::channel();
            let sandbox = sandbox::Place {
                number,
                function: function.clone(),
                starts: Arc::clone(&starts),
                output: output.clone(),
            };
            actors.spawn(sandbox.run(Arc::clone(&queue), started));
            first_starts.push(first_start);
        }
        for first_start in first_starts {
            let gone = |_| Err(FunctionError::Init("the sandbox is gone".to_owned()));
            first_start.await.unwrap_or_else(gone)?;
        }
        Ok(Self {
            jobs,
            starts,
            output,
            calls: Default::default(),
            _actors: actors,
        })
    }

    /// Hands the event to the next free sandbox and waits for the answer.
    ///
    /// # Errors
    /// [`FunctionError`], as Lambda's `X-Amz-Function-Error` would tell.
    pub async fn invoke(&self, event: &Value) -> Result<Answer, FunctionError> {
        self.invoke_bytes(event.to_string().into_bytes()).await
    }

    /// The same with an event that need not be JSON.
    ///
    /// # Errors
    /// As with [`Sandboxes::invoke`].
    pub async fn invoke_bytes(&self, event: Vec<u8>) -> Result<Answer, FunctionError> {
        let (reply, answer) = oneshot::channel();
        let gone = || FunctionError::Init("the sandboxes are gone".to_owned());
        self.jobs.send(Job { event, reply }).map_err(|_| gone())?;
        let answer = answer.await.unwrap_or_else(|_| Err(gone()));
        let [calls, errors] = &self.calls;
        calls.fetch_add(1, Ordering::Relaxed);
        errors.fetch_add(answer.is_err().into(), Ordering::Relaxed);
        answer
    }

    /// How many calls there were since the last time this was asked, and how many of them failed: the
    /// metrics `Invocations` and `Errors`.
    pub fn take_calls(&self) -> [u64; 2] {
        self.calls
            .each_ref()
            .map(|one| one.swap(0, Ordering::Relaxed))
    }

    /// Every start of a sandbox so far: the first of each, and one for each that died.
    #[must_use]
    pub fn starts(&self) -> Vec<Start> {
        self.starts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What all processes have written: on Lambda, the function's log.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }
}
