//! What a message says, as JSON.

use contacts_store::{BookId, EventId, JobId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::EventKind;

/// The most bytes of a name in a message.
const NAME_BYTES: usize = 1_000;

/// A message: one event, for one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventMessage)]
pub struct Message {
    /// Names the event, the same each time that it is sent and for every subscription: drop what you
    /// have seen.
    #[schema(example = "2m5p8s1u4a7d0g3j6m9p2s5v8g")]
    pub id: String,
    /// The number of the change in the book's change feed; of several changes to a contact, the one with
    /// the highest number is the last. What is no change to a contact has the number of the change
    /// before it.
    #[schema(example = 42)]
    pub sequence: u64,
    /// What happened.
    pub kind: EventKind,
    /// When it happened (RFC 3339, UTC).
    #[schema(example = "2026-01-02T03:04:05.678Z")]
    pub time: String,
    /// The book.
    #[schema(example = "5l2c8v0q6m1t4s9r3n7p0k2j8g")]
    pub book: String,
    /// The new name of the book, if the subscription asks for names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Family")]
    pub name: Option<String>,
    /// The contact, of the kinds that begin with `contact.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactPart>,
    /// The day, of `contact.birthday` and `contact.anniversary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub anniversary: Option<Anniversary>,
    /// The job, of the kinds that begin with `job.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub job: Option<JobPart>,
    /// The subscription that this message is for.
    #[schema(example = "0k3n6q9t2v5a8d1g4j7m0p3s6u")]
    pub subscription: String,
}

/// The contact of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventContact)]
pub struct ContactPart {
    /// The contact, which may have changed again since.
    #[schema(example = "7h3k9m2p5r8t1v4c6e0g2j5l8o")]
    pub id: String,
    /// The ETag that the change gave it; absent where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "\"1\"")]
    pub etag: Option<String>,
    /// The name as lists show it now, if the subscription asks for names and the contact still exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Ada Lovelace")]
    pub name: Option<String>,
}

/// The day of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventAnniversary)]
pub struct Anniversary {
    /// The day on which it is celebrated this year, in the subscription's time zone: tomorrow, seen from
    /// `time`.
    #[schema(example = "2026-12-10")]
    pub date: String,
    /// `birth`, `death` or `wedding`; else, if the subscription asks for names, another word as the card
    /// has it, and `other` if not.
    #[schema(example = "birth")]
    pub kind: String,
}

/// The job of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventJob)]
pub struct JobPart {
    /// The job.
    #[schema(example = "0e7k2q5t8v1c4f7i0l3o6r9u2a")]
    pub id: String,
    /// What it was to do.
    #[schema(example = "reindex-book")]
    pub kind: String,
}

/// An event before it is known who is told.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) sequence: u64,
    pub(crate) kind: EventKind,
    pub(crate) at: Timestamp,
    pub(crate) book: BookId,
    pub(crate) about: About,
}

/// What an event is about.
#[derive(Debug, Clone)]
pub(crate) enum About {
    /// A contact, its revision, and whether that is a day of the year.
    Contact(contacts_store::ContactId, Option<u64>, Option<Anniversary>),
    /// The book, with its new name.
    Name(String),
    /// The book.
    Book,
    /// A job and its kind.
    Job(JobId, String),
}

impl Event {
    /// The message for `subscription`. `name` is the contact's, where it may be said; `words` says
    /// whether those of the card may.
    pub(crate) fn message(&self, subscription: String, name: Option<&str>, words: bool) -> Message {
        let mut message = Message {
            id: self.id.to_string(),
            sequence: self.sequence,
            kind: self.kind,
            time: format!("{:.3}", self.at),
            book: self.book.to_string(),
            name: None,
            contact: None,
            anniversary: None,
            job: None,
            subscription,
        };
        let name = name.map(cut);
        match &self.about {
            About::Contact(id, revision, day) => {
                message.contact = Some(ContactPart {
                    id: id.to_string(),
                    etag: revision.map(|revision| format!("\"{revision}\"")),
                    name,
                });
                message.anniversary = day.clone().map(|day| match day.kind.as_str() {
                    "birth" | "death" | "wedding" => day,
                    _ if words => day,
                    _ => Anniversary {
                        kind: "other".to_owned(),
                        ..day
                    },
                });
            }
            About::Name(_) => message.name = name,
            About::Book => {}
            About::Job(id, kind) => {
                message.job = Some(JobPart {
                    id: id.to_string(),
                    kind: kind.clone(),
                });
            }
        }
        message
    }
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES)].to_owned()
}

impl Message {
    /// As it travels.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a message is plain JSON")
    }

    /// A message of this kind as the examples of the documentation have it.
    #[must_use]
    pub fn example(kind: EventKind) -> Self {
        let word = kind.name();
        let gone = kind == EventKind::ContactDeleted;
        let contact = || ContactPart {
            id: "7h3k9m2p5r8t1v4c6e0g2j5l8o".to_owned(),
            etag: (!gone).then(|| "\"2\"".to_owned()),
            name: (!gone).then(|| "Ada Lovelace".to_owned()),
        };
        let anniversary = || Anniversary {
            date: "2026-12-10".to_owned(),
            kind: match kind {
                EventKind::ContactBirthday => "birth",
                _ => "wedding",
            }
            .to_owned(),
        };
        let job = || JobPart {
            id: "0e7k2q5t8v1c4f7i0l3o6r9u2a".to_owned(),
            kind: "reindex-book".to_owned(),
        };
        Self {
            id: "2m5p8s1u4a7d0g3j6m9p2s5v8g".to_owned(),
            sequence: 42,
            kind,
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            book: "5l2c8v0q6m1t4s9r3n7p0k2j8g".to_owned(),
            name: (kind == EventKind::BookRenamed).then(|| "Family".to_owned()),
            contact: word.starts_with("contact.").then(contact),
            anniversary: kind.is_by_day().then(anniversary),
            job: word.starts_with("job.").then(job),
            subscription: "0k3n6q9t2v5a8d1g4j7m0p3s6u".to_owned(),
        }
    }
}
