//! Reads JSON text as I-JSON (RFC 7493) wants it: no member name twice, no lone surrogates, and no
//! deeper than [`NESTING`]. `serde_json` alone keeps the last of two members and drops the first
//! without a word.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{CardError, Report};
use crate::limits::{JSON_TEXT_BYTES, NESTING};

/// Under this name `serde_json` (with `arbitrary_precision`) passes all but plain integers through
/// serde; an object with such a member would be read back as a number.
pub(crate) const NUMBER_TOKEN: &str = "$serde_json::private::Number";

/// Reads one JSON text.
pub fn read(text: &[u8]) -> Result<Value, CardError> {
    if text.len() > JSON_TEXT_BYTES {
        return Err(CardError::TooLarge {
            limit: "bytes of JSON text",
            max: JSON_TEXT_BYTES,
            actual: text.len(),
        });
    }
    let mut report = Report::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Node {
        report: &mut report,
        level: 1,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value));
    report.finish()?;
    read.map_err(|error| CardError::NotJson {
        message: error.to_string(),
    })
}

/// One value of the text, at the given level of nesting.
struct Node<'a> {
    report: &'a mut Report,
    level: usize,
}

impl Node<'_> {
    fn check_level<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.level > NESTING {
            self.report.expect(too_deep());
            return Err(E::custom("nested too deep"));
        }
        Ok(())
    }
}

/// What to say about a value below [`NESTING`] levels.
pub(crate) fn too_deep() -> String {
    format!("nested at most {NESTING} levels deep")
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        self.check_level()?;
        let mut items = Vec::new();
        loop {
            let index = items.len().to_string();
            let level = self.level + 1;
            match self.report.at(&index, |report| {
                seq.next_element_seed(Node { report, level })
            })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let Key::Member(name) = key else {
                let digits: String = map.next_value()?;
                return digits
                    .parse::<Number>()
                    .map(Value::Number)
                    .map_err(A::Error::custom);
            };
            self.check_level()?;
            let level = self.level + 1;
            let value = self.report.at(&name, |report| {
                if members.contains_key(&name) {
                    report.expect("one member of this name only");
                }
                map.next_value_seed(Node { report, level })
            })?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// What `serde_json` announces in `visit_map`: a member of an object, or a number in disguise.
enum Key {
    Member(String),
    Number,
}

/// Tells the two apart even for an object that has a member of that secret name: only the keys of
/// real objects answer to `deserialize_option` with `visit_some`.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer).map(Key::Member)
    }

    fn visit_str<E>(self, _: &str) -> Result<Key, E> {
        Ok(Key::Number)
    }
}
