//! Items that have been written but cannot be read yet.

use std::sync::{Arc, Weak};

use serde_json::Value;

use super::Predicate;

/// Keeps items out of sight until it is dropped.
#[must_use = "the items are in sight again when this is dropped"]
pub struct Hidden {
    _matches: Arc<Predicate>,
}

impl Hidden {
    /// Shows the items again; to drop the value does the same.
    pub fn release(self) {}
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// What is hidden at present.
#[derive(Default)]
pub(super) struct Hiding(Vec<Weak<Predicate>>);

impl Hiding {
    pub(super) fn add(&mut self, matches: Predicate) -> Hidden {
        let matches = Arc::new(matches);
        self.0.push(Arc::downgrade(&matches));
        Hidden { _matches: matches }
    }

    /// Takes what is hidden out of an answer. Whether that changed it.
    pub(super) fn apply(&mut self, operation: &str, answer: &mut Value) -> bool {
        self.0.retain(|matches| matches.strong_count() > 0);
        let matches: Vec<_> = self.0.iter().filter_map(Weak::upgrade).collect();
        let hidden = |item: &Value| matches.iter().any(|matches| matches(item));
        match operation {
            "GetItem" if answer.get("Item").is_some_and(hidden) => {
                if let Some(answer) = answer.as_object_mut() {
                    answer.shift_remove("Item");
                }
                true
            }
            "Query" | "Scan" => {
                let gone = take(answer.get_mut("Items"), hidden);
                if gone > 0 {
                    let count = answer["Count"].as_u64().unwrap_or_default();
                    answer["Count"] = (count - gone).into();
                }
                gone > 0
            }
            "BatchGetItem" => {
                let tables = answer.get_mut("Responses").and_then(Value::as_object_mut);
                let gone: u64 = tables
                    .into_iter()
                    .flat_map(|tables| tables.values_mut())
                    .map(|items| take(Some(items), hidden))
                    .sum();
                gone > 0
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for Hiding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hiding({})", self.0.len())
    }
}

fn take(items: Option<&mut Value>, hidden: impl Fn(&Value) -> bool) -> u64 {
    let Some(items) = items.and_then(Value::as_array_mut) else {
        return 0;
    };
    let before = items.len();
    items.retain(|item| !hidden(item));
    (before - items.len()) as u64
}
