//! What the tests of this binary share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use contacts_embedded::Engine;
use contacts_store::Store;
use contacts_tests::client::{Client, Request, Response};
use contacts_tests::process::{Output, Process, Server, build, free_address};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const CONTACTS: &str = "/v1/books/default/contacts";

/// A token for `CONTACTS_TOKEN`.
pub(crate) const TOKEN: &str = "cm_0123456789012345678901234567890123456789abc";

/// The binary, built once.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("standalone", "standalone", &[]).unwrap())
}

/// The environment of a start over `data`.
pub(crate) fn environment(data: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all = vec![
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        (
            "CONTACTS_DATA_DIR".to_owned(),
            data.to_str().unwrap().to_owned(),
        ),
    ];
    all.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    all
}

/// A service over `data` with [`TOKEN`].
pub(crate) async fn serve(data: &Path) -> Server {
    let environment = environment(data, &[("CONTACTS_TOKEN", TOKEN)]);
    Server::start(binary(), &environment).await.unwrap()
}

/// Runs the binary with these words until it ends: its exit code, and what it wrote.
pub(crate) async fn run(
    data: &Path,
    words: &[&str],
    more: &[(&str, &str)],
) -> (Option<i32>, Output) {
    let mut all = environment(data, more);
    for name in ["CONTACTS_LISTEN", "CONTACTS_METRICS_LISTEN"] {
        if !all.iter().any(|(given, _)| given == name) {
            all.push((name.to_owned(), free_address().unwrap().to_string()));
        }
    }
    let mut process = Process::start(binary(), words, &all).unwrap();
    let code = process.wait().await.unwrap().code();
    (code, process.output().clone())
}

pub(crate) fn card(name: &str) -> Value {
    json!({"@type": "Card", "version": "1.0", "name": {"full": name}})
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Sends with [`TOKEN`].
pub(crate) async fn send(client: &Client, request: Request) -> Response {
    client.send(&request.bearer(TOKEN)).await.unwrap()
}

/// Every contact of the default book, as lists show it.
pub(crate) async fn list(client: &Client) -> Vec<Value> {
    let mut items = Vec::new();
    let mut path = format!("{CONTACTS}?limit=500");
    loop {
        let page = send(client, Request::new("GET", &path)).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json().unwrap();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            Some(cursor) => path = format!("{CONTACTS}?limit=500&cursor={cursor}"),
            None => return items,
        }
    }
}

/// Asserts that the checker is content with a data folder that nobody holds. It looks at a copy: a
/// process that another test starts at this moment would inherit the folder's lock, if for an instant.
pub(crate) async fn check(data: &Path) {
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        // The history is a folder of its own.
        if entry.path().is_dir() {
            continue;
        }
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let engine = Engine::open(copy.path()).unwrap();
    let store = Store::new(engine.client(), "contacts", 90);
    let report = store.check().await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}
