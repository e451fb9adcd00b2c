//! What is written, on what condition, and what can become of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{error::StoreError, item::Item, keys::Key};

/// A condition on the item as it stands, with the values that it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(super) expression: Option<String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Condition {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn absent() -> Self {
        Self::of("attribute_not_exists(pk)")
    }

    pub(crate) fn of(expression: impl Into<String>) -> Self {
        Self {
            expression: Some(expression.into()),
            values: HashMap::new(),
        }
    }

    pub(crate) fn and(mut self, expression: &str) -> Self {
        self.expression = Some(match self.expression {
            Some(first) => format!("({first}) AND {expression}"),
            None => expression.to_owned(),
        });
        self
    }

    pub(crate) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// A write to one item.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Put(Item, Condition),
    Delete(Key, Condition),
    /// An update expression; its values live in the condition's.
    Update(Key, String, Condition),
    /// Writes nothing; in a transaction alone.
    Check(Key, Condition),
}

impl Write {
    /// Roughly what it adds to a transaction's 4 MB.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put(item, _) => item.size(),
            Self::Delete(key, _) | Self::Check(key, _) => key.pk.len() + key.sk.len(),
            Self::Update(key, _, condition) => {
                key.pk.len() + key.sk.len() + Item(condition.values.clone()).size()
            }
        }
    }
}

/// What became of a conditional write to one item.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// The condition did not hold; the item as it stands, if there is one.
    Refused(Option<Item>),
}

/// Why a transaction did not happen, or may not have happened.
#[derive(Debug)]
pub(crate) enum Cancelled {
    /// The conditions of the actions at these indices did not hold; the items as they stand. At
    /// least one, in order.
    Refused(Vec<(usize, Option<Item>)>),
    /// Another transaction or the table's capacity was in the way: try again.
    Contended,
    /// No answer, or an answer that leaves open whether it happened.
    Unknown(StoreError),
    /// The request itself is wrong: trying again cannot help.
    Failed(StoreError),
}
