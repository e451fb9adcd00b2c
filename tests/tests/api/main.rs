//! The API as its users meet it: HTTP requests to the router over the embedded database.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod auth;
mod batch;
mod bodies;
mod books;
mod changes;
mod conditions;
mod contacts;
mod documents;
mod examples;
mod fuzz;
mod idempotency;
mod jobs;
mod lists;
mod odd_requests;
mod oidc;
mod rate_limits;
mod real_vcards;
mod sizes;
mod subscriptions;
mod support;
mod system;
mod tokens;
