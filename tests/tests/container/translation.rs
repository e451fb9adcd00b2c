//! What a container sees under its own names, a process on this machine sees under others: ports of
//! loopback, and files of a folder.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use contacts_tests::process::free_address;

/// The loopback port of each port of each service.
#[derive(Debug)]
pub(crate) struct Ports {
    services: BTreeSet<String>,
    taken: RefCell<BTreeMap<(String, u16), u16>>,
}

impl Ports {
    pub(crate) fn new(services: impl IntoIterator<Item = String>) -> Self {
        Self {
            services: services.into_iter().collect(),
            taken: RefCell::default(),
        }
    }

    /// Says which port stands for one, before anybody asks.
    pub(crate) fn set(&self, service: &str, port: u16, taken: u16) {
        let key = (service.to_owned(), port);
        self.taken.borrow_mut().insert(key, taken);
    }

    /// The port that stands for `port` of `service`, the same each time.
    pub(crate) fn of(&self, service: &str, port: u16) -> Result<u16> {
        let key = (service.to_owned(), port);
        if let Some(taken) = self.taken.borrow().get(&key) {
            return Ok(*taken);
        }
        let free = free_address()?.port();
        self.taken.borrow_mut().insert(key, free);
        Ok(free)
    }

    /// A text in which `service` names addresses, with the ones that stand for them: `other:PORT` is
    /// another service's, `0.0.0.0:PORT` and `127.0.0.1:PORT` its own.
    pub(crate) fn translate(&self, service: &str, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(colon) = rest.find(':') {
            let (before, after) = (&rest[..colon], &rest[colon + 1..]);
            let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let start = before.rfind(|c| !named(c)).map_or(0, |at| at + 1);
            let end = after.find(|c: char| !c.is_ascii_digit());
            let end = end.unwrap_or(after.len());
            let owner = match &before[start..] {
                "0.0.0.0" | "127.0.0.1" => Some(service),
                host => self.services.get(host).map(String::as_str),
            };
            match (owner, after[..end].parse()) {
                (Some(owner), Ok(port)) => {
                    let port = self.of(owner, port)?;
                    out += &format!("{}127.0.0.1:{port}", &before[..start]);
                    rest = &after[end..];
                }
                _ => {
                    out += &rest[..=colon];
                    rest = after;
                }
            }
        }
        Ok(out + rest)
    }

    /// The words of a command likewise; what follows `--port` or `-p` is a port as well.
    pub(crate) fn words(&self, service: &str, words: &[String]) -> Result<Vec<String>> {
        let mut translated: Vec<String> = Vec::with_capacity(words.len());
        let mut follows = false;
        for word in words {
            translated.push(match (follows, word.parse()) {
                (true, Ok(port)) => self.of(service, port)?.to_string(),
                _ => self.translate(service, word)?,
            });
            follows = matches!(&**word, "--port" | "-port" | "-p");
        }
        Ok(translated)
    }
}

/// The word of a command or the value of an option, with the place that stands for the one it names.
pub(crate) fn place(word: &str, places: &[(String, String)]) -> String {
    let (option, value) = match word.split_once('=') {
        Some((option, value)) => (format!("{option}="), value),
        None => (String::new(), word),
    };
    let placed = places.iter().find_map(|(target, source)| {
        let below = value.strip_prefix(&**target)?;
        (below.is_empty() || below.starts_with('/')).then(|| format!("{source}{below}"))
    });
    option + placed.as_deref().unwrap_or(value)
}

#[test]
fn addresses_are_translated_and_all_else_is_left() {
    let ports = Ports::new(["cache".to_owned(), "api".to_owned()]);
    ports.set("cache", 6379, 1);
    ports.set("api", 8080, 2);
    for (text, wanted) in [
        ("redis://cache:6379/0", "redis://127.0.0.1:1/0"),
        ("0.0.0.0:8080", "127.0.0.1:2"),
        (
            "[\"api:8080\", \"cache:6379\"]",
            "[\"127.0.0.1:2\", \"127.0.0.1:1\"]",
        ),
        (
            "arn:aws:sns:us-east-1:123456789012:api",
            "arn:aws:sns:us-east-1:123456789012:api",
        ),
        ("mycache:6379", "mycache:6379"),
    ] {
        assert_eq!(ports.translate("api", text).unwrap(), wanted);
    }
    let words = ["-p", "6379", "6379"].map(str::to_owned);
    assert_eq!(ports.words("cache", &words).unwrap(), ["-p", "1", "6379"]);
    let places = [("/etc/app".to_owned(), "/tmp/1".to_owned())];
    assert_eq!(
        place("--file=/etc/app/a.yaml", &places),
        "--file=/tmp/1/a.yaml"
    );
    assert_eq!(place("/etc/apple", &places), "/etc/apple");
}
