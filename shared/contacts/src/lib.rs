//! The domain: books, contacts, tokens, and what can be done with them. Knows no HTTP and no AWS.
//!
//! A use case is a method of [`Contacts`]. Each takes the principal it acts for, and reaches nothing
//! that is not theirs: a book of somebody else does not exist.

mod batch;
mod books;
mod changes;
mod contacts;
mod cursor;
mod draft;
mod error;
mod read;
mod tokens;

use std::sync::Arc;

use contacts_store::Store;

pub use batch::{BatchOp, Outcome, Position};
pub use books::BookRef;
pub use changes::Feed;
pub use contacts::{Contact, Guard, Recorded};
pub use contacts_card::{Summary, Violation};
pub use contacts_store::{
    Answer, Book, BookId, Change, Claim, Claimed, ContactId, Listed, StoreError, Token, TokenId,
};
pub use draft::Draft;
pub use error::{Error, Result};
pub use read::{MAX_WORDS, Results, VCard};
pub use tokens::{Identity, NewToken, Scope};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contacts {
    store: Store,
    identities: Arc<tokens::Identities>,
}

impl Contacts {
    /// The use cases over `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            identities: Arc::default(),
        }
    }

    /// The store beneath, for the doors and the checker.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
