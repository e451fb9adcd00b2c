//! The checker: walks the whole table and says where heads, bodies, UIDs, names, terms, change log and
//! counters disagree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    Store,
    book::{Book, is_deleted},
    contact::{Head, Listed, Original, inflate, inflate_text, original_digest},
    error::StoreError,
    ids::{BookId, ContactId},
    item::Item,
    keys::{self, Key},
    log,
};

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The book that it is in.
    pub book: BookId,
    /// The contact, where it is about one.
    pub contact: Option<ContactId>,
    /// What is wrong; without personal data.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "book {}", self.book)?;
        if let Some(contact) = self.contact {
            write!(f, ", contact {contact}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What the checker saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many books there are.
    pub books: usize,
    /// How many contacts they hold.
    pub contacts: usize,
    /// Term rows that no head names. Searches skip them; only a crash leaves them.
    pub leftovers: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What is wrong with one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The card itself.
    Body,
    /// The vCard that is there.
    OtherOriginal,
    /// The vCard that is not there, or should not be.
    Original,
    Uid,
    Name,
    Term,
}

impl Flaw {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Body => "the card is missing, twice there, of another revision or another card",
            Self::OtherOriginal => "the vCard is not the one that the head names",
            Self::Original => "the vCard is missing, left over or of another revision",
            Self::Uid => "the UID row is missing or another contact's",
            Self::Name => "the name row is missing or shows something else",
            Self::Term => "a term has no row",
        }
    }
}

/// Everything of one book, or of some of its contacts.
#[derive(Default)]
pub(crate) struct Shelf {
    book: Option<Item>,
    pub(crate) heads: BTreeMap<ContactId, Item>,
    bodies: BTreeMap<ContactId, Item>,
    originals: BTreeMap<ContactId, Item>,
    pub(crate) uids: BTreeMap<Key, Item>,
    pub(crate) names: BTreeMap<Key, Item>,
    pub(crate) terms: BTreeSet<Key>,
    log: BTreeMap<u64, Item>,
    subscriptions: u64,
}

impl Store {
    /// Walks the table. Meant for a table at rest: what is being written meanwhile may be reported.
    pub async fn check(&self) -> Result<Report, StoreError> {
        let mut shelves = BTreeMap::<BookId, Shelf>::new();
        let mut broken = None;
        self.table
            .scan(|item| {
                if let Err(error) = sort_in(&mut shelves, item) {
                    broken = Some(error);
                }
            })
            .await?;
        if let Some(error) = broken {
            return Err(error);
        }
        let mut report = Report::default();
        for (id, shelf) in shelves {
            self.check_book(id, &shelf, &mut report)?;
        }
        Ok(report)
    }

    fn check_book(&self, id: BookId, shelf: &Shelf, report: &mut Report) -> Result<(), StoreError> {
        let mut find = |contact: Option<ContactId>, what: &str| {
            report.findings.push(Finding {
                book: id,
                contact,
                what: what.to_owned(),
            });
        };
        let Some(book) = &shelf.book else {
            // The log of a deleted book runs out by its time to live; nothing else may stay.
            let rest = shelf.heads.len() + shelf.bodies.len() + shelf.originals.len();
            if rest + shelf.uids.len() + shelf.names.len() > 0 {
                find(None, "contacts of a book that does not exist");
            }
            report.leftovers += shelf.terms.len();
            return Ok(());
        };
        if is_deleted(book) {
            // Its job is still at work.
            return Ok(());
        }
        let book = Book::read(id, book)?;
        report.books += 1;
        report.contacts += shelf.heads.len();
        if book.contacts != shelf.heads.len() as u64 {
            find(None, "the counter is not the number of contacts");
        }
        if book.subscriptions != shelf.subscriptions {
            find(None, "the flag is not the number of subscriptions");
        }
        let mut last = BTreeMap::new();
        let now = self.now();
        // What has expired goes late and in any order.
        let mut log = shelf
            .log
            .iter()
            .filter(|(seq, row)| **seq > book.base && !row.expired(now))
            .peekable();
        let mut expected = log.peek().map_or(book.seq + 1, |(seq, _)| **seq);
        if expected > book.base + 1 && book.created + self.log_life() > now {
            find(None, "the change log does not begin at its beginning");
        }
        for (seq, row) in log {
            if *seq != expected {
                find(None, "the change log has a gap");
            }
            expected = seq + 1;
            let change = log::read(row)?;
            last.insert(change.id, change.revision);
        }
        if expected != book.seq + 1 {
            find(None, "the change log does not end at the book's number");
        }
        for (contact, revision) in &last {
            if revision.is_none() && shelf.heads.contains_key(contact) {
                find(
                    Some(*contact),
                    "the change log says that the contact is deleted",
                );
            }
            if revision.is_some() && !shelf.heads.contains_key(contact) {
                find(
                    Some(*contact),
                    "the change log says that the contact exists",
                );
            }
        }
        let (mut uids, mut names, mut terms) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (contact, item) in &shelf.heads {
            let head = Head::read(*contact, item)?;
            let mut wrong = |what: &str| find(Some(*contact), what);
            if let Some(revision) = last.get(contact)
                && *revision != Some(head.revision)
            {
                wrong("the change log names another revision");
            }
            for flaw in check_contact(id, &head, shelf)? {
                wrong(flaw.text());
            }
            uids.insert(keys::uid(id, &head.uid));
            names.insert(keys::name_row(id, &head.sort_name, *contact));
            let rows = head.terms.iter();
            terms.extend(rows.map(|term| keys::term_row(id, term, *contact)));
        }
        let orphans = shelf.bodies.keys().chain(shelf.originals.keys());
        for contact in orphans.filter(|contact| !shelf.heads.contains_key(contact)) {
            find(Some(*contact), "a body or vCard without a head");
        }
        if shelf.uids.keys().any(|key| !uids.contains(key)) {
            find(None, "a UID row without a contact");
        }
        if shelf.names.keys().any(|key| !names.contains(key)) {
            find(None, "a name row without a contact");
        }
        report.leftovers += shelf.terms.difference(&terms).count();
        Ok(())
    }
}

