//! What lists show of a card.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::SUMMARY_CHARS;
use crate::name::{display, organization, preferred};

/// What lists show of a card. Values are as in the card, the preferred ones where there are several,
/// each cut to [`SUMMARY_CHARS`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The card's `kind`, such as `org`. Absent means `individual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The full name, else its components, else a nickname, organisation, e-mail address or phone
    /// number. Empty if the card has none of them.
    pub name: String,
    /// The first organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The preferred e-mail address, else the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The preferred phone number, else the first, as text or URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Summary {
    pub(crate) fn of(card: &Map<String, Value>) -> Self {
        let cut = |text: &str| text.chars().take(SUMMARY_CHARS).collect::<String>();
        Self {
            kind: card.get("kind").and_then(Value::as_str).map(cut),
            name: display(card).as_deref().map(cut).unwrap_or_default(),
            organization: organization(card).map(cut),
            email: preferred(card, "emails", "address").map(cut),
            phone: preferred(card, "phones", "number").map(cut),
        }
    }
}
