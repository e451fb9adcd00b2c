//! Odd bodies: empty, binary, in other charsets, at and above the limits, of other types.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{
    CONTACTS, card, contact_of_each, has_status, post, simple_vcard, twins, vcard,
};

/// Bytes that a load balancer passes to a function.
const MAX_BODY: usize = 1_048_576;
const MAX_CARD: usize = 256 * 1024;

#[tokio::test]
async fn bytes_that_are_no_utf_8_are_refused_alike() {
    let twins = twins().await;
    let binary: Vec<u8> = (0..=255).collect();
    let with = |note: &[u8]| {
        let before = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nNOTE:".to_vec();
        [&before, note, b"\r\nEND:VCARD\r\n"].concat()
    };
    let bodies: Vec<Vec<u8>> = vec![
        b"\xef\xbb\xbf".to_vec(),
        [b"\xef\xbb\xbf", simple_vcard("Ada", "x").as_bytes()].concat(),
        with(b"J\xf6rg"),
        with(b"J\xc3"),
        with(b"\xed\xa0\x80"),
        with(b"\xf0\x9f"),
        binary,
        b"\xff\xfeB\0E\0".to_vec(),
        [b"\xef\xbb\xbf", card("Ada").to_string().as_bytes()].concat(),
        b"{\"name\": \"J\xf6rg\"}".to_vec(),
    ];
    for body in bodies {
        for kind in [
            "text/vcard",
            "text/vcard; charset=iso-8859-1",
            "Text/VCard;charset=utf-8",
            "text/plain",
            "application/json",
            "application/jscontact+json",
            "application/merge-patch+json",
            "application/octet-stream",
        ] {
            let refused = twins
                .same(Request::new("POST", CONTACTS).body(kind, body.clone()))
                .await;
            assert!(
                [400, 415].contains(&refused.status),
                "{} {kind}",
                refused.status
            );
        }
    }
}

/// The one body that a function cannot tell from another: see `ALLOWED`.
#[tokio::test]
async fn three_bytes_of_a_cut_character_become_its_replacement_on_lambda_alone() {
    let twins = twins().await;
    let mut cut = simple_vcard("Ada", "12\u{fffd}").into_bytes();
    let at = cut
        .windows(3)
        .position(|three| three == "\u{fffd}".as_bytes())
        .unwrap();
    cut[at..at + 3].copy_from_slice(b"\xf0\x9f\x98");
    let request = twins.dressed(vcard("POST", CONTACTS, &cut));
    let [container, lambda] = &twins.albs;
    has_status(&container.send(request.clone()).await, 400);
    has_status(&lambda.send(request).await, 201);
}

#[tokio::test]
async fn odd_vcards_are_read_alike() {
    let twins = twins().await;
    for text in [
        simple_vcard("Ada", "a\0b"),
        simple_vcard("Ada", "a\rb"),
        simple_vcard("Ada", "a\r b"),
        simple_vcard("Ada", "a\u{feff}b\u{85}c\u{2028}d"),
        simple_vcard("Ada", "\u{1}\u{7f}\t"),
        simple_vcard("Ada", "x").replace("\r\n", "\n"),
        simple_vcard("Ada", "x").replace("\r\n", "\r"),
        simple_vcard("Ada", "x").replace("4.0", "3.0"),
        simple_vcard("Ada", "x").replace("VERSION:4.0", "VERSION:2.1"),
        simple_vcard("Ada", "x").replace("END", "end"),
        simple_vcard("", ""),
        "BEGIN:VCARD\r\n".to_owned(),
        "BEGIN:VCARD\r\nVERSION:4.0\r\nEND:VCARD\r\n".to_owned(),
        format!("{}\r\n\r\n", simple_vcard("Ada", "x")),
        format!("\r\n{}", simple_vcard("Ada", "x")),
        simple_vcard("One", "1") + &simple_vcard("Two", "2"),
        "<html>".to_owned(),
        " ".to_owned(),
        String::new(),
    ] {
        let made = twins
            .each(|_| vcard("POST", CONTACTS, text.as_bytes()))
            .await;
        let [container, lambda] = &made;
        assert_eq!(container.status, lambda.status);
        if container.status == 201 {
            for answer in &made {
                let path = answer.text("location").unwrap();
                let read = twins
                    .same(Request::new("GET", path).header("accept", "text/vcard"))
                    .await;
                assert_eq!(read.body, text.as_bytes());
                has_status(&twins.same(Request::new("GET", path)).await, 200);
            }
        }
        twins
            .each(|_| vcard("POST", &format!("{CONTACTS}/batch"), text.as_bytes()))
            .await;
    }
}

