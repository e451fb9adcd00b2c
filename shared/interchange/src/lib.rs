//! vCard in and out, without loss: 2.1 (versit Consortium, 1996), 3.0 (RFC 2426) and 4.0 (RFC 6350)
//! to and from JSContact cards (RFC 9553), by the rules of RFC 9555.
//!
//! # The promise
//! What [`import`] took, [`export`] gives back in the same version: the same properties, each with
//! its group, name, parameters and value. These differences are all there are:
//!
//! - names of properties and parameters are in upper case, `VERSION` comes first, and other
//!   properties and parameters may come in another order;
//! - `TYPE=A;TYPE=B` is `TYPE=A,B`, and 2.1's `;A` is its `;TYPE=A`;
//! - lines are folded at 75 octets and end in CRLF; a vCard that names no version is 3.0;
//! - text is in UTF-8, and quoted-printable (2.1 only) and base64 are used where they are needed:
//!   `CHARSET` and `ENCODING` say what is so now;
//! - text has the escapes it needs and no others (`\:` is `:`), quotes stand where they are needed;
//! - a vCard without a `UID` has the one that [`import`] was told to give it.
//!
//! [`import`] does not trust the conversion (crate `calcard`) with this: it exports the card it has
//! made, compares every property with what was sent, and takes back what came out otherwise.
//!
//! # How a property is kept
//! In the first of these ways that is exact:
//!
//! 1. As the JSContact member that RFC 9555 section 2 names: `LABEL`, `GEO` and `TZ` of an `ADR` as
//!    members of its address, `BIRTHPLACE` and `DEATHPLACE` as the place of an anniversary that has a
//!    date (`GENDER` has no member). Its group, and parameters that JSContact
//!    has no place for, are in the `vCardParams` of its object (RFC 9555 section 3.2); an `IMPP` says
//!    so in `vCardName`.
//! 2. As that member, for reading, and unchanged in `vCardProps` (RFC 9555 section 3.1, in jCard form,
//!    RFC 7095), with the pointer to the member in the parameter `jscontact:pointer`. So a birthday
//!    spelled `19800322` in 3.0 is found and shown, and leaves as it came.
//! 3. In `vCardProps` alone: what JSContact does not have or would refuse.
//!
//! `vCardProps` also has the `VERSION`, which tells a card that was a vCard from one that was not.
//!
//! # After a change
//! One rule: **a member that was changed counts, and the property kept for it does not.** A property
//! of way 2 leaves as it is kept as long as converting it gives just what its members are now;
//! otherwise the members are exported and it is not. Nothing else is touched by a change. In another
//! version than the vCard's own, all properties of way 2 are made anew from their members, where they
//! have any.
//!
//! # What a version lacks
//! One rule: **what the properties do not show leaves as `JSPROP`** (RFC 9555 section 3.2.1): the
//! pointer to a member, and the member as JSON. Versions before 4.0, which let everybody define names
//! that start with `X-`, have it as `X-JSPROP;X-JSPTR=…`. [`export`] does not trust the conversion
//! either: it reads the properties it has made, as an import would, and compares each member. So no
//! vCard has a property or a parameter that is unknown to its version, but for those it was sent with:
//! in 2.1 and 3.0, `kind`, `relatedTo`, the country code of an address or the eleven components that
//! RFC 9554 added to it are in `X-JSPROP`, other programs pass over it, and [`import`] brings each
//! member back. A pointer never leads into a list. Where more than 100 would be needed, each is to a
//! whole member of the card.
//!
//! An object that a pointer leads into has its key in `PROP-ID` (RFC 9554 section 4.7), before 4.0 in
//! `X-PROP-ID`. Cards that never were a vCard leave as 4.0 with all their keys, and with `JSCOMPS`
//! where components are ordered. What is lost on the way through a vCard: keys that no pointer leads
//! to, `@type` where it goes without saying, and members of the card whose own names have a CR (before
//! 4.0: also a line feed or a quote).

mod beyond;
mod bridge;
mod error;
mod export;
mod import;
mod jcard;
pub mod limits;
mod lines;
mod members;
mod params;
mod plan;
mod pointer;
mod property;
mod read;
mod split;
mod table;
mod v4;
mod value;
mod version;
mod wanted;
mod write;

pub use error::VCardError;
pub use export::export;
pub use import::{Imported, import};
pub use split::{Piece, split};
pub use version::{UnknownVersion, Version};
