//! Attributes in and out of items. An attribute of the wrong type is [`StoreError::Damaged`].

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use crate::{error::StoreError, keys::Key};

/// An item as the SDK has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Item(pub(crate) HashMap<String, AttributeValue>);

impl Item {
    pub(crate) fn new(key: &Key) -> Self {
        Self::default().s("pk", &key.pk).s("sk", &key.sk)
    }

    pub(crate) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn s(self, name: &str, value: impl Into<String>) -> Self {
        self.with(name, AttributeValue::S(value.into()))
    }

    pub(crate) fn n(self, name: &str, value: impl ToString) -> Self {
        self.with(name, n(value))
    }

    pub(crate) fn b(self, name: &str, value: Vec<u8>) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    pub(crate) fn l(self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.with(
            name,
            AttributeValue::L(values.into_iter().map(AttributeValue::S).collect()),
        )
    }

    pub(crate) fn opt_s(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.s(name, value),
            None => self,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&str, StoreError> {
        match self.0.get(name) {
            Some(AttributeValue::S(value)) => Ok(value),
            _ => Err(StoreError::Damaged(name)),
        }
    }

    pub(crate) fn opt_text(&self, name: &'static str) -> Result<Option<&str>, StoreError> {
        if self.has(name) {
            self.text(name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, StoreError> {
        match self.0.get(name) {
            Some(AttributeValue::N(value)) => value.parse().map_err(|_| StoreError::Damaged(name)),
            _ => Err(StoreError::Damaged(name)),
        }
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Result<&[u8], StoreError> {
        match self.0.get(name) {
            Some(AttributeValue::B(value)) => Ok(value.as_ref()),
            _ => Err(StoreError::Damaged(name)),
        }
    }

    pub(crate) fn opt_bytes(&self, name: &'static str) -> Result<Option<&[u8]>, StoreError> {
        if self.has(name) {
            self.bytes(name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn texts(&self, name: &'static str) -> Result<Vec<&str>, StoreError> {
        match self.0.get(name) {
            Some(AttributeValue::L(values)) => values
                .iter()
                .map(|value| {
                    value
                        .as_s()
                        .map(String::as_str)
                        .map_err(|_| StoreError::Damaged(name))
                })
                .collect(),
            _ => Err(StoreError::Damaged(name)),
        }
    }

    pub(crate) fn numbers<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<std::collections::BTreeMap<String, T>, StoreError> {
        let Some(AttributeValue::M(values)) = self.0.get(name) else {
            return Err(StoreError::Damaged(name));
        };
        let number = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
        values
            .iter()
            .map(|(key, value)| Some((key.clone(), number(value)?)))
            .collect::<Option<_>>()
            .ok_or(StoreError::Damaged(name))
    }

    pub(crate) fn key(&self) -> Result<Key, StoreError> {
        Ok(Key::new(self.text("pk")?, self.text("sk")?))
    }

    /// Bytes that count towards DynamoDB's limits, roughly: names and values without overhead.
    pub(crate) fn size(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len() + size(value))
            .sum()
    }

    /// Whether the time to live has passed. The database deletes such items late, so every reader
    /// of items that expire must ask.
    pub(crate) fn expired(&self, now: jiff::Timestamp) -> bool {
        self.number::<i64>("expires_at")
            .is_ok_and(|at| at <= now.as_second())
    }
}

pub(crate) fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn key_map(key: &Key) -> HashMap<String, AttributeValue> {
    Item::new(key).0
}

fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(values) => values.iter().map(|value| size(value) + 1).sum(),
        _ => 1,
    }
}

/// Times are kept as milliseconds since 1970, which is also their precision in answers.
pub(crate) fn time(item: &Item, name: &'static str) -> Result<jiff::Timestamp, StoreError> {
    jiff::Timestamp::from_millisecond(item.number(name)?).map_err(|_| StoreError::Damaged(name))
}
