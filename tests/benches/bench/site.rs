//! A database with a book of some size, and the API in front of it.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use contacts::Contacts;
use contacts_embedded::Engine;
use contacts_store::Store;
use contacts_tests::{
    client::{Client, Request, Response},
    dynamodb_local::Endpoint,
    process::{Process, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::Instant};

use crate::cards::Card;

pub(crate) const TABLE: &str = "contacts";
pub(crate) const TOKEN: &str = "cm_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
/// As many as a request may carry.
const BATCH: usize = 200;

/// An embedded database of its own behind a loopback port. It is a file, as in the standalone program, and where
/// there is a file system in memory, there: the disk is not what is measured. (All in memory is another thing: `SQLite`
/// then walks through every page after a commit that has split some.)
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) endpoint: Endpoint,
    /// The client of the peers in this process.
    pub(crate) client: aws_sdk_dynamodb::Client,
    _server: contacts_embedded::Server,
    _folder: TempDir,
}

/// Linux's file system in memory.
const IN_MEMORY: &str = "/dev/shm";

impl Database {
    /// With the table, and a token for its owner.
    pub(crate) async fn new() -> Result<Self> {
        let folder = TempDir::new_in(IN_MEMORY).or_else(|_| TempDir::new())?;
        let engine = Engine::open(folder.path())?;
        let store = Store::new(engine.client(), TABLE, 90);
        store.create_table().await?;
        Contacts::new(store).ensure_token("bench", TOKEN).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server = contacts_embedded::serve(engine, listener).await?;
        let endpoint = Endpoint::from(&server);
        Ok(Self {
            client: endpoint.client(),
            endpoint,
            _server: server,
            _folder: folder,
        })
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint)
    }
}

/// What a program needs to find the database.
pub(crate) fn environment(endpoint: &Endpoint) -> Vec<(String, String)> {
    let mut environment = endpoint.environment();
    environment.push(("CONTACTS_TABLE".to_owned(), TABLE.to_owned()));
    environment.push(("CONTACTS_RATE_LIMIT".to_owned(), "0".to_owned()));
    environment
}

/// A running container, and a client with a token.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) server: Server,
    client: Client,
}

impl Api {
    pub(crate) async fn start(container: &Path, environment: &[(String, String)]) -> Result<Self> {
        let server = Server::start(container, environment).await?;
        let client = Client::new(server.address);
        Ok(Self { server, client })
    }

    pub(crate) fn process(&self) -> &Process {
        &self.server.process
    }

    /// The answer, which must be a success, and how long it took.
    pub(crate) async fn timed(&self, request: Request) -> Result<(Response, Duration)> {
        let request = request.bearer(TOKEN);
        let sent = Instant::now();
        let response = self.client.send(&request).await?;
        let took = sent.elapsed();
        let target = request.target.escape_ascii();
        ensure!(
            matches!(response.status, 200..300),
            "{} {target}: {}",
            request.method,
            response.body.escape_ascii()
        );
        Ok((response, took))
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        Ok(self.timed(request).await?.0)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.send(Request::new("GET", path)).await?.json()?)
    }

    /// Creates a contact; its path.
    pub(crate) async fn create(&self, book: &str, card: Card) -> Result<String> {
        location(&self.send(create(book, card)).await?)
    }

    /// Creates the cards; their paths.
    pub(crate) async fn fill(
        &self,
        book: &str,
        cards: impl Iterator<Item = Card>,
    ) -> Result<Vec<String>> {
        let cards: Vec<Card> = cards.collect();
        let mut paths = Vec::with_capacity(cards.len());
        for some in cards.chunks(BATCH) {
            let answer = self.send(create_all(book, some)).await?.json()?;
            for item in answer["items"].as_array().context("no items")? {
                ensure!(item["status"] == 201, "a card was refused: {item}");
                let id = item["id"].as_str().context("no id")?;
                paths.push(format!("{book}/contacts/{id}"));
            }
        }
        Ok(paths)
    }

    pub(crate) async fn delete_all(&self, book: &str, paths: &[String]) -> Result<()> {
        for some in paths.chunks(BATCH) {
            let ids = some.iter().filter_map(|path| path.rsplit('/').next());
            let items: Vec<Value> = ids.map(|id| json!({"op": "delete", "id": id})).collect();
            let batch = Request::new("POST", format!("{book}/contacts/batch"));
            self.send(batch.json(&json!({ "items": items }))).await?;
        }
        Ok(())
    }
}

