//! What handlers take from a request; every refusal is a [`Problem`].

use std::ops::RangeInclusive;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, Result};

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
    const ALL: [Self; 4] = [Self::Json, Self::JsContact, Self::MergePatch, Self::VCard];

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
        Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(essence) && !other_charset)
    }
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
        serde_json::from_str(self.text()?).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::invalid_json(if error.is_data() {
                format!(
                    "a member up to line {line}, column {column} is missing, unknown or of the \
                     wrong type"
                )
            } else {
                format!("it is not JSON at line {line}, column {column}")
            })
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
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
    fn parse(query: &str) -> Self {
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
        .ok_or_else(|| {
            Problem::invalid_header("Idempotency-Key", "1 to 255 visible ASCII characters, once")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn media_type(content_type: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_str(content_type).unwrap(),
        );
        MediaType::of(&headers)
    }

    fn payload(bytes: &'static [u8]) -> Payload {
        Payload {
            media_type: Some(MediaType::Json),
            bytes: Bytes::from_static(bytes),
        }
    }

    #[test]
    fn a_content_type_is_read_without_its_parameters_and_in_any_case() {
        assert_eq!(
            media_type("Text/VCard; version=4.0; charset=UTF-8"),
            Some(MediaType::VCard)
        );
        assert_eq!(
            media_type("application/json;charset=\"utf-8\""),
            Some(MediaType::Json)
        );
        assert_eq!(media_type("application/jsonp"), None);
    }

    #[test]
    fn another_charset_is_another_type() {
        assert_eq!(media_type("text/vcard; charset=iso-8859-1"), None);
    }

    #[test]
    fn a_body_of_another_type_is_415_and_names_the_accepted_ones() {
        let problem = payload(b"{}")
            .of(&[MediaType::VCard, MediaType::JsContact])
            .unwrap_err();
        assert_eq!(
            problem.document(None)["accepted"],
            serde_json::json!(["text/vcard", "application/jscontact+json"])
        );
    }

    #[test]
    fn latin_1_and_a_byte_order_mark_are_the_same_problem() {
        let latin = payload(b"J\xf6rg").text().unwrap_err();
        let marked = payload(b"\xef\xbb\xbfBEGIN").text().unwrap_err();
        assert_eq!(latin, marked);
    }

    #[test]
    fn a_json_problem_says_where_and_quotes_nothing() {
        let problem = payload(b"{\"name\": \"secret\"}")
            .json::<Vec<u8>>()
            .unwrap_err();
        assert!(!problem.detail().contains("secret"), "{problem}");
        let problem = payload(b"{\"secret")
            .json::<serde_json::Value>()
            .unwrap_err();
        assert!(problem.detail().contains("line 1"), "{problem}");
        assert!(!problem.detail().contains("secret"), "{problem}");
    }

    #[test]
    fn a_query_is_decoded_as_a_form() {
        let query = Query::parse("q=J%C3%B6rg+M&cursor&x=%FF&&a=b=c");
        assert_eq!(query.text("q"), Some("Jörg M"));
        assert_eq!(query.text("cursor"), Some(""));
        assert_eq!(query.text("x"), Some("\u{fffd}"));
        assert_eq!(query.text("a"), Some("b=c"));
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named_whatever_their_order() {
        let known = ["limit", "q"];
        for query in ["zz=1&aa=2&limit=3", "limit=3&aa=2&zz=1"] {
            let problem = Query::parse(query).only(&known).unwrap_err();
            assert_eq!(problem.document(None)["parameter"], "aa");
            assert!(problem.detail().contains("one of limit, q"));
        }
        let problem = Query::parse("q=1&limit=2&q=3").only(&known).unwrap_err();
        assert_eq!(problem.document(None)["parameter"], "q");
    }

    #[test]
    fn an_integer_out_of_range_is_refused_with_the_range() {
        for text in ["0", "501", "+5", "", "5x", "99999999999"] {
            let problem = Query(vec![("limit".into(), text.into())])
                .integer("limit", 1..=500)
                .unwrap_err();
            assert!(problem.detail().contains("from 1 to 500"), "{text}");
        }
        assert_eq!(
            Query::parse("limit=500").integer("limit", 1..=500),
            Ok(Some(500))
        );
        assert_eq!(Query::parse("").integer("limit", 1..=500), Ok(None));
    }

    proptest! {
        #[test]
        fn any_query_is_parsed(text in ".{0,200}") {
            let _ = Query::parse(&text).only(&["a"]);
        }
    }
}
