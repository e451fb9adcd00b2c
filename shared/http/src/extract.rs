//! What handlers take from a request; every refusal is a [`Problem`].

mod misfit;

use std::ops::RangeInclusive;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, Result};
use misfit::{misfit, no_json};

/// The types of body that operations take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/jscontact+json` (RFC 9553 section 1.5).
    JsContact,
    /// `application/merge-patch+json` (RFC 7396).
    MergePatch,
    /// `text/vcard` (RFC 6350 section 10.1).
    VCard,
}

impl MediaType {
    /// In the order in which operations name those they take.
    pub(crate) const ALL: [Self; 4] = [Self::MergePatch, Self::Json, Self::JsContact, Self::VCard];

    /// The name, without parameters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsContact => "application/jscontact+json",
            Self::MergePatch => "application/merge-patch+json",
            Self::VCard => "text/vcard",
        }
    }

    /// The type that a `Content-Type` names; `None` if it is another one, or says another charset
    /// than UTF-8 (of which US-ASCII is a part).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return None;
        };
        let mut parts = value.to_str().ok()?.split(';');
        let essence = parts.next()?.trim();
        let other_charset = parts
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .any(|(_, charset)| {
                let charset = charset.trim().trim_matches('"');
                !["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|known| charset.eq_ignore_ascii_case(known))
            });
        let is = |name: &str| name.eq_ignore_ascii_case(essence);
        let known = Self::ALL.into_iter().find(|known| is(known.name()));
        known
            .or_else(|| OLD_VCARD.into_iter().any(is).then_some(Self::VCard))
            .filter(|_| !other_charset)
    }
}

/// The registered predecessors of `text/vcard` (RFC 6350 section 10.1, RFC 2425 section 8), which
/// exporters of vCard 2.1 and 3.0 still send.
const OLD_VCARD: [&str; 2] = ["text/x-vcard", "text/directory"];

/// Whether a body is compressed, or coded otherwise (RFC 9110 section 8.4). Nothing here decodes it:
/// what a few bytes unpack to has no bound.
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// A body and its type. An operation names the types it takes with [`Payload::of`].
#[derive(Debug, Clone)]
pub struct Payload {
    /// `None`: there is no `Content-Type`, or one that nothing here takes.
    pub media_type: Option<MediaType>,
    /// The bytes as they were received.
    pub bytes: Bytes,
}

impl Payload {
    /// The type of the body, which is one of `accepted`, else 415.
    pub fn of(&self, accepted: &[MediaType]) -> Result<MediaType> {
        self.media_type
            .filter(|given| accepted.contains(given))
            .ok_or_else(|| {
                let names: Vec<_> = accepted.iter().map(|accepted| accepted.name()).collect();
                Problem::unsupported_media_type(&names)
            })
    }

    /// The body as text: UTF-8 without a byte order mark, else 400.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes)
            .ok()
            .filter(|text| !text.starts_with('\u{feff}'))
            .ok_or_else(Problem::unreadable_body)
    }

    /// The body as JSON of the shape `T`, else 400. The problem says where, and quotes nothing.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        let mut json = serde_json::Deserializer::from_str(self.text()?);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| misfit(&error));
        let end = |error: serde_json::Error| Problem::invalid_json(no_json(&error));
        read.and_then(|value| json.end().map(|()| value).map_err(end))
    }
}

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if is_coded(request.headers()) {
            return Err(Problem::unsupported_coding());
        }
        let media_type = MediaType::of(request.headers());
        // The frame has read and bounded the body already; this takes the buffer over.
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Problem::unreadable_body())?;
        Ok(Self { media_type, bytes })
    }
}

/// A body of `application/json` with the shape `T`.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let payload = Payload::from_request(request, state).await?;
        payload.of(&[MediaType::Json])?;
        payload.json().map(Self)
    }
}

/// The query, decoded as a form (`+` is a space; bytes that are not UTF-8 become U+FFFD, as the ALB
/// and `lambda_http` do). Each operation begins with [`Query::only`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        Self(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                // A load balancer may make this of `?a&`.
                .filter(|(name, value)| !(name.is_empty() && value.is_empty()))
                .collect(),
        )
    }

    /// Refuses parameters that are not among `names`, and repeated ones. Of several, the first in
    /// the alphabet is named: Lambda shuffles them, and both targets give the same answer.
    pub fn only(&self, names: &[&str]) -> Result<&Self> {
        let mut given: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        given.sort_unstable();
        if let Some(unknown) = given.iter().find(|name| !names.contains(name)) {
            let expected = match names {
                [] => "no query parameters here".to_owned(),
                names => format!("one of {}", names.join(", ")),
            };
            return Err(Problem::invalid_parameter(unknown, &expected));
        }
        match given.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Problem::invalid_parameter(pair[0], "it once")),
            None => Ok(self),
        }
    }

    /// The value of a parameter.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as a decimal integer within `range`, else 400.
    pub fn integer(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        // `parse` alone would take "+5".
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text
            .parse()
            .ok()
            .filter(|value| digits && range.contains(value))
        {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::invalid_parameter(
                name,
                &format!("an integer from {} to {}", range.start(), range.end()),
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// The `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): 1 to 255 visible ASCII
/// characters, once, else 400. It is a secret of the client: store only a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "IdempotencyKey(given)"
        } else {
            "IdempotencyKey(none)"
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut all = parts.headers.get_all("idempotency-key").iter();
        let key = match (all.next(), all.next()) {
            (None, _) => return Ok(Self(None)),
            (Some(value), None) => value.to_str().ok(),
            (Some(_), Some(_)) => None,
        };
        key.filter(|key| {
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map(|key| Self(Some(key.to_owned())))
        .ok_or_else(Problem::invalid_key)
    }
}

#[cfg(test)]
mod tests;