#[tokio::test]
async fn odd_json_is_read_alike() {
    let twins = twins().await;
    for text in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "{",
        "{\"a\": 1,}",
        "{\"a\": 1e999}",
        "{\"a\": \"\\ud800\"}",
        "{\"a\": \"\\u0000\"}",
        "{\"name\": {\"full\": \"a\u{0}b\"}}",
        "{\"@type\": \"Card\", \"version\": \"1.0\", \"@type\": \"Group\"}",
        "{\"@type\": \"Card\", \"version\": \"1.0\", \"x.example:y\": 123456789012345678901234567890.5}",
        "{\"@type\": \"Card\", \"version\": \"1.0\", \"name\": {\"full\": 1}, \"emails\": []}",
    ] {
        for kind in ["application/json", "application/jscontact+json"] {
            twins
                .each(|_| Request::new("POST", CONTACTS).body(kind, text))
                .await;
        }
        twins
            .each(|_| {
                Request::new("POST", format!("{CONTACTS}/batch")).body("application/json", text)
            })
            .await;
        twins
            .same(Request::new("POST", "/v1/books").body("application/json", text))
            .await;
        twins
            .same(Request::new("POST", "/v1/tokens").body("application/json", text))
            .await;
    }
    let deep = "[".repeat(100_000);
    twins
        .same(Request::new("POST", CONTACTS).body("application/json", deep))
        .await;
}

#[tokio::test]
async fn types_and_codings_are_judged_alike() {
    let twins = twins().await;
    let json = card("Ada").to_string();
    for kind in [
        "",
        "json",
        "application/xml",
        "application/jsonp",
        "application/json; charset=latin1",
        "application/json, text/vcard",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/vcard\u{fc}",
        "image/png",
    ] {
        has_status(
            &twins
                .same(Request::new("POST", CONTACTS).body(kind, json.clone()))
                .await,
            415,
        );
    }
    let mut bare = Request::new("POST", CONTACTS);
    bare.body = json.clone().into_bytes();
    has_status(&twins.same(bare).await, 415);
    let twice = Request::new("POST", CONTACTS)
        .body("application/json", json.clone())
        .header("content-type", "text/vcard");
    has_status(&twins.same(twice).await, 415);
    for coding in ["gzip", "br", "identity", "nonsense", "", "identity, br"] {
        for (kind, body) in [
            ("application/json", b"\x1f\x8b\x08\0nonsense".to_vec()),
            ("application/json", json.clone().into_bytes()),
            ("text/vcard", simple_vcard("Ada", "x").into_bytes()),
        ] {
            let request = Request::new("POST", CONTACTS).body(kind, body);
            let answers = twins
                .each(|_| request.clone().header("content-encoding", coding))
                .await;
            let is_plain = ["identity", ""].contains(&coding);
            assert_eq!(answers[0].status == 415, !is_plain, "{coding}");
        }
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        for (kind, body) in [
            ("application/json", "{}"),
            ("text/plain", "x"),
            ("image/png", "\u{0}"),
        ] {
            twins
                .same(Request::new(method, "/v1/books/nobody").body(kind, body))
                .await;
            twins
                .same(Request::new(method, "/health").body(kind, body))
                .await;
        }
    }
    let chunked = post(CONTACTS, &card("Ada")).header("transfer-encoding", "chunked");
    has_status(&twins.each(|_| chunked.clone()).await[0], 201);
    let coded = post(CONTACTS, &card("Ada")).header("transfer-encoding", "gzip");
    has_status(&twins.same(coded).await, 501);
}

#[tokio::test]
async fn limits_end_at_the_same_byte() {
    let twins = twins().await;
    let around = simple_vcard("Ada", "").len();
    for (size, fits) in [
        (MAX_CARD - 1_000, true),
        (MAX_CARD, true),
        (MAX_CARD + 1, false),
    ] {
        let text = simple_vcard("Ada", &"x".repeat(size - around));
        let made = twins
            .each(|_| vcard("POST", CONTACTS, text.as_bytes()))
            .await;
        assert!(fits || made[0].status == 413, "{size}: {}", made[0].status);
        let note = json!({"note": "x".repeat(size - 200)});
        let mut noted = card("Ada");
        noted["notes"] = json!({"n": note});
        twins.each(|_| post(CONTACTS, &noted)).await;
    }
    let paths = contact_of_each(&twins, "Ada").await;
    for size in [MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 8 * MAX_BODY] {
        for (kind, byte) in [
            ("application/json", b' '),
            ("text/vcard", b'x'),
            ("text/plain", b'\n'),
            ("image/png", 0),
        ] {
            let body = vec![byte; size];
            let answer = twins
                .same(Request::new("POST", CONTACTS).body(kind, body.clone()))
                .await;
            let too_large = size > MAX_BODY || kind == "text/vcard";
            assert_eq!(
                answer.status == 413,
                too_large,
                "{size} {kind}: {}",
                answer.status
            );
            let put = twins
                .same(Request::new("PUT", &paths[0]).body(kind, body))
                .await;
            assert!(put.status >= 400);
        }
    }
    let items = |count: usize| json!({"items": vec![json!({"op": "paint"}); count]});
    for (count, status) in [(0, 200), (200, 200), (201, 413)] {
        let answer = twins
            .same(post(&format!("{CONTACTS}/batch"), &items(count)))
            .await;
        has_status(&answer, status);
    }
}
