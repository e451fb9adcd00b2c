//! The one axum router: routes, authentication, problems, OpenAPI.

pub mod accept;
pub mod auth;
pub mod extract;
pub mod layers;
pub mod preconditions;
pub mod problem;
mod problem_kind;
