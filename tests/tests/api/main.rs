//! The API as its users meet it: HTTP requests to the router over the embedded database.

mod auth;
mod batch;
mod books;
mod changes;
mod conditions;
mod contacts;
mod documents;
mod fuzz;
mod idempotency;
mod lists;
mod odd_requests;
mod oidc;
mod real_vcards;
mod sizes;
mod support;
mod tokens;
