//! What is taken from requests, and what is said of what is not.

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
    let problem = payload(b"{\"secret")
        .json::<serde_json::Value>()
        .unwrap_err();
    assert!(problem.detail().contains("line 1"), "{problem}");
    assert!(!problem.detail().contains("secret"), "{problem}");
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape matters")]
struct Shape<'a> {
    name: String,
    more: Option<Vec<Inner>>,
    #[serde(borrow)]
    raw: Option<&'a serde_json::value::RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape matters")]
struct Inner {
    flag: bool,
}

fn misfit_of(json: &str) -> String {
    let payload = Payload {
        media_type: Some(MediaType::Json),
        bytes: Bytes::copy_from_slice(json.as_bytes()),
    };
    let problem = payload.json::<Shape<'_>>().unwrap_err();
    let detail = problem.detail();
    let start = "The body is not the JSON that was expected: ";
    detail.strip_prefix(start).unwrap().to_owned()
}

#[test]
fn a_wrong_shape_names_the_member_and_quotes_nothing() {
    for (json, detail) in [
        ("{}", "`name` is missing."),
        ("{\"name\": 1}", "`name` should be a string."),
        ("{\"name\": null}", "`name` should be a string."),
        (
            "{\"name\": \"\", \"name\": \"\"}",
            "`name` is there more than once.",
        ),
        (
            "{\"secret\": 1}",
            "it has a member that is not known here; known are `name`, `more`, `raw`.",
        ),
        (
            "{\"name\": \"\", \"more\": \"secret\"}",
            "`more` should be an array.",
        ),
        (
            "{\"name\": \"\", \"more\": [{\"flag\": true}, {}]}",
            "`more[1].flag` is missing.",
        ),
        (
            "{\"name\": \"\", \"more\": [{\"flag\": \"secret\"}]}",
            "`more[0].flag` should be a boolean.",
        ),
        (
            "{\"name\": \"\", \"more\": [{\"expected secret at line 1\": 1}]}",
            "`more[0]` has a member that is not known here; known are `flag`.",
        ),
        ("[]", "it should be an object."),
        ("\"expected secret at line 1\"", "it should be an object."),
        ("{\"secret", "it is not JSON at line 1, column 8."),
        ("{\"name\": \"\"} x", "it is not JSON at line 1, column 14."),
    ] {
        assert_eq!(misfit_of(json), detail, "{json}");
    }
    let raw = payload(b"{\"name\": \"\", \"raw\": {\"any\": [1.50]}}");
    let raw = raw.json::<Shape<'_>>().unwrap().raw.unwrap().get();
    assert_eq!(raw, "{\"any\": [1.50]}");
}

#[test]
fn the_old_names_of_vcard_are_vcard() {
    for old in ["text/x-vcard", "Text/Directory;profile=vCard"] {
        assert_eq!(media_type(old), Some(MediaType::VCard), "{old}");
    }
    assert_eq!(media_type("text/x-vcard; charset=latin1"), None);
}

#[test]
fn every_coding_but_identity_is_one() {
    let coded = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        is_coded(&headers)
    };
    for values in [&[][..], &[""], &["identity"], &["Identity, identity", " "]] {
        assert!(!coded(values), "{values:?}");
    }
    for values in [&["gzip"][..], &["identity, br"], &["identity", "x"]] {
        assert!(coded(values), "{values:?}");
    }
}

#[test]
fn an_empty_pair_is_no_parameter() {
    let plain = Query::parse("q=a");
    for query in ["q=a&", "&q=a", "q=a&&", "q=a&=", "=&q=a"] {
        assert_eq!(Query::parse(query), plain, "{query}");
    }
    assert!(Query::parse("=a").only(&["q"]).is_err());
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
    fn no_shape_makes_a_problem_quote_what_was_sent(
        json in "[{\\[]{0,2}(\"(SECRET|name|more|flag)\"[:,]?|SECRET|[0-9]{1,3}|[{}\\[\\],:]){0,12}",
    ) {
        let bytes = Bytes::from(json.into_bytes());
        let payload = Payload { media_type: None, bytes };
        if let Err(problem) = payload.json::<Shape<'_>>() {
            prop_assert!(!problem.detail().contains("SECRET"), "{problem}");
        }
    }

    #[test]
    fn any_query_is_parsed(text in ".{0,200}") {
        let _ = Query::parse(&text).only(&["a"]);
    }
}
