//! How large a vCard may be.

/// Bytes of one vCard, from `BEGIN` through `END` and its line ending.
pub const VCARD_BYTES: usize = 256 * 1024;

/// Properties of one vCard that no member of a card shows just as they are: what it may hold in
/// `vCardProps`, beside the version. Those that are shown have the limits of their members, so that
/// what fits a card fits a vCard.
pub const PROPERTIES: usize = contacts_card::limits::ENTRIES - 1;

/// Parameters of one property, each value counted.
pub const PARAMETERS: usize = 200;

/// Octets of one line of an exported vCard, its line ending not counted (RFC 6350 section 3.2).
pub const LINE_OCTETS: usize = 75;
