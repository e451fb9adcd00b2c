//! The service itself: health, readiness, and what describes it.

use std::sync::LazyLock;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    app::App,
    extract::Query,
    problem::{Problem, Result},
    reference::Reference,
    representation,
};

/// Whether the process lives. Touches nothing.
#[utoipa::path(
    get, path = "/health", tag = "service", security(()),
    responses((status = 200, description = "It lives.", content_type = "application/json", body = Object)),
)]
pub(crate) async fn health() -> Result<Response> {
    representation::json(StatusCode::OK, &json!({"status": "ok"}))
}

/// Whether requests can be served: the table answers and no shutdown has begun.
#[utoipa::path(
    get, path = "/ready", tag = "service", security(()),
    responses((status = 200, description = "Requests can be served.", content_type = "application/json", body = Object)),
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<Response> {
    if app.is_draining() {
        return Err(Problem::shutting_down());
    }
    if let Err(error) = app.contacts.store().ready().await {
        tracing::warn!(%error, "not ready");
        return Err(Problem::no_table());
    }
    representation::json(StatusCode::OK, &json!({"status": "ready"}))
}

/// The description of this API (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", security(()),
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json", body = Object)),
)]
pub(crate) async fn openapi(query: Query) -> Result<Response> {
    query.only(&[])?;
    let json = HeaderValue::from_static(representation::JSON);
    Ok(([(header::CONTENT_TYPE, json)], DOCUMENT.as_str()).into_response())
}

/// The reference, for people.
#[utoipa::path(
    get, path = "/docs", tag = "service", security(()),
    responses((status = 200, description = "The reference page.", content_type = "text/html", body = String)),
)]
pub(crate) async fn docs(query: Query) -> Result<Response> {
    query.only(&[])?;
    Ok(PAGE.clone().into_response())
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| crate::openapi::document().to_string());
static PAGE: LazyLock<Reference> = LazyLock::new(|| Reference::render(&crate::openapi::document()));
