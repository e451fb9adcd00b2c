//! Read and write units, as the database reports them: counted by the fault proxy on their way back.

use std::{path::Path, time::Duration};

use anyhow::Result;
use contacts_tests::{client::Request, faults::Faults};
use serde_json::json;

use crate::{
    cards::{COMMON_WORD, Card},
    report::Table,
    site::{Api, Site, create, create_all, environment, location},
};

/// How many cards the measured batch has.
const BATCH: usize = 100;
/// What a process remembers of tokens, memberships and numbers, it remembers for at most 5 s.
const FORGETS: Duration = Duration::from_millis(5_100);

/// What is measured, and what the design expects of it.
const OPERATIONS: [(&str, &str); 17] = [
    ("create", "26 w"),
    ("create from a vCard", ""),
    ("create with an `Idempotency-Key`", ""),
    ("the same once more", ""),
    ("create, per card in a batch of 100", ""),
    ("update, the same words", "6 to 8 w"),
    ("update, one new word", ""),
    ("delete", "26 w"),
    ("get", "1 r"),
    ("get, in a process that remembers nothing", ""),
    ("get as the vCard that was sent", ""),
    ("list of 50", "4 r"),
    ("search with one hit", "2 r"),
    ("search, page of 50", ""),
    ("changes, page of 50", ""),
    ("changes, first page", ""),
    (
        "create, with a subscription; 1 w is the table queue's",
        "28 w",
    ),
];

/// Measures every operation on each of the books.
pub(crate) async fn measure(container: &Path, sites: &[&Site]) -> Result<Table> {
    let mut table = Table::new(
        "",
        "`r` read units, `w` write units; expected: what the design set out with. A write that its \
         condition refuses reports nothing; DynamoDB charges for it (here: 1 w to find the answer to \
         a repeated request).",
        ["operation", "expected", "100", "1,000", "10,000"],
    );
    let mut columns = Vec::new();
    for site in sites {
        columns.push(Counter::start(container, site).await?.all().await?);
    }
    for (row, (name, expected)) in OPERATIONS.iter().enumerate() {
        let cell = |column: usize| columns.get(column).map_or("", |c| c[row].as_str());
        let cells = [*name, *expected, cell(0), cell(1), cell(2)];
        table.row(cells.map(str::to_owned));
    }
    Ok(table)
}

/// The API with a counter between it and the database.
struct Counter<'a> {
    site: &'a Site,
    api: Api,
    faults: Faults,
    cells: Vec<String>,
}

impl<'a> Counter<'a> {
    async fn start(container: &Path, site: &'a Site) -> Result<Self> {
        let faults = Faults::start(&site.database.endpoint, 1).await?;
        let api = Api::start(container, &environment(&faults.endpoint())).await?;
        let cells = Vec::new();
        Ok(Self {
            site,
            api,
            faults,
            cells,
        })
    }

    /// One cell for each of [`OPERATIONS`]. The book is left as it was.
    async fn all(mut self) -> Result<Vec<String>> {
        let (book, next) = (&self.site.book, self.site.size);
        let card = |number: usize| Card(next + number);
        // Reads what a process remembers: the token, the membership, the book's number.
        let warm = self.api.create(book, card(0)).await?;

        let created = self.count(create(book, card(1)), 1).await?;
        let contacts = Request::new("POST", format!("{book}/contacts"));
        let vcard = contacts.body("text/vcard", card(2).vcard());
        let from_vcard = self.count(vcard, 1).await?;
        let with_key = create(book, card(3)).header("idempotency-key", "bench-0001");
        let keyed = self.count(with_key.clone(), 1).await?;
        self.count(with_key, 1).await?;
        let cards: Vec<Card> = (4..4 + BATCH).map(card).collect();
        let batch = self.count_batch(create_all(book, &cards)).await?;
        let patch = |patch: serde_json::Value| {
            let request = Request::new("PATCH", &created);
            request.body("application/merge-patch+json", patch.to_string())
        };
        let note = json!({"notes": {"n1": {"note": "Met at the exhibition."}}});
        self.count(patch(note), 1).await?;
        let word = json!({"nicknames": {"k2": {"name": "countess"}}});
        self.count(patch(word), 1).await?;
        self.count(Request::new("DELETE", &warm), 1).await?;
        self.count(self.site.read(1), 1).await?;
        tokio::time::sleep(FORGETS).await;
        self.count(self.site.read(2), 1).await?;
        let vcard = Request::new("GET", &from_vcard).header("accept", "text/vcard");
        self.count(vcard, 1).await?;
        self.count(self.site.list(), 1).await?;
        self.count(self.site.search(3), 1).await?;
        let search = format!("{book}/contacts?limit=50&q={COMMON_WORD}");
        self.count(Request::new("GET", search), 1).await?;
        self.count(self.site.changes(), 1).await?;
        let first = format!("{book}/changes?limit=50");
        self.count(Request::new("GET", first), 1).await?;

        let id = book.rsplit('/').next().unwrap_or_default();
        let wish = json!({
            "book": id, "kinds": ["contact.created"], "channel": "https",
            "endpoint": format!("https://1.1.1.1/{id}"),
        });
        let wish = Request::new("POST", "/v1/subscriptions").json(&wish);
        let subscription = location(&self.api.send(wish).await?).unwrap_or_default();
        // Looks at the book once.
        let told = self.api.create(book, card(4 + BATCH)).await?;
        let watched = self.count(create(book, card(5 + BATCH)), 1).await?;
        self.api.delete_all(book, &[told, watched]).await?;
        let end = Request::new("DELETE", &subscription);
        self.api.send(end).await?;

        self.api.delete_all(book, &batch).await?;
        self.api
            .delete_all(book, &[created, from_vcard, keyed])
            .await?;
        Ok(self.cells)
    }

    /// Adds a cell; the path of what was created, or nothing.
    async fn count(&mut self, request: Request, cards: usize) -> Result<String> {
        self.faults.reset_counts();
        let response = self.api.send(request).await?;
        self.cell(cards);
        Ok(location(&response).unwrap_or_default())
    }

    async fn count_batch(&mut self, request: Request) -> Result<Vec<String>> {
        self.faults.reset_counts();
        let answer = self.api.send(request).await?.json()?;
        self.cell(BATCH);
        let items = answer["items"].as_array().into_iter().flatten();
        let paths = items.filter_map(|item| item["id"].as_str());
        Ok(paths.map(str::to_owned).collect())
    }

    fn cell(&mut self, cards: usize) {
        let (mut read, mut write) = (0.0, 0.0);
        for (operation, count) in self.faults.counts() {
            match operation.as_str() {
                "GetItem" | "BatchGetItem" | "Query" => read += count.units,
                _ => write += count.units,
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let each = |units: f64| (units / cards as f64 * 100.0).round() / 100.0;
        let kinds = [(each(read), "r"), (each(write), "w")];
        let kinds = kinds.iter().filter(|(units, _)| *units > 0.0);
        let kinds: Vec<String> = kinds
            .map(|(units, kind)| format!("{units} {kind}"))
            .collect();
        let none = if kinds.is_empty() { "0" } else { "" };
        self.cells.push(kinds.join(" + ") + none);
    }
}
