//! How large a vCard may be.

/// Bytes of one vCard, from `BEGIN` through `END` and its line ending.
pub const VCARD_BYTES: usize = 256 * 1024;

/// Properties of one vCard: what a card may hold in `vCardProps`, beside the version.
pub const PROPERTIES: usize = contacts_card::limits::ENTRIES - 1;

/// Parameters of one property, each value counted.
pub const PARAMETERS: usize = 200;

/// Octets of one line of an exported vCard, its line ending not counted (RFC 6350 section 3.2).
pub const LINE_OCTETS: usize = 75;
