//! The JSContact card.
