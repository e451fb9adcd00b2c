//! Every key pattern of the table, in one place. `docs/DATA.md` lists them with their access paths.

use crate::{
    contact::Term,
    ids::{BookId, ContactId, JobId, SubscriptionId, TokenId, digest_text},
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

/// The partitions of a book's words: by their first character where that is a Latin letter or a digit,
/// else by its code. A fixed number, so that all rows of a book can be found.
const LATIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const OTHER: u32 = 28;

/// The partition of all words that begin with the first character of `word`.
pub(crate) fn words(book: BookId, word: &str) -> String {
    match word.chars().next().unwrap_or(SEPARATOR) {
        latin if LATIN.contains(latin) => format!("T#{book}#{latin}"),
        other => format!("T#{book}#~{:02}", u32::from(other) % OTHER),
    }
}

/// Every partition of a book's terms: of its words, of its groups, and of its days.
pub(crate) fn term_partitions(book: BookId) -> impl Iterator<Item = String> {
    let latin = LATIN.chars().map(move |c| format!("T#{book}#{c}"));
    let other = (0..OTHER).map(move |code| format!("T#{book}#~{code:02}"));
    latin.chain(other).chain([groups(book), days(book)])
}

pub(crate) fn job(job: JobId) -> Key {
    Key::new(format!("J#{job}"), "J")
}

/// The prefix of a principal's jobs.
pub(crate) const OWN_JOB: &str = "J#";

pub(crate) fn own_job(who: &str, job: JobId) -> Key {
    Key::new(principal(who), format!("{OWN_JOB}{job}"))
}

/// The partition of all jobs that have not ended.
pub(crate) const OPEN_JOBS: &str = "W";

pub(crate) fn open_job(job: JobId) -> Key {
    Key::new(OPEN_JOBS, job.to_string())
}

/// The partition of the messages of the queue, and of those put aside.
pub(crate) const QUEUE: &str = "Q";
pub(crate) const DEAD: &str = "QD";

pub(crate) fn message(id: &str) -> Key {
    Key::new(QUEUE, id)
}

pub(crate) fn report(job: JobId) -> String {
    format!("R#{job}")
}

pub(crate) fn report_row(job: JobId, step: u64, line: usize) -> Key {
    Key::new(report(job), format!("{step:010}#{line:06}"))
}

/// In how many partitions the outbox lies, so that its writes are spread.
pub(crate) const OUTBOX_SHARDS: u32 = 16;

fn outbox_shard_of(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0_u32, |hash, byte| hash.wrapping_mul(31) + u32::from(byte));
    outbox_shard(hash % OUTBOX_SHARDS)
}

pub(crate) fn outbox_shard(shard: u32) -> String {
    format!("O#{shard:02}")
}

/// The partition of a book's unsent events, and what their sort keys begin with.
pub(crate) fn outbox(book: BookId) -> (String, String) {
    let book = book.to_string();
    (outbox_shard_of(&book), format!("{book}#"))
}

/// An unsent event of a book at the number `seq`; `which` tells those apart that have no number of
/// their own.
pub(crate) fn outbox_row(book: BookId, seq: u64, which: &str) -> Key {
    let (pk, prefix) = outbox(book);
    Key::new(pk, format!("{prefix}{seq:020}{which}"))
}

/// What the sort keys of endpoints in the outbox begin with: in capitals, which no identifier has.
pub(crate) const OUTBOX_ENDPOINT: &str = "E#";

/// The note that an endpoint has to be looked at.
pub(crate) fn outbox_endpoint(endpoint: &str) -> Key {
    Key::new(
        outbox_shard_of(endpoint),
        format!("{OUTBOX_ENDPOINT}{endpoint}"),
    )
}

/// The prefix of a principal's subscriptions.
pub(crate) const OWN_SUBSCRIPTION: &str = "S#";

pub(crate) fn own_subscription(who: &str, subscription: SubscriptionId) -> Key {
    Key::new(principal(who), format!("{OWN_SUBSCRIPTION}{subscription}"))
}

pub(crate) fn subscriptions(book: BookId) -> String {
    format!("S#{book}")
}

pub(crate) fn subscription(book: BookId, subscription: SubscriptionId) -> Key {
    Key::new(subscriptions(book), subscription.to_string())
}

pub(crate) fn endpoint(endpoint: &str) -> Key {
    Key::new(format!("E#{endpoint}"), "E")
}

/// The prefix of a principal's confirmations that are awaited.
pub(crate) const AWAITED: &str = "A#";

pub(crate) fn awaited(who: &str, slot: u8) -> Key {
    Key::new(principal(who), format!("{AWAITED}{slot}"))
}

/// The partition of the subscriptions to days.
pub(crate) const DAYS: &str = "Y";

pub(crate) fn day_subscription(subscription: SubscriptionId) -> Key {
    Key::new(DAYS, subscription.to_string())
}

pub(crate) fn groups(book: BookId) -> String {
    format!("G#{book}")
}

/// What the sort keys of a group's members begin with.
pub(crate) fn group_prefix(group: &str) -> String {
    format!("{group}{SEPARATOR}")
}

/// The partition of the days of the year that a book's contacts celebrate.
pub(crate) fn days(book: BookId) -> String {
    format!("{DAYS}#{book}")
}

/// What the sort keys of a day begin with.
pub(crate) fn day_prefix(day: &str) -> String {
    format!("{day}{SEPARATOR}")
}

/// The row by which `term` leads to the contact `id`.
pub(crate) fn term_row(book: BookId, term: &Term, id: ContactId) -> Key {
    match term {
        Term::Word { word, field } => Key::new(
            words(book, word),
            format!("{word}{SEPARATOR}{field}{SEPARATOR}{id}"),
        ),
        Term::Group(group) => Key::new(groups(book), format!("{}{id}", group_prefix(group))),
        Term::Day { day, kind } => {
            let prefix = day_prefix(day);
            Key::new(days(book), format!("{prefix}{kind}{SEPARATOR}{id}"))
        }
    }
}

/// The last part of a sort key that ends in a contact's identifier.
pub(crate) fn contact_of(sk: &str) -> Option<ContactId> {
    sk.rsplit(SEPARATOR).next()?.parse().ok()
}
