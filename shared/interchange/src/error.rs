//! Why bytes are not a vCard this service can take.

/// Why a vCard was refused: what is wrong, where, and what to do. Never holds content of the vCard.
/// Lines are counted from 1 within the bytes given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VCardError {
    /// There is no vCard in the input.
    #[error("no vCard found; send one that starts with BEGIN:VCARD and ends with END:VCARD")]
    Empty,
    /// A second vCard where one is expected.
    #[error(
        "one vCard is expected here, and line {line} begins another; several go to …/contacts/batch"
    )]
    Several {
        /// The line of the second vCard's `BEGIN`.
        line: usize,
    },
    /// Something other than a vCard.
    #[error("line {line} is not part of a vCard; each vCard goes from BEGIN:VCARD to END:VCARD")]
    NotVCard {
        /// The offending line.
        line: usize,
    },
    /// A vCard without its end.
    #[error("the vCard that begins on line {line} has no END:VCARD")]
    Unterminated {
        /// The line of the vCard's `BEGIN`.
        line: usize,
    },
    /// A line that is no `NAME;PARAMETER=VALUE:VALUE`.
    #[error(
        "line {line} has no property name followed by a colon; a continued line starts with a space"
    )]
    NotAProperty {
        /// The offending line.
        line: usize,
    },
    /// `VERSION` names a version that does not exist.
    #[error("line {line} names an unknown vCard version; use 2.1, 3.0 or 4.0")]
    UnknownVersion {
        /// The line of the `VERSION` property.
        line: usize,
    },
    /// One of the [limits](crate::limits) is exceeded.
    #[error("the vCard has {actual} bytes; at most {limit} are allowed")]
    TooLarge {
        /// The most that is allowed, in bytes.
        limit: usize,
        /// What was sent, in bytes.
        actual: usize,
    },
    /// More properties than [`PROPERTIES`](crate::limits::PROPERTIES) that no member of a card shows
    /// just as they are.
    #[error(
        "the vCard has {actual} properties that a contact can only keep as they are; at most {limit} are allowed"
    )]
    TooManyProperties {
        /// The most that is allowed.
        limit: usize,
        /// What was sent.
        actual: usize,
    },
    /// More parameters than [`PARAMETERS`](crate::limits::PARAMETERS).
    #[error("the property on line {line} has more than {limit} parameters")]
    TooManyParameters {
        /// The first line of the property.
        line: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Bytes that are not UTF-8, in a property that names no other charset.
    #[error(
        "line {line} is not UTF-8; send the vCard as UTF-8, or name the charset in the property's CHARSET parameter (vCard 2.1)"
    )]
    NotUtf8 {
        /// The first line of the property.
        line: usize,
    },
    /// Bytes that are not in the charset that the property's `CHARSET` names, or a charset unknown
    /// to the WHATWG Encoding Standard.
    #[error(
        "line {line} is not in the charset that its CHARSET parameter names; correct the parameter, or send UTF-8"
    )]
    Charset {
        /// The first line of the property.
        line: usize,
    },
    /// The vCard cannot be held by a JSContact card, whichever way it is converted.
    #[error("the vCard does not fit a contact: {0}")]
    Card(#[from] contacts_card::CardError),
}
