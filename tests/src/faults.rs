//! A proxy between an SDK and an endpoint of DynamoDB, SQS or SNS that does what these and networks do
//! on bad days, on command. A call that the list of calls ([`crate::calls`]) does not have it refuses.

mod answers;
pub(crate) mod call;
mod proxy;
mod visibility;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::calls::{self, Made};
use crate::dynamodb_local::Endpoint;
pub use visibility::Hidden;

/// What goes wrong with a request. The service sees nothing of it, except with
/// [`Fault::ResetAfter`] and, later, [`Fault::Wait`]. For a service to be out of reach, every request
/// meets [`Fault::ResetBefore`]; for it to be frozen, [`Fault::Wait`].
#[derive(Clone, Debug)]
pub enum Fault {
    /// 400 `ProvisionedThroughputExceededException` or what the service has in its place, which the
    /// SDK retries.
    Throttle,
    /// A transaction is cancelled because its first item takes part in another one; a single write
    /// gets `TransactionConflictException`. The SDK retries the latter only. Queues and topics have
    /// none.
    TransactionConflict,
    /// 500 `InternalServerError` or what the service has in its place, which the SDK retries.
    InternalServerError,
    /// A batch operation on items is answered with all of its work unprocessed; others go through.
    Unprocessed,
    /// The request waits before it is forwarded, until the gate is opened.
    Wait(Gate),
    /// The connection is closed and the request never forwarded.
    ResetBefore,
    /// The request is forwarded and carried out, its answer dropped and the connection closed.
    ResetAfter,
}

type Predicate = Box<dyn Fn(&Value) -> bool + Send + Sync>;

/// Which requests a fault befalls: without further calls, every one.
pub struct Rule {
    fault: Fault,
    operation: Option<&'static str>,
    matches: Option<Predicate>,
    left: Option<u64>,
    probability: Option<f64>,
}

impl Rule {
    /// The fault, for every request.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            operation: None,
            matches: None,
            left: None,
            probability: None,
        }
    }

    /// Only for this operation: `PutItem`, `SendMessage`, `Publish`.
    #[must_use]
    pub fn on(mut self, operation: &'static str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only for requests whose parameters, as JSON, satisfy the predicate. Those of SNS are texts
    /// under the names of the query protocol: `MessageAttributes.entry.1.Name`.
    #[must_use]
    pub fn when(mut self, matches: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Some(Box::new(matches));
        self
    }

    /// Only this many times; an SDK's retries count like any request.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.left = Some(count);
        self
    }

    /// Only with this probability, between 0 and 1, drawn from the proxy's seed.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("fault", &self.fault)
            .field("operation", &self.operation)
            .field("left", &self.left)
            .field("probability", &self.probability)
            .finish_non_exhaustive()
    }
}

/// What requests with [`Fault::Wait`] wait at. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<GateState>);

#[derive(Clone, Copy, Debug, Default)]
struct GateState {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::Sender::new(GateState::default()))
    }

    /// Lets pass whoever waits, and whoever comes later.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Returns when so many requests have come to it since it was made.
    pub async fn arrived(&self, count: usize) {
        self.until(|state| state.arrived >= count).await;
    }

    async fn pass(&self) {
        self.0.send_modify(|state| state.arrived += 1);
        self.until(|state| state.open).await;
    }

    async fn until(&self, condition: impl FnMut(&GateState) -> bool) {
        // The sender is this value, so the channel cannot be closed.
        let _ = self.0.subscribe().wait_for(condition).await;
    }
}

/// What was counted for one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Requests that reached the proxy.
    pub calls: u64,
    /// Of those, the ones a fault befell.
    pub faults: u64,
    /// Capacity units that the answers reported; 0 unless `ReturnConsumedCapacity` was asked for.
    pub units: f64,
}

/// The proxy's handle; clones share it. The proxy ends with the last one.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Running>);

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    upstream: Endpoint,
    plan: Arc<Mutex<Plan>>,
    task: JoinHandle<()>,
}

/// What the proxy consults for each request.
#[derive(Debug)]
struct Plan {
    rules: Vec<Rule>,
    hidden: visibility::Hiding,
    counts: BTreeMap<String, Count>,
    /// What the programs called, and what of it is on the list.
    made: BTreeSet<Made>,
    lines: Vec<calls::Line>,
    random: u64,
}