pub(crate) fn create(book: &str, card: Card) -> Request {
    Request::new("POST", format!("{book}/contacts")).json(&card.json())
}

pub(crate) fn create_all(book: &str, cards: &[Card]) -> Request {
    let item = |card: &Card| json!({"op": "create", "card": card.json()});
    let items: Vec<Value> = cards.iter().map(item).collect();
    Request::new("POST", format!("{book}/contacts/batch")).json(&json!({ "items": items }))
}

/// Where a created contact is.
pub(crate) fn location(response: &Response) -> Result<String> {
    let path = response.text("location").context("no location")?;
    Ok(path.to_owned())
}

/// A book of some size.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) size: usize,
    pub(crate) database: Database,
    pub(crate) api: Api,
    /// The path of the book.
    pub(crate) book: String,
    /// The paths of its contacts, in the order of their cards, from 0.
    pub(crate) contacts: Vec<String>,
    /// A place in the middle of the list.
    pub(crate) cursor: String,
    /// A place in the change feed that fifty changes follow.
    pub(crate) since: String,
}

impl Site {
    pub(crate) async fn new(container: &Path, size: usize) -> Result<Self> {
        let database = Database::new().await?;
        let api = Api::start(container, &database.environment()).await?;
        let default = api.get("/v1/books/default").await?;
        let id = default["id"].as_str().context("no id")?;
        let book = format!("/v1/books/{id}");
        let contacts = api.fill(&book, (0..size).map(Card)).await?;
        let mut site = Self {
            size,
            database,
            api,
            book,
            contacts,
            cursor: String::new(),
            since: String::new(),
        };
        site.cursor = site.middle().await?;
        site.since = site.end_of_first_reading().await?;
        Ok(site)
    }

    async fn middle(&self) -> Result<String> {
        let (limit, mut read) = (500.min(self.size / 2), 0);
        let mut path = format!("{}/contacts?limit={limit}", self.book);
        loop {
            let page = self.api.get(&path).await?;
            read += page["items"].as_array().context("no items")?.len();
            let cursor = page["cursor"].as_str().context("no cursor")?;
            if read >= self.size / 2 {
                return Ok(cursor.to_owned());
            }
            path = format!("{}/contacts?limit={limit}&cursor={cursor}", self.book);
        }
    }

    /// A first reading ends in the log, 100 numbers before its end.
    async fn end_of_first_reading(&self) -> Result<String> {
        let mut read = 0;
        let mut path = format!("{}/changes?limit=500", self.book);
        loop {
            let page = self.api.get(&path).await?;
            read += page["changes"].as_array().context("no changes")?.len();
            let token = page["token"].as_str().context("no token")?;
            if read >= self.size {
                return Ok(token.to_owned());
            }
            path = format!("{}/changes?limit=500&since={token}", self.book);
        }
    }

    /// The requests that every book is asked alike; `turn` chooses the contact.
    pub(crate) fn read(&self, turn: usize) -> Request {
        Request::new("GET", &self.contacts[self.some(turn)])
    }

    pub(crate) fn list(&self) -> Request {
        let path = format!("{}/contacts?limit=50&cursor={}", self.book, self.cursor);
        Request::new("GET", path)
    }

    pub(crate) fn search(&self, turn: usize) -> Request {
        let word = Card(self.some(turn)).own_word();
        Request::new("GET", format!("{}/contacts?q={word}", self.book))
    }

    pub(crate) fn changes(&self) -> Request {
        let path = format!("{}/changes?limit=50&since={}", self.book, self.since);
        Request::new("GET", path)
    }

    /// Spreads over the book: the factor is a prime above every size.
    fn some(&self, turn: usize) -> usize {
        turn.wrapping_mul(104_729) % self.size
    }
}
