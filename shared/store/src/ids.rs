//! Identifiers: 128 bits as 26 lowercase characters of base32hex (RFC 4648 section 7), so that they
//! fit URLs, keys and file names as they are.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_DNSSEC;
use sha2::{Digest, Sha256};

/// A text that is no identifier: wrong length or alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is 26 characters of 0-9 and a-v")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new random identifier.
            pub fn random() -> Self {
                Self(random_bytes())
            }

            /// The identifier that belongs to `parts`, the same each time (SHA-256, cut to 128 bits).
            pub fn derived(parts: &[&str]) -> Self {
                let mut id = [0; 16];
                id.copy_from_slice(&digest(parts)[..16]);
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_DNSSEC.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let bytes = BASE32_DNSSEC.decode(text.as_bytes()).map_err(|_| InvalidId)?;
                let id = Self(bytes.try_into().map_err(|_| InvalidId)?);
                // The decoder also takes capitals: only one spelling may name a thing.
                if id.to_string() == text { Ok(id) } else { Err(InvalidId) }
            }
        }
    };
}

id!(
    /// Names a book.
    BookId
);
id!(
    /// Names a contact within its book.
    ContactId
);
id!(
    /// Names a personal access token (not its secret).
    TokenId
);
id!(
    /// Names a job; sorts by the time of its creation.
    JobId
);

impl JobId {
    /// A new identifier: the time in milliseconds in its first six bytes, randomness in the others.
    pub fn at(now: jiff::Timestamp) -> Self {
        let mut id: [u8; 16] = random_bytes();
        id[..6].copy_from_slice(&now.as_millisecond().to_be_bytes()[2..]);
        Self(id)
    }
}

id!(
    /// Names a subscription.
    SubscriptionId
);
id!(
    /// Names an event, the same each time that it is sent.
    EventId
);
id!(
    /// Marks one logical write, so that a writer recognises its own after a lost answer.
    WriteId
);

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: nothing can go on safely then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// SHA-256 over `parts`, each preceded by its length, so that no two lists give the same input.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// SHA-256 over `parts`, told apart by their lengths, as 52 characters of base32hex, for keys.
pub fn digest_text(parts: &[&str]) -> String {
    BASE32_DNSSEC.encode(&digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_spelling() {
        let id = ContactId::random();
        let text = id.to_string();
        assert_eq!(text.len(), 26);
        assert_eq!(text.parse(), Ok(id));
        for wrong in [
            text.to_uppercase(),
            format!("{text}0"),
            text[1..].to_owned(),
            "w".repeat(26),
            String::new(),
        ] {
            if wrong != text {
                assert_eq!(wrong.parse::<ContactId>(), Err(InvalidId), "{wrong}");
            }
        }
        assert!(
            "0000000000000000000000000v".parse::<ContactId>().is_err(),
            "trailing bits"
        );
    }

    #[test]
    fn derived_identifiers_tell_their_parts_apart() {
        assert_eq!(BookId::derived(&["a", "bc"]), BookId::derived(&["a", "bc"]));
        assert_ne!(BookId::derived(&["a", "bc"]), BookId::derived(&["ab", "c"]));
    }
}
