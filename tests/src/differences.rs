//! Whether two targets gave the same answer, byte for byte, apart from a short list of reasons.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::Value;

use crate::client::Response;

/// What may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A header, in presence and value.
    Header(&'static str),
    /// The value of a header that both answers have or both lack; where the body repeats the value,
    /// it may differ there too.
    Value(&'static str),
    /// A `Content-Length` that only one answer has, as long as it is true.
    TrueLength,
    /// How a refusal with this status looks, where one of the two comes from somebody in front of the
    /// router: it has no `x-request-id`.
    Unrouted(u16),
    /// The values in an answer of this path, not their names: what one target knows of itself is null on the other.
    Figures(&'static str),
    /// The whole answer to such requests, which are compared nowhere: a test of its own shows them.
    Answer(&'static str),
}

/// One allowed difference.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// What may differ.
    pub what: What,
    /// Why that is no defect of either target.
    pub reason: &'static str,
}

/// Every difference that is allowed between a Lambda answer and a container's, both behind the
/// load balancer.
pub const ALLOWED: &[Difference] = &[
    Difference {
        what: What::Header("date"),
        reason: "hyper writes it in a container, the load balancer for a function; clocks go on",
    },
    Difference {
        what: What::Header("server"),
        reason: "the load balancer names itself where it, and no server behind it, writes the answer",
    },
    Difference {
        what: What::Header("connection"),
        reason: "it concerns one connection, and a function has none",
    },
    Difference {
        what: What::Header("keep-alive"),
        reason: "it concerns one connection, and a function has none",
    },
    Difference {
        what: What::Header("x-amzn-trace-id"),
        reason: "Lambda makes a trace of its own for each invocation",
    },
    Difference {
        what: What::Value("x-request-id"),
        reason: "each request has an id of its own, which a problem in the body repeats",
    },
    Difference {
        what: What::Value("ratelimit"),
        reason: "what is left is less after each request, and more as time goes by",
    },
    Difference {
        what: What::TrueLength,
        reason: "a function's answer is complete before it is sent; a container may stream in chunks, and sends none with 204 and 304",
    },
    Difference {
        what: What::Unrouted(413),
        reason: "the load balancer takes no body above 1 MB for a function, and says so itself",
    },
    Difference {
        what: What::Unrouted(431),
        reason: "hyper takes no more than 100 headers, and says so itself",
    },
    Difference {
        what: What::Figures("/v1/system"),
        reason: "each target tells its own figures of that moment, and a function sees no machine",
    },
    Difference {
        what: What::Answer(
            "a text body in which three bytes of a cut four-byte character stand alone",
        ),
        reason: "events are JSON: the bytes arrive as U+FFFD, which is as long and may have been meant",
    },
];

/// Compares two answers: status, headers (by name in any case; the values of one name in order),
/// and body.
///
/// # Errors
/// A text that shows each difference that is not [`ALLOWED`], left and right.
pub fn compare(left: &Response, right: &Response) -> Result<(), String> {
    let unrouted = |response: &Response| response.first("x-request-id").is_none();
    if left.status == right.status
        && unrouted(left) != unrouted(right)
        && allows(What::Unrouted(left.status))
    {
        return Ok(());
    }
    let lengths_true = is_length_true(left) && is_length_true(right);
    let (left, right) = (mask(left), mask(right));
    let mut report = String::new();
    let mut differ = |what: &str, left: &str, right: &str| {
        if left != right {
            // Writing to a String cannot fail.
            let _ = writeln!(report, "{what}\n  left:  {left}\n  right: {right}");
        }
    };
    differ(
        "status",
        &left.status.to_string(),
        &right.status.to_string(),
    );
    let (left_headers, right_headers) = (headers(&left), headers(&right));
    let names = left_headers.keys().chain(
        right_headers
            .keys()
            .filter(|name| !left_headers.contains_key(*name)),
    );
    for name in names {
        let (left_values, right_values) = (left_headers.get(name), right_headers.get(name));
        let one_sided = left_values.is_none() || right_values.is_none();
        if name == "content-length" && one_sided && lengths_true && allows(What::TrueLength) {
            continue;
        }
        differ(
            &format!("header {name}"),
            &shown(left_values),
            &shown(right_values),
        );
    }
    let at = left
        .body
        .iter()
        .zip(&right.body)
        .take_while(|(left, right)| left == right)
        .count();
    let (left_body, right_body) = (excerpt(&left.body, at), excerpt(&right.body, at));
    if left.body != right.body {
        differ(&format!("body, from byte {at} on"), &left_body, &right_body);
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(report)
    }
}

fn allows(what: What) -> bool {
    ALLOWED.iter().any(|difference| difference.what == what)
}

/// The answer without what may differ.
fn mask(response: &Response) -> Response {
    let mut masked = response.clone();
    for difference in ALLOWED {
        match difference.what {
            What::Header(name) => masked
                .headers
                .retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
            What::Value(name) => {
                if let Some(value) = response.first(name) {
                    masked = masked.masked(value, &format!("<{name}>"));
                }
            }
            What::TrueLength | What::Unrouted(_) | What::Figures(_) | What::Answer(_) => {}
        }
    }
    masked
}

/// The answer without what is random in it or of this moment, for comparing two writes: identifiers,
/// UUIDs, secrets and cursors are numbered in the order in which they first appear, times are zero.
/// Lengths stay as they were.
#[must_use]
pub fn without_random(response: &Response) -> Response {
    let mut known = Vec::new();
    let mut plain = response.clone();
    for (name, value) in &mut plain.headers {
        if !name.eq_ignore_ascii_case("x-request-id") {
            *value = numbered(value, &mut known);
        }
    }
    plain.body = numbered(&plain.body, &mut known);
    plain
}

/// The answer of a path without the values that may differ: each number, text, boolean and null is one word, names
/// and their order stay. The version is the same on both.
#[must_use]
pub fn without_figures(path: &str, response: &Response) -> Response {
    let is_listed = ALLOWED
        .iter()
        .any(|difference| matches!(difference.what, What::Figures(known) if known == path));
    let mut plain = response.clone();
    if !is_listed || response.status != 200 {
        return plain;
    }
    if let Ok(mut body) = response.json() {
        blank(&mut body);
        plain.body = body.to_string().into_bytes();
    }
    // An answer to HEAD has the length of the body that it leaves out.
    for (name, value) in &mut plain.headers {
        if name.eq_ignore_ascii_case("content-length") {
            *value = b"<length>".to_vec();
        }
    }
    plain
}

fn blank(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name != "version" {
                    blank(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(blank),
        leaf => *leaf = "<figure>".into(),
    }
}

const TIME: &[u8] = b"0000-00-00T00:00:00.000Z";

fn numbered(text: &[u8], known: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let length = rest.iter().take_while(|byte| is_word(byte)).count();
        let word = &rest[..length.max(1)];
        at += word.len();
        if is_time(rest) {
            out.extend_from_slice(TIME);
            at += TIME.len() - word.len();
        } else if is_random(word) || is_opaque(&out) && length > 0 {
            let number = known.iter().position(|one| one == word);
            let number = number.unwrap_or_else(|| {
                known.push(word.to_vec());
                known.len() - 1
            });
            out.extend_from_slice(format!("{number:#<0$}", word.len()).as_bytes());
        } else {
            out.extend_from_slice(word);
        }
    }
    out
}

fn is_time(text: &[u8]) -> bool {
    text.len() >= TIME.len()
        && text.iter().zip(TIME).all(|(byte, shape)| {
            if *shape == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == shape
            }
        })
}

/// An identifier of ours, a UUID, or the secret of a token.
fn is_random(word: &[u8]) -> bool {
    let is_id = word.len() == 26
        && word
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    let mut parts = word.split(|byte| *byte == b'-').map(<[u8]>::len);
    let is_uuid = [8, 4, 4, 4, 12]
        .into_iter()
        .all(|length| parts.next() == Some(length))
        && parts.next().is_none();
    is_id || is_uuid || word.starts_with(b"cm_")
}

/// Whether what comes after this text is a cursor, or a token of the change feed.
fn is_opaque(before: &[u8]) -> bool {
    let places: [&[u8]; 3] = [b"\"cursor\":\"", b"\"token\":\"", b"cursor="];
    places.iter().any(|place| before.ends_with(place))
}

fn is_length_true(response: &Response) -> bool {
    let length = response.first("content-length");
    length.is_none_or(|length| length == response.body.len().to_string().as_bytes())
}

fn headers(response: &Response) -> BTreeMap<String, Vec<String>> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &response.headers {
        let values = by_name.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.escape_ascii().to_string());
    }
    by_name
}

