//! What the table keeps of a contact. The store does not look into cards: the domain says what a card
//! is called, what it is found by, and what lists show of it.

use std::{collections::BTreeSet, fmt, io::Write as _};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    error::StoreError,
    ids::{BookId, ContactId},
    item::{Item, time},
    keys,
};

/// A deflated card up to this many bytes lives in its head, so that reading it costs one item.
pub const INLINE_BODY_BYTES: usize = 2 * 1024;

/// By what a contact is found: the words of a search, or a group it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// A folded word and the class of the field it stands in. Words of one contact sort by word, then
    /// field.
    Word {
        /// Folded; without control characters; at most 64 bytes.
        word: String,
        /// Sorts hits on the same word: the smaller, the earlier.
        field: char,
    },
    /// A folded group name, at most 256 bytes.
    Group(String),
    /// A day that comes back every year.
    Day {
        /// Month and day, such as `02-29`.
        day: String,
        /// What is celebrated, at most 64 bytes, without control characters.
        kind: String,
    },
}

impl Term {
    /// As the head lists it: the kind, then the text.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Word { word, field } => format!("{field}{word}"),
            Self::Group(group) => format!("g{group}"),
            Self::Day { day, kind } => format!("y{day}{kind}"),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let field = text.chars().next()?;
        let rest = &text[field.len_utf8()..];
        Some(match field {
            'g' => Self::Group(rest.to_owned()),
            'y' => {
                let (day, kind) = rest.split_at_checked(5)?;
                let (day, kind) = (day.to_owned(), kind.to_owned());
                Self::Day { day, kind }
            }
            field => Self::Word {
                word: rest.to_owned(),
                field,
            },
        })
    }
}

/// The bytes of a vCard as a client sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Original {
    /// The vCard, byte for byte.
    pub bytes: Vec<u8>,
    /// Its version, such as `3.0`.
    pub version: String,
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Original({} bytes of {})",
            self.bytes.len(),
            self.version
        )
    }
}

/// A card on its way into the table.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The card's `uid`: one per book.
    pub uid: String,
    /// The card as JSON.
    pub json: String,
    /// The vCard that it was made from, if it was.
    pub original: Option<Original>,
    /// The version to render a vCard in; survives the original.
    pub vcard_version: Option<String>,
    /// Folded, at most 256 bytes: where the contact stands in lists.
    pub sort_name: String,
    /// What lists show, as JSON.
    pub summary: String,
    /// What the contact is found by.
    pub terms: BTreeSet<Term>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Entry({} bytes, {} terms)",
            self.json.len(),
            self.terms.len()
        )
    }
}

/// What lists and searches give of a contact.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// The contact.
    pub id: ContactId,
    /// Its revision, from 1.
    pub revision: u64,
    /// When the contact was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// What lists show, as JSON.
    pub summary: String,
    /// Where a later page goes on after this contact: opaque outside the store, and personal.
    pub position: String,
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listed({} r{})", self.id, self.revision)
    }
}

/// A contact's head: the truth about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The contact.
    pub id: ContactId,
    /// Grows by one with each change, from 1.
    pub revision: u64,
    /// The card's `uid`.
    pub uid: String,
    /// When the contact was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Where it stands in lists.
    pub sort_name: String,
    /// What lists show, as JSON.
    pub summary: String,
    /// What it is found by.
    pub terms: BTreeSet<Term>,
    /// The version to render a vCard in.
    pub vcard_version: Option<String>,
    /// The digest of the vCard that is kept as it was sent, if one is.
    pub(crate) original: Option<String>,
    /// The deflated card, unless it is an item of its own.
    pub(crate) inline: Option<Vec<u8>>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} r{})", self.id, self.revision)
    }
}

/// A contact with its card.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// The head.
    pub head: Head,
    /// The card as JSON.
    pub json: String,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({:?}, {} bytes)", self.head, self.json.len())
    }
}

/// The items of one contact at one revision.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) head: Item,
    pub(crate) name: Item,
    pub(crate) body: Option<Item>,
    pub(crate) original: Option<Item>,
}

/// When a contact came to be and when it last changed, at which revision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) revision: u64,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl Version {
    fn put(self, item: Item) -> Item {
        item.n("rev", self.revision)
            .n("created", self.created.as_millisecond())
            .n("updated", self.updated.as_millisecond())
    }
}

