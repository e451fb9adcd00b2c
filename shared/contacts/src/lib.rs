//! The domain: books, contacts, tokens, and what can be done with them. Knows no HTTP and no AWS.
//!
//! A use case is a method of [`Contacts`]. Each takes the principal it acts for, and reaches nothing
//! that is not theirs: a book of somebody else does not exist.

mod batch;
mod books;
mod changes;
mod contacts;
pub mod cursor;
mod draft;
mod error;
mod read;
mod reindex;
mod tokens;

use std::sync::Arc;

use contacts_cache::Memory;
use contacts_store::Store;

pub use batch::{BatchOp, Outcome, Position};
pub use books::BookRef;
pub use changes::Feed;
pub use contacts::{Contact, Guard, Recorded};
pub use contacts_cache::Cache;
pub use contacts_card::{Summary, Violation};
pub use contacts_store::{
    Answer, Book, BookId, Change, Claim, Claimed, ContactId, Job, JobId, Listed, NewJob, Origin,
    Recording, StoreError, Token, TokenId,
};
pub use draft::Draft;
pub use error::{Error, Result};
pub use read::{MAX_WORDS, Results, VCard};
pub use reindex::Reindexed;
pub use tokens::{Identity, NewToken, Presented, Scope, Unknown};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contacts {
    store: Store,
    cache: Cache,
    /// By the hash of their secret.
    tokens: Arc<Memory<tokens::Known>>,
    /// By principal and book: who may use which.
    members: Arc<Memory<()>>,
}

impl Contacts {
    /// The use cases over `store`. What is looked up for each request, tokens and who may use which
    /// book, is remembered by this process for at most five seconds.
    pub fn new(store: Store) -> Self {
        Self::with_cache(store, Cache::default())
    }

    /// The same, with look-ups that all processes behind `cache` share: together they remember them
    /// for at most five seconds.
    pub fn with_cache(store: Store, cache: Cache) -> Self {
        Self {
            store,
            tokens: Arc::new(Memory::new("token", cache.clone())),
            members: Arc::new(Memory::new("member", cache.clone())),
            cache,
        }
    }

    /// What the processes share, for the doors.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The store beneath, for the doors and the checker.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
