//! The API: one router, and the two doors it stands behind.
//!
//! The binaries `api-lambda` (feature `lambda`) and `api-container` (feature `container`) read their
//! settings, build the [`app`], and hand its router to [`lambda::run`] or to [`container::run`].

#[cfg(feature = "container")]
pub mod container;
#[cfg(feature = "lambda")]
pub mod lambda;

use anyhow::Result;
use contacts::Contacts;
use contacts_http::App;
use contacts_settings::Settings;
use contacts_store::Store;

/// The application over the table that `settings` and the `AWS_*` variables name. Calls nothing yet.
///
/// # Errors
/// One line about a setting that cannot be used.
pub async fn app(settings: &Settings) -> Result<(App, Contacts)> {
    let client = contacts_store::client(&contacts_store::sdk_config().await);
    let table = &settings.table;
    let contacts = Contacts::new(Store::new(client, &table.name, table.changes_days));
    Ok((App::new(contacts.clone(), settings)?, contacts))
}
