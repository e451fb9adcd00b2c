//! How large a card, and what is derived from it, may be.

/// Bytes of a card as compact JSON. A card must fit one database item (400 KB) with room for what is
/// kept beside it.
pub const CARD_JSON_BYTES: usize = 256 * 1024;

/// Bytes of a JSON text that [`crate::Card::from_json`] reads: the largest request body. Above
/// [`CARD_JSON_BYTES`] because indentation does not count against a card.
pub const JSON_TEXT_BYTES: usize = 1024 * 1024;

/// Levels of arrays and objects, the card itself being the first. RFC 9553 needs about eight; the
/// rest is for vendor properties, and few enough that recursion over a card is always safe.
pub const NESTING: usize = 32;

/// Entries of one map or list that RFC 9553 defines, such as the e-mail addresses of a card or the
/// members of a group.
pub const ENTRIES: usize = 1000;

/// Bytes of one text. URIs are exempt: a photo may be in the card as a `data:` URI.
pub const TEXT_BYTES: usize = 64 * 1024;

/// Bytes of a `uid`.
pub const UID_BYTES: usize = 1024;

/// Words a card is found by. Each is a row of the search index, so this bounds what one write costs.
pub const TERMS: usize = 500;

/// Bytes of one such word, and of one word of a query: beyond that, two words count as the same.
pub const WORD_BYTES: usize = 64;

/// Bytes of [`crate::Card::sort_name`]; it is part of a database key, which ends at 1,024 bytes.
pub const SORT_NAME_BYTES: usize = 256;

/// Bytes of a folded group name ([`crate::Card::groups`]), part of a database key as well.
pub const GROUP_BYTES: usize = 256;

/// Characters of each value of a [`crate::Summary`]: what a list has room to show.
pub const SUMMARY_CHARS: usize = 128;

/// Violations reported for one card; the rest are left out of the report.
pub const VIOLATIONS: usize = 50;
