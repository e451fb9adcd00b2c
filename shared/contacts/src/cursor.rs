//! Opaque cursors: a place in an order, bound to the request that it was given for.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

const BINDING: usize = 6;

/// Binds a place to what was asked for: a cursor of one search is no cursor of another, and a damaged
/// one is none at all.
fn binding(scope: &[&str], position: &[u8]) -> [u8; BINDING] {
    let mut hash = Sha256::new();
    for part in scope.iter().map(|part| part.as_bytes()).chain([position]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut binding = [0; BINDING];
    binding.copy_from_slice(&hash.finalize()[..BINDING]);
    binding
}

/// The cursor for `position` in what `scope` asks for.
pub fn encode(scope: &[&str], position: &str) -> String {
    let mut bytes = binding(scope, position.as_bytes()).to_vec();
    bytes.extend_from_slice(position.as_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

/// The place that the cursor names.
///
/// # Errors
/// It was not made for this scope.
pub fn decode(scope: &[&str], cursor: &str) -> Result<String> {
    let bytes = BASE64URL_NOPAD
        .decode(cursor.as_bytes())
        .map_err(|_| Error::InvalidCursor)?;
    match bytes.split_at_checked(BINDING) {
        Some((bound, position)) if bound == binding(scope, position) => {
            String::from_utf8(position.to_vec()).map_err(|_| Error::InvalidCursor)
        }
        _ => Err(Error::InvalidCursor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_own_request_alone() {
        let cursor = encode(&["list", "book"], "anna\u{1f}1");
        assert_eq!(decode(&["list", "book"], &cursor).unwrap(), "anna\u{1f}1");
        assert!(decode(&["list", "other"], &cursor).is_err());
        assert!(decode(&["list", "book"], &cursor[..cursor.len() - 4]).is_err());
        assert!(decode(&["list", "book"], &format!("{cursor}AAAA")).is_err());
        assert!(decode(&["list", "book"], "AAAA").is_err());
        assert!(decode(&["list", "book"], "not base64!").is_err());
    }
}
