//! The JSContact Card (RFC 9553) as a type that cannot be invalid, and what is derived from it: the
//! name it sorts by, the summary that lists show, the words it is found by.
//!
//! A [`Card`] is parsed once, at the door; whoever holds one never checks again. Parsing gives a
//! card without a `uid` one and changes nothing else: members keep their order, numbers their
//! digits (only an exponent is always written `e+2`), and properties that RFC 9553 does not define stay as they were sent.
//!
//! ```
//! let card = contacts_card::Card::from_json(
//!     br#"{"@type":"Card","version":"1.0","uid":"urn:example:1","name":{"full":"Ren\u00e9e O'Brien"}}"#,
//! )?;
//! assert_eq!(card.sort_name(), "renee o'brien");
//! let found = |q| contacts_card::query_words(q).iter().all(|w| card.terms().iter().any(|t| t.word.starts_with(w)));
//! assert!(found("OBRI ren"));
//! # Ok::<(), contacts_card::CardError>(())
//! ```

mod card;
mod check;
mod days;
mod error;
pub mod fold;
mod json;
pub mod limits;
mod localize;
mod name;
mod patch;
mod phone;
mod rfc9553;
mod schema;
mod summary;
mod syntax;
mod terms;
mod words;

pub use card::Card;
pub use days::Day;
pub use error::{CardError, Violation};
pub use json::read as read_json;
pub use name::group_key;
pub use summary::Summary;
pub use terms::{Field, Term};
pub use words::query_words;
