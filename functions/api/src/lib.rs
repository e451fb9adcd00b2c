//! The API: one router, and the two doors it stands behind.
//!
//! The binaries `api-lambda` (feature `lambda`) and `api-container` (feature `container`) read their
//! settings, build [`contacts`] and [`router`], and hand the router to [`lambda::run`] or to
//! [`container::run`].

#[cfg(feature = "container")]
pub mod container;
#[cfg(feature = "lambda")]
pub mod lambda;

use axum::Router;
use axum::routing::get;
use contacts::Contacts;
use contacts_settings::Settings;
use contacts_store::Store;

/// The use cases over the table that `settings` and the `AWS_*` variables name. Opens no connection.
pub async fn contacts(settings: &Settings) -> Contacts {
    let client = contacts_store::client(&contacts_store::sdk_config().await);
    let table = &settings.table;
    Contacts::new(Store::new(client, &table.name, table.changes_days))
}

/// The router over `contacts`, the same behind both doors.
#[must_use]
pub fn router(settings: &Settings, _contacts: Contacts) -> Router {
    let options = contacts_http::layers::Options {
        cors_origins: settings.http.cors_origins.clone(),
        ..Default::default()
    };
    let routes = Router::new().route("/health", get(|| async { "ok" }));
    contacts_http::layers::finish(routes, &options)
}
