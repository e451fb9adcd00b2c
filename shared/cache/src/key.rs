//! The names of values in the server.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The hash of what a value belongs to: whoever reads the server's keys learns no token, no principal
/// and no identifier from them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub(crate) fn new(namespace: &str, kind: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in [namespace, kind].iter().chain(parts) {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn keys_differ_by_namespace_kind_and_where_parts_end() {
        let keys = [
            Key::new("t", "k", &["ab", "c"]),
            Key::new("t", "k", &["a", "bc"]),
            Key::new("t", "k", &["abc"]),
            Key::new("t", "l", &["abc"]),
            Key::new("u", "k", &["abc"]),
            Key::new("tk", "", &["abc"]),
        ];
        let distinct: std::collections::HashSet<_> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(keys[0], Key::new("t", "k", &["ab", "c"]));
    }
}
