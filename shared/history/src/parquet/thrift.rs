//! The compact protocol of Thrift ("Thrift Compact protocol encoding"), as far as Parquet's headers use it.

use super::Damaged;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Structs within structs that are read: Parquet's have five.
const DEEPEST: u8 = 16;

/// Writes the fields of one struct, whose numbers rise.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(&mut self, number: u8, kind: u8) {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
    }

    pub(super) fn i32(mut self, number: u8, value: i64) -> Self {
        self.field(number, I32);
        signed(&mut self.bytes, value);
        self
    }

    pub(super) fn i64(mut self, number: u8, value: i64) -> Self {
        self.field(number, I64);
        signed(&mut self.bytes, value);
        self
    }

    pub(super) fn text(mut self, number: u8, text: &str) -> Self {
        self.field(number, BINARY);
        binary(&mut self.bytes, text);
        self
    }

    pub(super) fn texts(mut self, number: u8, texts: &[&str]) -> Self {
        self.list(number, BINARY, texts.len());
        for text in texts {
            binary(&mut self.bytes, text);
        }
        self
    }

    pub(super) fn i32s(mut self, number: u8, values: &[i64]) -> Self {
        self.list(number, I32, values.len());
        for value in values {
            signed(&mut self.bytes, *value);
        }
        self
    }

    pub(super) fn one(mut self, number: u8, field: Self) -> Self {
        self.field(number, STRUCT);
        self.bytes.extend(field.end());
        self
    }

    pub(super) fn many(mut self, number: u8, fields: Vec<Self>) -> Self {
        self.list(number, STRUCT, fields.len());
        for field in fields {
            self.bytes.extend(field.end());
        }
        self
    }

    fn list(&mut self, number: u8, kind: u8, length: usize) {
        self.field(number, LIST);
        if length < 15 {
            self.bytes.push((length as u8) << 4 | kind);
        } else {
            self.bytes.push(0xf0 | kind);
            unsigned(&mut self.bytes, length as u64);
        }
    }

    /// The struct as bytes.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.push(STOP);
        self.bytes
    }
}

/// A varint: seven bits a byte, the lowest first.
pub(super) fn unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn signed(bytes: &mut Vec<u8>, value: i64) {
    unsigned(bytes, (value << 1 ^ value >> 63).cast_unsigned());
}

fn binary(bytes: &mut Vec<u8>, text: &str) {
    unsigned(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// A value that was read.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Booleans and doubles, which nobody asks for.
    Other,
    Int(i64),
    Binary(&'a [u8]),
    List(Vec<Value<'a>>),
    Struct(Vec<(i64, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// A field of a struct.
    pub(super) fn get(&self, number: i64) -> Result<&Self, Damaged> {
        let Self::Struct(fields) = self else {
            return Err(Damaged);
        };
        let field = fields.iter().find(|(known, _)| *known == number);
        field.map(|(_, value)| value).ok_or(Damaged)
    }

    pub(super) fn int(&self) -> Result<i64, Damaged> {
        match self {
            Self::Int(value) => Ok(*value),
            _ => Err(Damaged),
        }
    }

    pub(super) fn size(&self) -> Result<usize, Damaged> {
        self.int()?.try_into().map_err(|_| Damaged)
    }

    pub(super) fn text(&self) -> Result<&'a str, Damaged> {
        match self {
            Self::Binary(bytes) => std::str::from_utf8(bytes).map_err(|_| Damaged),
            _ => Err(Damaged),
        }
    }

    pub(super) fn list(&self) -> Result<&[Self], Damaged> {
        match self {
            Self::List(values) => Ok(values),
            _ => Err(Damaged),
        }
    }
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| Damaged)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    fn signed(&mut self) -> Result<i64, Damaged> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn length(&mut self) -> Result<usize, Damaged> {
        self.unsigned()?.try_into().map_err(|_| Damaged)
    }

    /// A struct.
    pub(super) fn fields(&mut self) -> Result<Value<'a>, Damaged> {
        self.value(STRUCT, DEEPEST)
    }

    fn value(&mut self, kind: u8, depth: u8) -> Result<Value<'a>, Damaged> {
        let depth = depth.checked_sub(1).ok_or(Damaged)?;
        Ok(match kind {
            TRUE | FALSE => Value::Other,
            BYTE => {
                self.take(1)?;
                Value::Other
            }
            DOUBLE => {
                self.take(8)?;
                Value::Other
            }
            I16 | I32 | I64 => Value::Int(self.signed()?),
            BINARY => {
                let length = self.length()?;
                Value::Binary(self.take(length)?)
            }
            LIST | SET => {
                let [head] = self.array()?;
                let length = match head >> 4 {
                    15 => self.length()?,
                    short => short.into(),
                };
                let mut values = Vec::new();
                for _ in 0..length {
                    // Every element that is kept takes a byte, so that no length can be a lie for long.
                    match head & 0x0f {
                        TRUE | FALSE => return Err(Damaged),
                        kind => values.push(self.value(kind, depth)?),
                    }
                }
                Value::List(values)
            }
            STRUCT => {
                let mut fields = Vec::new();
                let mut number = 0;
                loop {
                    let [head] = self.array()?;
                    if head == STOP {
                        break Value::Struct(fields);
                    }
                    number = match head >> 4 {
                        0 => self.signed()?,
                        delta => i64::from(delta).checked_add(number).ok_or(Damaged)?,
                    };
                    fields.push((number, self.value(head & 0x0f, depth)?));
                }
            }
            _ => return Err(Damaged),
        })
    }
}
