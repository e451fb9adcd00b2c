//! What several tests need.

use contacts_card::{Card, CardError};
use serde_json::{Value, json};

/// Parses the least there must be of a card, with `members` added.
pub(crate) fn parse(members: &Value) -> Result<Card, CardError> {
    let mut card = json!({"@type": "Card", "version": "1.0", "uid": "u"});
    let added = members.as_object().expect("members are an object").clone();
    card.as_object_mut()
        .expect("a card is an object")
        .extend(added);
    Card::parse(card)
}
