//! Killed in the middle of writes, again and again: what was answered is there.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contacts_tests::client::{Client, Request};
use contacts_tests::process::Server;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::{CONTACTS, TOKEN, card, check, list, send, serve, text};

const KILLS: u64 = 50;
const WRITERS: usize = 8;

/// What a writer knows: the names of its contacts as they were answered, and what it had asked for
/// without an answer when the process died.
#[derive(Default)]
struct Writer {
    number: usize,
    contacts: BTreeMap<String, String>,
    pending: Option<Pending>,
    count: u64,
}

enum Pending {
    Create(String),
    Rename(String, String),
    Delete(String),
}

impl Writer {
    /// Writes until the process is gone.
    async fn write(&mut self, client: &Client, acknowledged: &AtomicU64, more: &Notify) {
        loop {
            self.count += 1;
            let name = format!("Writer {} {}", self.number, self.count);
            let some = self.contacts.keys().nth(self.count as usize % 7).cloned();
            let (request, pending) = match (self.count % 4, some) {
                (1, Some(id)) => {
                    let request =
                        Request::new("PUT", format!("{CONTACTS}/{id}")).json(&card(&name));
                    (request, Pending::Rename(id, name))
                }
                (2, Some(id)) => (
                    Request::new("DELETE", format!("{CONTACTS}/{id}")),
                    Pending::Delete(id),
                ),
                _ => (
                    Request::new("POST", CONTACTS).json(&card(&name)),
                    Pending::Create(name),
                ),
            };
            self.pending = Some(pending);
            let Ok(answer) = client.send(&request.bearer(TOKEN)).await else {
                return;
            };
            assert!((200..300).contains(&answer.status), "{answer:?}");
            match self.pending.take() {
                Some(Pending::Create(name)) => {
                    let contact = answer.json().unwrap();
                    self.contacts.insert(text(&contact["id"]).to_owned(), name);
                }
                Some(Pending::Rename(id, name)) => drop(self.contacts.insert(id, name)),
                Some(Pending::Delete(id)) => drop(self.contacts.remove(&id)),
                None => {}
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
            more.notify_one();
        }
    }

    /// Takes its contacts out of `there`; what was not answered may have happened or not.
    fn compare(&mut self, there: &mut BTreeMap<String, String>) {
        match self.pending.take() {
            Some(Pending::Create(name)) => {
                let made = there.iter().find(|(_, there)| **there == name);
                if let Some((id, _)) = made.map(|(id, name)| (id.clone(), name.clone())) {
                    self.contacts.insert(id, name);
                }
            }
            Some(Pending::Rename(id, name)) if there.get(&id) == Some(&name) => {
                self.contacts.insert(id, name);
            }
            Some(Pending::Delete(id)) if !there.contains_key(&id) => {
                self.contacts.remove(&id);
            }
            _ => {}
        }
        for (id, name) in &self.contacts {
            assert_eq!(
                there.remove(id).as_ref(),
                Some(name),
                "an answered write is not there"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_fifty_kills_at_random_moments() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| Writer {
            number,
            ..Writer::default()
        })
        .collect();
    let mut token = None::<String>;
    let mut synced = BTreeMap::<String, Value>::new();
    for kill in 0..=KILLS {
        let mut server = serve(&data).await;
        let client = Arc::new(Client::new(server.address));
        compare(&client, &mut writers).await;
        follow(&client, &mut token, &mut synced).await;
        if kill == KILLS {
            break;
        }
        // A moment is random where the number of answers before it is, and what runs at it.
        let moment = RandomState::new().hash_one(kill) % 40;
        writers = write_until(&mut server, client, writers, moment).await;
        check(&data).await;
    }
}

async fn write_until(
    server: &mut Server,
    client: Arc<Client>,
    writers: Vec<Writer>,
    moment: u64,
) -> Vec<Writer> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let more = Arc::new(Notify::new());
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            let (client, acknowledged, more) = (
                Arc::clone(&client),
                Arc::clone(&acknowledged),
                Arc::clone(&more),
            );
            tokio::spawn(async move {
                writer.write(&client, &acknowledged, &more).await;
                writer
            })
        })
        .collect();
    while acknowledged.load(Ordering::Relaxed) < moment {
        more.notified().await;
    }
    server.process.kill().await.unwrap();
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.unwrap());
    }
    writers
}

async fn compare(client: &Client, writers: &mut [Writer]) {
    let mut there: BTreeMap<String, String> = list(client)
        .await
        .iter()
        .map(|item| {
            (
                text(&item["id"]).to_owned(),
                text(&item["summary"]["name"]).to_owned(),
            )
        })
        .collect();
    for writer in writers {
        writer.compare(&mut there);
    }
    assert!(there.is_empty(), "nobody asked for {there:?}");
}

/// A reader of the change feed that goes on after each crash ends with the state of the book.
async fn follow(client: &Client, token: &mut Option<String>, synced: &mut BTreeMap<String, Value>) {
    loop {
        let mut path = "/v1/books/default/changes?limit=500".to_owned();
        if let Some(token) = token {
            path += &format!("&since={token}");
        }
        let page = send(client, Request::new("GET", &path))
            .await
            .json()
            .unwrap();
        for change in page["changes"].as_array().unwrap() {
            let id = text(&change["id"]).to_owned();
            if change["deleted"] == true {
                synced.remove(&id);
            } else {
                synced.insert(id, change["etag"].clone());
            }
        }
        *token = Some(text(&page["token"]).to_owned());
        if page["more"] == false {
            break;
        }
    }
    let there: BTreeMap<String, Value> = list(client)
        .await
        .iter()
        .map(|item| (text(&item["id"]).to_owned(), item["etag"].clone()))
        .collect();
    assert_eq!(*synced, there);
}
