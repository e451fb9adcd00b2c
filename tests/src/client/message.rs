//! A request and a response, as the bytes that travel.

use serde_json::Value;

/// A request as a client writes it: nothing in it is checked, encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The request target as sent: usually path and query, in any bytes.
    pub target: Vec<u8>,
    /// Header names and values in order, repeated ones included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or a body.
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The request with one more header, after those it has.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The request with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The request with these bytes as its body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// The request with this JSON as its body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// The first value of a header; names match in any case.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    /// Every value of a header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        values(&self.headers, name)
    }

    /// The path and the query of the target, split at its first `?`.
    #[must_use]
    pub fn path_and_query(&self) -> (&[u8], &[u8]) {
        match self.target.iter().position(|byte| *byte == b'?') {
            Some(mark) => (&self.target[..mark], &self.target[mark + 1..]),
            None => (&self.target, &[]),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Whether the body travels in chunks (RFC 9112, section 7.1).
    pub(crate) fn is_chunked(&self) -> bool {
        is_chunked(&self.headers)
    }
}

/// A response as it came: its status, headers and body, without the framing of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values in order, repeated ones included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, with chunks put together and nothing decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header; names match in any case.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    /// The first value of a header as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.first(name)?).ok()
    }

    /// Every value of a header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        values(&self.headers, name)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If the body is something else.
    pub fn json(&self) -> serde_json::Result<Value> {
        serde_json::from_slice(&self.body)
    }

    /// The response with every occurrence of `secret`, in header values and in the body, replaced
    /// by `label`: for ids that differ from run to run.
    #[must_use]
    pub fn masked(mut self, secret: &[u8], label: &str) -> Self {
        for (_, value) in &mut self.headers {
            *value = replaced(value, secret, label.as_bytes());
        }
        self.body = replaced(&self.body, secret, label.as_bytes());
        self
    }
}

fn first<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let header = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(&header.1)
}

fn values<'a>(headers: &'a [(String, Vec<u8>)], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_slice())
}

pub(crate) fn is_chunked(headers: &[(String, Vec<u8>)]) -> bool {
    values(headers, "transfer-encoding").any(|value| value.eq_ignore_ascii_case(b"chunked"))
}

/// The length the headers state, `None` without any, an error if it is not one number.
pub(crate) fn content_length(headers: &[(String, Vec<u8>)]) -> Result<Option<usize>, &'static str> {
    let mut lengths = values(headers, "content-length");
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    if lengths.any(|other| other != first) || !first.iter().all(u8::is_ascii_digit) {
        return Err("Content-Length is not one number");
    }
    let length = std::str::from_utf8(first)
        .ok()
        .and_then(|text| text.parse().ok());
    length.map(Some).ok_or("Content-Length is not one number")
}

fn replaced(text: &[u8], secret: &[u8], label: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = rest.first() {
        if !secret.is_empty() && rest.starts_with(secret) {
            out.extend_from_slice(label);
            rest = &rest[secret.len()..];
        } else {
            out.push(*byte);
            rest = &rest[1..];
        }
    }
    out
}