fn shown(values: Option<&Vec<String>>) -> String {
    values.map_or_else(|| "(none)".to_owned(), |values| format!("{values:?}"))
}

/// A few bytes before the place where two bodies part, and some after it.
fn excerpt(body: &[u8], at: usize) -> String {
    let from = at.saturating_sub(30);
    let to = body.len().min(at + 90);
    format!(
        "{} ({} bytes in all)",
        body[from..to].escape_ascii(),
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, id: Option<&str>, body: &str) -> Response {
        let id = id.map(|id| ("x-request-id".to_owned(), id.into()));
        Response {
            status,
            headers: id.into_iter().collect(),
            body: body.into(),
        }
    }

    #[test]
    fn a_refusal_in_front_of_the_router_passes_for_the_listed_statuses_alone() {
        for (status, passes) in [(413, true), (431, true), (400, false), (404, false)] {
            let (routed, bare) = (answer(status, Some("1"), "{}"), answer(status, None, ""));
            assert_eq!(compare(&routed, &bare).is_ok(), passes, "{status}");
            assert_eq!(compare(&bare, &routed).is_ok(), passes, "{status}");
        }
        let other = answer(413, Some("2"), "{\"a\": 1}");
        assert!(compare(&answer(413, Some("1"), "{}"), &other).is_err());
        assert!(compare(&answer(431, None, ""), &answer(413, Some("1"), "")).is_err());
    }

    #[test]
    fn figures_may_differ_where_they_are_listed_and_their_names_may_not() {
        let plain = |path: &str, body: &str| {
            let length = body.len().to_string();
            let mut answer = answer(200, Some("1"), body);
            answer
                .headers
                .push(("content-length".to_owned(), length.into()));
            without_figures(path, &answer)
        };
        let (one, two) = (
            r#"{"version":"1","cpu":{"cores":2.5}}"#,
            r#"{"version":"1","cpu":{"cores":null}}"#,
        );
        assert!(compare(&plain("/v1/system", one), &plain("/v1/system", two)).is_ok());
        assert!(compare(&plain("/v1/books", one), &plain("/v1/books", two)).is_err());
        for other in [
            r#"{"version":"2","cpu":{"cores":2.5}}"#,
            r#"{"version":"1","cpu":{"core":2.5}}"#,
            r#"{"version":"1","cpu":{}}"#,
        ] {
            assert!(compare(&plain("/v1/system", one), &plain("/v1/system", other)).is_err());
        }
    }

    #[test]
    fn random_values_are_numbered_and_others_stay() {
        let body = |id: &str, other: &str, day: u8| {
            let body = format!(
                "{{\"id\":\"{id}\",\"book\":\"{other}\",\"self\":\"/c/{id}\",\"at\":\"2026-01-{day:02}T01:02:03.456Z\",\
                 \"uid\":\"urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8a{day}\",\"cursor\":\"{other}-x_{id}\",\"name\":\"Ada\"}}"
            );
            without_random(&answer(201, None, &body))
        };
        let (a, b, c) = ("a".repeat(26), "b".repeat(26), "c".repeat(26));
        assert_eq!(body(&a, &b, 1), body(&b, &c, 2));
        assert_ne!(body(&a, &a, 1), body(&a, &b, 1));
        let plain = answer(
            200,
            None,
            "{\"name\":\"Ada\",\"etag\":\"3\",\"day\":\"2026-01-01\"}",
        );
        assert_eq!(without_random(&plain), plain);
    }
}
