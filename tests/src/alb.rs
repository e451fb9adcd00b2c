//! An Application Load Balancer in front of containers and Lambda functions.
//!
//! Source: AWS, "User Guide for Application Load Balancers": "Use Lambda functions as targets",
//! "HTTP headers and Application Load Balancers", "Request tracing", "Troubleshoot". Where these
//! say nothing, a comment says what is assumed.

mod answer;
mod event;
mod front;
mod listener;
mod rules;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    client::{Client, ExchangeError, Request, Response},
    lambda_runtime::Sandboxes,
};

pub use answer::MAX_ANSWER;
pub use event::{alb_event, alb_health_check_event, api_gateway_v2_event};
pub use front::{MAX_LAMBDA_BODY, trace_id};
pub use listener::Listener;
use rules::Choice;
pub use rules::{Action, Condition, Counts, Rule};

/// A target of a group.
#[derive(Clone, Debug)]
pub enum Target {
    /// A container that listens here.
    Container(SocketAddr),
    /// A Lambda function, with multi-value headers enabled.
    Lambda(Arc<Sandboxes>),
}

/// How a request reached the load balancer.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The client's address, the last entry of `X-Forwarded-For`.
    pub client: IpAddr,
    /// The listener's protocol, `X-Forwarded-Proto`.
    pub proto: &'static str,
    /// The listener's port, `X-Forwarded-Port`.
    pub port: u16,
}

impl Default for Arrival {
    /// A client from the documentation range, over HTTPS.
    fn default() -> Self {
        Self {
            client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            proto: "https",
            port: 443,
        }
    }
}

/// A load balancer: the rules of its listener, and the targets of its groups. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Alb {
    state: Arc<Mutex<State>>,
    idle_timeout: Duration,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    groups: HashMap<String, Group>,
    counts: Counts,
}

/// The targets of a group, and whose turn it is.
#[derive(Debug, Default)]
struct Group {
    targets: Vec<Arc<Backend>>,
    served: usize,
}

#[derive(Debug)]
enum Backend {
    Container(Client),
    Lambda(Arc<Sandboxes>),
}

impl Backend {
    fn new(target: Target) -> Self {
        match target {
            // How long to wait is for `forward` to say.
            Target::Container(address) => {
                Self::Container(Client::new(address).with_patience(Duration::MAX))
            }
            Target::Lambda(sandboxes) => Self::Lambda(sandboxes),
        }
    }
}

impl Alb {
    /// A load balancer without rules: it answers 503.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            state: Arc::default(),
            idle_timeout: Duration::from_mins(1),
        }
    }

    /// A load balancer that sends everything to one target.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self::weighted(vec![(target, 1)])
    }

    /// A load balancer that shares requests out among targets by weight, without stickiness.
    #[must_use]
    pub fn weighted(targets: Vec<(Target, u32)>) -> Self {
        let alb = Self::empty();
        let weights: Vec<u32> = targets.iter().map(|(_, weight)| *weight).collect();
        for (number, (target, _)) in targets.into_iter().enumerate() {
            alb.register(&number.to_string(), vec![target]);
        }
        alb.switch(&weights);
        alb
    }

    /// The same load balancer with another idle time-out than 60 seconds, after which a container
    /// that has not answered is given up.
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// Gives the targets of [`Alb::weighted`] new weights, in the order in which they were named.
    /// Requests under way stay where they are. Targets beyond the list get weight 0.
    pub fn switch(&self, weights: &[u32]) {
        let groups = weights.iter().enumerate();
        let forward = groups.map(|(number, weight)| (number.to_string(), *weight));
        self.apply(vec![Rule::new(Action::Forward(forward.collect()))]);
    }

    /// Follows these rules from now on, in this order. What none is for is answered 503.
    pub fn apply(&self, rules: Vec<Rule>) {
        let mut state = self.state();
        // Where nothing has changed, whose turn it is stays.
        let is_same = state.rules.len() == rules.len()
            && state
                .rules
                .iter()
                .zip(&rules)
                .all(|(old, new)| old.is_like(new));
        if !is_same {
            state.rules = rules;
        }
    }

    /// Makes these the targets of a group; requests under way stay where they are.
    pub fn register(&self, group: &str, targets: Vec<Target>) {
        let targets = targets.into_iter().map(Backend::new).map(Arc::new);
        self.state()
            .groups
            .entry(group.to_owned())
            .or_default()
            .targets = targets.collect();
    }

    /// What it has counted since the last time.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.state().counts)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one request through, as from [`Arrival::default`].
    pub async fn send(&self, request: Request) -> Response {
        self.send_from(request, Arrival::default()).await
    }

    /// Sends one request through. What goes wrong becomes the load balancer's own answer, with
    /// `server: awselb/2.0` and a page of HTML.
    pub async fn send_from(&self, request: Request, arrival: Arrival) -> Response {
        let is_head = request.method == "HEAD";
        let (mut response, group) = match front::admit(request, arrival) {
            Err(status) => (answer::own(status), None),
            Ok(request) => self.route(request).await,
        };
        self.state().counts.note(group, response.status);
        if is_head {
            response.body.clear();
        }
        response
    }

    /// The answer, and the group that gave it.
    async fn route(&self, request: Request) -> (Response, Option<String>) {
        let chosen = self.state().choose(&request);
        let (group, backend) = match chosen {
            Choice::Nobody => return (answer::own(503), None),
            Choice::Fixed(response) => return (response, None),
            Choice::Target(group, backend) => (group, backend),
        };
        let answered = match &*backend {
            Backend::Container(client) => self.forward(client, request).await,
            Backend::Lambda(sandboxes) => invoke(sandboxes, &request).await,
        };
        match answered {
            Ok(response) => (response, Some(group)),
            Err(status) => (answer::own(status), None),
        }
    }

    async fn forward(&self, client: &Client, request: Request) -> Result<Response, u16> {
        let request = front::for_container(request);
        match timeout(self.idle_timeout, client.send(&request)).await {
            Ok(Ok(response)) => answer::from_container(response),
            Ok(Err(ExchangeError::TimedOut(_))) | Err(_) => Err(504),
            Ok(Err(_)) => Err(502),
        }
    }
}

/// A function's errors, its time-out among them, are all 502 (Troubleshoot, 502).
async fn invoke(sandboxes: &Sandboxes, request: &Request) -> Result<Response, u16> {
    front::admit_to_lambda(request)?;
    let answer = sandboxes
        .invoke(&alb_event(request))
        .await
        .map_err(|_| 502_u16)?;
    answer::from_lambda(&answer.payload, request.method == "HEAD")
}