pub(crate) fn rows(book: BookId, id: ContactId, entry: &Entry, version: Version) -> Rows {
    let deflated = deflate(entry.json.as_bytes());
    let inline = deflated.len() <= INLINE_BODY_BYTES;
    let mut head = version
        .put(Item::new(&keys::head(book, id)))
        .s("uid", &entry.uid)
        .s("sort", &entry.sort_name)
        .s("summary", &entry.summary)
        .l("terms", entry.terms.iter().map(Term::encode))
        .opt_s("vcard", entry.vcard_version.as_deref());
    let mut body = None;
    if inline {
        head = head.b("json", deflated);
    } else {
        body = Some(
            Item::new(&keys::body(book, id))
                .n("rev", version.revision)
                .b("json", deflated),
        );
    }
    let original = entry.original.as_ref().map(|original| {
        Item::new(&keys::original(book, id))
            .n("rev", version.revision)
            .b("vcard", deflate(&original.bytes))
    });
    head = head.opt_s(
        "original",
        entry.original.as_ref().map(original_digest).as_deref(),
    );
    let name = version
        .put(Item::new(&keys::name_row(book, &entry.sort_name, id)))
        .s("summary", &entry.summary);
    Rows {
        head,
        name,
        body,
        original,
    }
}

/// Tells two vCards apart without reading them.
pub(crate) fn original_digest(original: &Original) -> String {
    data_encoding::BASE32_DNSSEC.encode(&Sha256::digest(&original.bytes)[..16])
}

impl Head {
    /// The head that `rows` holds.
    pub(crate) fn of(id: ContactId, entry: &Entry, version: Version, rows: &Rows) -> Self {
        Self {
            id,
            revision: version.revision,
            uid: entry.uid.clone(),
            created: version.created,
            updated: version.updated,
            sort_name: entry.sort_name.clone(),
            summary: entry.summary.clone(),
            terms: entry.terms.clone(),
            vcard_version: entry.vcard_version.clone(),
            original: entry.original.as_ref().map(original_digest),
            inline: rows
                .head
                .opt_bytes("json")
                .ok()
                .flatten()
                .map(<[u8]>::to_vec),
        }
    }

    /// Whether the vCard is kept as it was sent.
    pub fn has_original(&self) -> bool {
        self.original.is_some()
    }

    pub(crate) fn read(id: ContactId, item: &Item) -> Result<Self, StoreError> {
        let terms = item.texts("terms")?.into_iter().map(Term::decode);
        Ok(Self {
            id,
            revision: item.number("rev")?,
            uid: item.text("uid")?.to_owned(),
            created: time(item, "created")?,
            updated: time(item, "updated")?,
            sort_name: item.text("sort")?.to_owned(),
            summary: item.text("summary")?.to_owned(),
            terms: terms
                .collect::<Option<_>>()
                .ok_or(StoreError::Damaged("terms"))?,
            vcard_version: item.opt_text("vcard")?.map(str::to_owned),
            original: item.opt_text("original")?.map(str::to_owned),
            inline: item.opt_bytes("json")?.map(<[u8]>::to_vec),
        })
    }

    /// The row that shows the contact in lists.
    pub(crate) fn name_row(&self, book: BookId) -> Item {
        let version = Version {
            revision: self.revision,
            created: self.created,
            updated: self.updated,
        };
        version
            .put(Item::new(&keys::name_row(book, &self.sort_name, self.id)))
            .s("summary", &self.summary)
    }

    /// The head as a list shows it.
    pub(crate) fn listed(&self, position: String) -> Listed {
        Listed {
            id: self.id,
            revision: self.revision,
            created: self.created,
            updated: self.updated,
            summary: self.summary.clone(),
            position,
        }
    }
}

impl Listed {
    /// Reads a row of the name index.
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let position = item.text("sk")?.to_owned();
        Ok(Self {
            id: keys::contact_of(&position).ok_or(StoreError::Damaged("sk"))?,
            revision: item.number("rev")?,
            created: time(item, "created")?,
            updated: time(item, "updated")?,
            summary: item.text("summary")?.to_owned(),
            position,
        })
    }
}

/// Deflated bytes (RFC 1951).
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("a vector takes all bytes")
}

/// The bytes that [`deflate`] was given.
pub(crate) fn inflate(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut inflated = Vec::new();
    std::io::Read::read_to_end(&mut DeflateDecoder::new(bytes), &mut inflated)
        .map_err(|_| StoreError::Damaged("deflated bytes"))?;
    Ok(inflated)
}

pub(crate) fn inflate_text(bytes: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(inflate(bytes)?).map_err(|_| StoreError::Damaged("json"))
}