impl Faults {
    /// Starts a proxy without any faults in front of the endpoint, on a loopback port. The same seed
    /// draws the same faults for the same sequence of requests. Runs on the present runtime.
    ///
    /// # Errors
    /// If no port can be bound, or the endpoint's URL is not `http://host:port`.
    pub async fn start(upstream: &Endpoint, seed: u64) -> Result<Self> {
        let to = upstream.url.strip_prefix("http://");
        let to = to.context("the endpoint must be plain HTTP")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let plan = Arc::new(Mutex::new(Plan {
            rules: Vec::new(),
            hidden: visibility::Hiding::default(),
            counts: BTreeMap::new(),
            made: BTreeSet::new(),
            lines: calls::lines(),
            random: seed,
        }));
        Ok(Self(Arc::new(Running {
            address,
            upstream: upstream.clone(),
            task: tokio::spawn(proxy::run(listener, to, Arc::clone(&plan))),
            plan,
        })))
    }

    /// The way through the proxy, with the endpoint's own credential.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            url: format!("http://{}", self.0.address),
            ..self.0.upstream.clone()
        }
    }

    /// Adds a rule. Of several that match a request, the first added decides.
    pub fn inject(&self, rule: Rule) {
        lock(&self.0.plan).rules.push(rule);
    }

    /// Drops all rules; what waits at a gate stays there.
    pub fn clear(&self) {
        lock(&self.0.plan).rules.clear();
    }

    /// Leaves matching items (DynamoDB JSON) out of the answers of `GetItem`, `Query`, `Scan` and
    /// `BatchGetItem` until the returned value is dropped: what a reader sees of a transaction that
    /// has committed but is not yet visible everywhere. `TransactGetItems` shows all, as it would.
    pub fn hide(&self, matches: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Hidden {
        lock(&self.0.plan).hidden.add(Box::new(matches))
    }

    /// What was counted for an operation since the start, or since [`Faults::reset_counts`].
    #[must_use]
    pub fn count(&self, operation: &str) -> Count {
        let plan = lock(&self.0.plan);
        plan.counts.get(operation).copied().unwrap_or_default()
    }

    /// What was counted for every operation that was called.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, Count> {
        lock(&self.0.plan).counts.clone()
    }

    /// What the programs called since the start; calls of the tests' own clients are nobody's.
    #[must_use]
    pub fn calls(&self) -> BTreeSet<Made> {
        lock(&self.0.plan).made.clone()
    }

    /// Counts from zero again.
    pub fn reset_counts(&self) {
        lock(&self.0.plan).counts.clear();
    }
}

impl Drop for Running {
    #[expect(
        clippy::print_stderr,
        reason = "a test that fails already is told what of"
    )]
    fn drop(&mut self) {
        self.task.abort();
        let plan = lock(&self.plan);
        let refused = plan.made.iter().filter(|made| !made.is_listed(&plan.lines));
        let refused: Vec<_> = refused.collect();
        let why = format!("refused, for tests/src/calls.txt does not have it: {refused:#?}");
        if thread::panicking() && !refused.is_empty() {
            eprintln!("{why}");
        } else {
            // A program may go on after a refusal, and its test with it.
            assert!(refused.is_empty(), "{why}");
        }
    }
}

impl Plan {
    /// Notes what a program calls; the call that it must not make, if it is one.
    fn note(&mut self, made: BTreeSet<Made>) -> Option<Made> {
        let refused = made.iter().find(|made| !made.is_listed(&self.lines));
        let refused = refused.cloned();
        self.made.extend(made);
        refused
    }

    /// Counts the request and finds what befalls it.
    fn decide(&mut self, operation: &str, body: &Value) -> Option<Fault> {
        let random = &mut self.random;
        let befallen = self.rules.iter_mut().find(|rule| {
            rule.operation.is_none_or(|only| only == operation)
                && rule.left != Some(0)
                && rule.matches.as_ref().is_none_or(|matches| matches(body))
                && rule.probability.is_none_or(|limit| draw(random) < limit)
        });
        let fault = befallen.map(|rule| {
            rule.left = rule.left.map(|left| left - 1);
            rule.fault.clone()
        });
        let count = self.counts.entry(operation.to_owned()).or_default();
        count.calls += 1;
        count.faults += u64::from(fault.is_some());
        fault
    }
}

/// The next number in 0..1 of `SplitMix64` (Steele, Lea and Flood 2014).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
