//! One router behind two targets: the same requests to the real `api-container` and to the real
//! `api-lambda` processes, each behind a simulated load balancer, give the same answers byte for byte.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod support;

mod bodies;
mod cache;
mod cardinality;
mod container;
mod crashers;
mod headers;
mod history;
mod idempotency;
mod main_job;
mod operations;
mod pages;
mod paths;
mod problems;
mod telemetry;
mod watch;
