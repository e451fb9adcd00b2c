//! What there is a limit of, and how a person is told.

/// What there is a limit of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a request body.
    Body,
    /// Items of a batch.
    BatchItems,
    /// Bytes of a vCard.
    VCard,
    /// Bytes of a card as compact JSON.
    Card,
    /// Bytes, as compact JSON, of the card that a vCard makes.
    CardOfVCard,
    /// Words that a contact is found by.
    Words,
}

impl Limit {
    /// The value of the member `limit`; it never changes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Body => "request body bytes",
            Self::BatchItems => "items in a batch",
            Self::VCard => "bytes of a vCard",
            Self::Card | Self::CardOfVCard => "bytes of JSON",
            Self::Words => "words to be found by",
        }
    }

    pub(super) fn sentence(self, maximum: u64, actual: Option<u64>) -> String {
        let (subject, unit, advice) = match self {
            Self::Body => ("A request body", "bytes", "send less at a time"),
            Self::BatchItems => ("A batch", "items", "send several batches"),
            Self::VCard => ("A vCard", "bytes", "leave out or shrink its pictures"),
            Self::Card => (
                "A card",
                "bytes as JSON without white space",
                "leave out or shrink its pictures and texts",
            ),
            Self::CardOfVCard => (
                "The card that is made of a vCard",
                "bytes as JSON",
                "leave out or shrink pictures and texts of the vCard",
            ),
            Self::Words => (
                "A contact",
                "different words that it is found by",
                "leave out some of its names, organisations, addresses or numbers",
            ),
        };
        match actual {
            Some(actual) => format!(
                "{subject} may have at most {maximum} {unit}, and this one has {actual}: {advice}."
            ),
            None => format!("{subject} may have at most {maximum} {unit}: {advice}."),
        }
    }
}
