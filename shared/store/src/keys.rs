//! Every key pattern of the table, in one place. `docs/DATA.md` lists them with their access paths.

use crate::{
    contact::Term,
    ids::{BookId, ContactId, TokenId, digest_text},
};

/// Parts a sort key: below every character that a folded text holds, so that an exact word sorts
/// before longer words that begin with it.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

pub(crate) fn book(book: BookId) -> Key {
    Key::new(format!("B#{book}"), "B")
}

pub(crate) fn principal(principal: &str) -> String {
    format!("P#{principal}")
}

/// The prefix of a principal's memberships.
pub(crate) const MEMBER: &str = "B#";

pub(crate) fn member(who: &str, book: BookId) -> Key {
    Key::new(principal(who), format!("{MEMBER}{book}"))
}

/// The prefix of a principal's tokens.
pub(crate) const OWN_TOKEN: &str = "K#";

pub(crate) fn own_token(who: &str, token: TokenId) -> Key {
    Key::new(principal(who), format!("{OWN_TOKEN}{token}"))
}

pub(crate) fn token(secret_hash: &str) -> Key {
    Key::new(format!("K#{secret_hash}"), "K")
}

pub(crate) fn idempotency(who: &str, key: &str) -> Key {
    Key::new(format!("I#{}", digest_text(&[who, key])), "I")
}

fn contact(book: BookId, id: ContactId) -> String {
    format!("C#{book}#{id}")
}

pub(crate) fn head(book: BookId, id: ContactId) -> Key {
    Key::new(contact(book, id), "H")
}

pub(crate) fn body(book: BookId, id: ContactId) -> Key {
    Key::new(contact(book, id), "J")
}

pub(crate) fn original(book: BookId, id: ContactId) -> Key {
    Key::new(contact(book, id), "V")
}

pub(crate) fn uid(book: BookId, uid: &str) -> Key {
    Key::new(format!("U#{book}#{}", digest_text(&[uid])), "U")
}

pub(crate) fn log(book: BookId) -> String {
    format!("L#{book}")
}

/// Twenty digits hold every `u64`, so that text order is number order.
pub(crate) fn log_row(book: BookId, seq: u64) -> Key {
    Key::new(log(book), format!("{seq:020}"))
}

pub(crate) fn names(book: BookId) -> String {
    format!("N#{book}")
}

pub(crate) fn name_row(book: BookId, sort_name: &str, id: ContactId) -> Key {
    Key::new(names(book), format!("{sort_name}{SEPARATOR}{id}"))
}

/// The partition of all words that begin with the first character of `word`.
pub(crate) fn words(book: BookId, word: &str) -> String {
    let first = word.chars().next().unwrap_or(SEPARATOR);
    format!("T#{book}#{first}")
}

pub(crate) fn groups(book: BookId) -> String {
    format!("G#{book}")
}

/// What the sort keys of a group's members begin with.
pub(crate) fn group_prefix(group: &str) -> String {
    format!("{group}{SEPARATOR}")
}

/// The row by which `term` leads to the contact `id`.
pub(crate) fn term_row(book: BookId, term: &Term, id: ContactId) -> Key {
    match term {
        Term::Word { word, field } => Key::new(
            words(book, word),
            format!("{word}{SEPARATOR}{field}{SEPARATOR}{id}"),
        ),
        Term::Group(group) => Key::new(groups(book), format!("{}{id}", group_prefix(group))),
    }
}

/// The last part of a sort key that ends in a contact's identifier.
pub(crate) fn contact_of(sk: &str) -> Option<ContactId> {
    sk.rsplit(SEPARATOR).next()?.parse().ok()
}