/// What is wrong with a contact whose items are on the shelf.
pub(crate) fn check_contact(
    book: BookId,
    head: &Head,
    shelf: &Shelf,
) -> Result<Vec<Flaw>, StoreError> {
    let mut flaws = Vec::new();
    let json = match (&head.inline, shelf.bodies.get(&head.id)) {
        (Some(inline), None) => inflate_text(inline).ok(),
        (None, Some(body)) if body.number::<u64>("rev")? == head.revision => {
            inflate_text(body.bytes("json")?).ok()
        }
        _ => None,
    };
    let card = json.and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok());
    if card.is_none_or(|card| card["uid"] != head.uid) {
        flaws.push(Flaw::Body);
    }
    match (&head.original, shelf.originals.get(&head.id)) {
        (None, None) => {}
        (Some(digest), Some(item)) if item.number::<u64>("rev")? == head.revision => {
            let bytes = inflate(item.bytes("vcard")?).unwrap_or_default();
            let version = String::new();
            if *digest != original_digest(&Original { bytes, version }) {
                flaws.push(Flaw::OtherOriginal);
            }
        }
        _ => flaws.push(Flaw::Original),
    }
    match shelf.uids.get(&keys::uid(book, &head.uid)) {
        Some(row) if row.text("card")? == head.id.to_string() => {}
        _ => flaws.push(Flaw::Uid),
    }
    let name = keys::name_row(book, &head.sort_name, head.id);
    match shelf.names.get(&name) {
        Some(row) if Listed::read(row)? == head.listed(name.sk) => {}
        _ => flaws.push(Flaw::Name),
    }
    let has_row = |term| shelf.terms.contains(&keys::term_row(book, term, head.id));
    let lacking = head.terms.iter().filter(|term| !has_row(term));
    flaws.extend(lacking.map(|_| Flaw::Term));
    Ok(flaws)
}

pub(crate) fn sort_in(shelves: &mut BTreeMap<BookId, Shelf>, item: Item) -> Result<(), StoreError> {
    let key = item.key()?;
    let mut parts = key.pk.splitn(3, '#');
    let (kind, book) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if matches!(
        kind,
        "P" | "K" | "I" | "J" | "R" | "W" | "Q" | "QD" | "O" | "E"
    ) || key.pk == keys::DAYS
    {
        return Ok(());
    }
    let book = book.parse().map_err(|_| StoreError::Damaged("pk"))?;
    let shelf = shelves.entry(book).or_default();
    match (kind, key.sk.as_str()) {
        ("B", "B") => shelf.book = Some(item),
        ("C", part) => {
            let contact = crate::read::contact_id(&key)?;
            match part {
                "H" => shelf.heads.insert(contact, item),
                "J" => shelf.bodies.insert(contact, item),
                "V" => shelf.originals.insert(contact, item),
                _ => return Err(StoreError::Damaged("sk")),
            };
        }
        ("S", _) => shelf.subscriptions += 1,
        ("U", _) => drop(shelf.uids.insert(key, item)),
        ("N", _) => drop(shelf.names.insert(key, item)),
        ("T" | "G" | "Y", _) => drop(shelf.terms.insert(key)),
        ("L", seq) => {
            let seq = seq.parse().map_err(|_| StoreError::Damaged("sk"))?;
            shelf.log.insert(seq, item);
        }
        _ => return Err(StoreError::Damaged("pk")),
    }
    Ok(())
}
