//! The one axum router: routes, authentication, problems, OpenAPI.
//!
//! A request passes the frame ([`layers`]), then its handler (`routes`), which calls one use case of
//! [`contacts`] and shows the result. [`server`] puts the router behind a listener.

pub mod accept;
mod app;
pub mod auth;
mod caller;
pub mod extract;
mod failure;
mod idempotency;
pub mod layers;
mod openapi;
pub mod preconditions;
pub mod problem;
pub mod reference;
mod representation;
mod routes;
#[cfg(feature = "server")]
pub mod server;

pub use app::App;

/// The whole service: every route within its frame.
pub fn router(app: App) -> axum::Router {
    let options = app.options.clone();
    let (routes, _) = routes::routes();
    layers::finish(routes.with_state(app), &options)
}

/// The OpenAPI 3.1 document, as `/openapi.json` gives it.
#[must_use]
pub fn openapi() -> serde_json::Value {
    openapi::document()
}
