//! The life of one sandbox: start, freeze, thaw, invoke, die, start again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    time::timeout,
};

use super::{
    Answer, Function, FunctionError, Start,
    api::{Invocation, RuntimeApi, Waiting},
};
use crate::process::{Output, Process, Signal};

/// The name every function has here.
const NAME: &str = "contacts-test";

/// The ARN it is invoked by: an alias, as the project deploys it.
pub(super) const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:contacts-test:live";

/// Lambda's limit for the init phase.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// An event, and where its answer goes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) event: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<Answer, FunctionError>>,
}

/// The queue that all sandboxes of a function take from.
pub(super) type Jobs = Arc<AsyncMutex<mpsc::UnboundedReceiver<Job>>>;

/// A place for a sandbox, which outlives the processes in it.
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) function: Function,
    pub(super) starts: Arc<Mutex<Vec<Start>>>,
    pub(super) output: Output,
}

/// A process that has called `next` and waits.
struct Ready {
    process: Process,
    api: RuntimeApi,
    waiting: Waiting,
}

impl Place {
    /// Runs until no more jobs can come. `started` hears of the first start.
    pub(super) async fn run(self, jobs: Jobs, started: oneshot::Sender<Result<(), FunctionError>>) {
        let mut after = None;
        let mut ready = match self.start(None).await {
            Ok(ready) => Some(ready),
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        loop {
            let mut sandbox = match ready.take() {
                Some(ready) => ready,
                None => match self.start(after.take()).await {
                    Ok(ready) => ready,
                    Err(error) => {
                        // As on Lambda, it is an invocation that meets the failed start.
                        after = Some(error.to_string());
                        let Some(job) = jobs.lock().await.recv().await else {
                            return;
                        };
                        let _ = job.reply.send(Err(error));
                        continue;
                    }
                },
            };
            if self.function.freeze {
                sandbox.process.signal(Signal::STOP);
            }
            let job = tokio::select! {
                biased;
                status = sandbox.process.wait() => {
                    after = Some(format!("ended while idle: {}", describe(status)));
                    continue;
                }
                job = async { jobs.lock().await.recv().await } => job,
            };
            let Some(job) = job else { return };
            if self.function.freeze {
                sandbox.process.signal(Signal::CONT);
            }
            match self.invoke(sandbox, job).await {
                Ok(next) => ready = Some(next),
                Err(reason) => after = Some(reason),
            }
        }
    }

    async fn start(&self, after: Option<String>) -> Result<Ready, FunctionError> {
        let init = |error: String| FunctionError::Init(error);
        let mut api = RuntimeApi::start()
            .await
            .map_err(|error| init(error.to_string()))?;
        let environment = self.environment(&api);
        let spawned = Instant::now();
        let bootstrap = &self.function.bootstrap;
        let process = Process::start_into(bootstrap, &[], &environment, self.output.clone());
        let mut process = process.map_err(|error| init(format!("{error:#}")))?;
        let first_next = timeout(INIT_LIMIT, next(&mut process, &mut api)).await;
        let waiting = first_next
            .unwrap_or_else(|_| Err(format!("no `next` within {INIT_LIMIT:?}")))
            .map_err(|reason| init(format!("{reason}; the function wrote:\n{}", self.output)))?;
        let start = Start {
            sandbox: self.number,
            pid: process.pid(),
            init: spawned.elapsed(),
            after,
        };
        self.starts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(start);
        Ok(Ready {
            process,
            api,
            waiting,
        })
    }

    /// Hands the event over and passes the answer on; returns the sandbox once it asks for the
    /// next event, or why it is gone.
    async fn invoke(&self, sandbox: Ready, job: Job) -> Result<Ready, String> {
        let Ready {
            mut process,
            mut api,
            waiting,
        } = sandbox;
        let handed_over = Instant::now();
        let (outcome, answer) = oneshot::channel();
        let invocation = Invocation {
            event: job.event,
            deadline: SystemTime::now() + self.function.timeout,
            outcome,
        };
        // If the runtime has hung up, its process is ending, and that is what is seen below.
        let _ = waiting.send(invocation);
        let outcome = timeout(self.function.timeout, async {
            tokio::select! {
                biased;
                Ok(outcome) = answer => outcome,
                status = process.wait() => Err(FunctionError::Exited(describe(status))),
            }
        });
        let outcome = outcome
            .await
            .unwrap_or_else(|_| Err(FunctionError::TimedOut(self.function.timeout)));
        let fatal = match &outcome {
            Err(error @ (FunctionError::Exited(_) | FunctionError::TimedOut(_))) => {
                Some(error.to_string())
            }
            _ => None,
        };
        let answer = outcome.map(|payload| Answer {
            payload,
            duration: handed_over.elapsed(),
        });
        // Whoever asked may have given up in the meantime.
        let _ = job.reply.send(answer);
        if let Some(reason) = fatal {
            return Err(reason);
        }
        let next = timeout(self.function.timeout, next(&mut process, &mut api)).await;
        let waiting = next.unwrap_or_else(|_| Err("did not ask for another event".to_owned()))?;
        Ok(Ready {
            process,
            api,
            waiting,
        })
    }

    /// What Lambda sets for a function on an OS-only runtime (developer guide, "Defined runtime
    /// environment variables"), with credentials that are good for nothing.
    fn environment(&self, api: &RuntimeApi) -> Vec<(String, String)> {
        let task_root = self
            .function
            .bootstrap
            .parent()
            .unwrap_or(&self.function.bootstrap);
        let mut all: Vec<(String, String)> = [
            ("AWS_LAMBDA_RUNTIME_API", api.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", NAME.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            (
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                self.function.memory_mb.to_string(),
            ),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{NAME}")),
            (
                "AWS_LAMBDA_LOG_STREAM_NAME",
                format!("2026/01/01/[1]{:032x}", self.number),
            ),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
            ("AWS_SESSION_TOKEN", "example".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("LAMBDA_TASK_ROOT", task_root.display().to_string()),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        all.extend(self.function.environment.iter().cloned());
        all
    }
}

/// Waits until the runtime calls `next`, or says why it will not.
async fn next(process: &mut Process, api: &mut RuntimeApi) -> Result<Waiting, String> {
    tokio::select! {
        Some(waiting) = api.waiting.recv() => Ok(waiting),
        status = process.wait() => Err(format!("ended: {}", describe(status))),
    }
}

fn describe(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}
