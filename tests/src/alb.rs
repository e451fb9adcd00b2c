//! An Application Load Balancer in front of containers and Lambda functions.
//!
//! Source: AWS, "User Guide for Application Load Balancers": "Use Lambda functions as targets",
//! "HTTP headers and Application Load Balancers", "Request tracing", "Troubleshoot". Where these
//! say nothing, a comment says what is assumed.

mod answer;
mod event;
mod front;
mod listener;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
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

/// A target group with one target.
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

/// A load balancer with one rule: forward to weighted targets. Clones are the same load balancer.
#[derive(Clone, Debug)]
pub struct Alb {
    targets: Arc<[Backend]>,
    weights: Arc<Mutex<Weights>>,
    idle_timeout: Duration,
}

#[derive(Debug)]
enum Backend {
    Container(Client),
    Lambda(Arc<Sandboxes>),
}

#[derive(Debug)]
struct Weights {
    of: Vec<u32>,
    served: u32,
}

impl Alb {
    /// A load balancer that sends everything to one target.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self::weighted(vec![(target, 1)])
    }

    /// A load balancer that shares requests out among targets by weight, without stickiness.
    #[must_use]
    pub fn weighted(targets: Vec<(Target, u32)>) -> Self {
        let of = targets.iter().map(|(_, weight)| *weight).collect();
        let backends = targets.into_iter().map(|(target, _)| match target {
            // How long to wait is for `forward` to say.
            Target::Container(address) => {
                Backend::Container(Client::new(address).with_patience(Duration::MAX))
            }
            Target::Lambda(sandboxes) => Backend::Lambda(sandboxes),
        });
        Self {
            targets: backends.collect(),
            weights: Arc::new(Mutex::new(Weights { of, served: 0 })),
            idle_timeout: Duration::from_mins(1),
        }
    }

    /// The same load balancer with another idle time-out than 60 seconds, after which a container
    /// that has not answered is given up.
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// Gives the targets new weights, in the order in which they were named. Requests under way
    /// stay where they are. Targets beyond the list get weight 0.
    pub fn switch(&self, weights: &[u32]) {
        let mut current = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        current.of = weights.to_vec();
    }

    /// Sends one request through, as from [`Arrival::default`].
    pub async fn send(&self, request: Request) -> Response {
        self.send_from(request, Arrival::default()).await
    }

    /// Sends one request through. What goes wrong becomes the load balancer's own answer, with
    /// `server: awselb/2.0` and a page of HTML.
    pub async fn send_from(&self, request: Request, arrival: Arrival) -> Response {
        let is_head = request.method == "HEAD";
        let Some(backend) = self.pick() else {
            return answer::own(503);
        };
        let answered = match front::admit(request, arrival) {
            Err(status) => Err(status),
            Ok(request) => match backend {
                Backend::Container(client) => self.forward(client, request).await,
                Backend::Lambda(sandboxes) => invoke(sandboxes, &request).await,
            },
        };
        let mut response = answered.unwrap_or_else(answer::own);
        if is_head {
            response.body.clear();
        }
        response
    }

    /// The next target in turn: of every run of as many requests as the weights' sum, each target
    /// gets its weight. A real load balancer draws lots.
    fn pick(&self) -> Option<&Backend> {
        let mut weights = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u32 = weights.of.iter().sum();
        let mut ticket = weights.served.checked_rem(total)?;
        weights.served = weights.served.wrapping_add(1);
        let mut choice = weights.of.iter().zip(self.targets.iter());
        choice.find_map(|(weight, target)| match ticket.checked_sub(*weight) {
            Some(rest) => {
                ticket = rest;
                None
            }
            None => Some(target),
        })
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
