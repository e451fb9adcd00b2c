//! Bodies of other types, codings and charsets.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{CONTACTS, add, at, card, created, ok, problem, somebody, text};

#[tokio::test]
async fn a_body_of_another_type_is_415() {
    let me = somebody().await;
    let contact = at(&add(&me, "Ada").await);
    let batch = format!("{CONTACTS}/batch");
    for (method, path, accepted) in [
        ("POST", "/v1/books", json!(["application/json"])),
        (
            "PATCH",
            "/v1/books/default",
            json!(["application/merge-patch+json", "application/json"]),
        ),
        (
            "POST",
            CONTACTS,
            json!([
                "application/json",
                "application/jscontact+json",
                "text/vcard"
            ]),
        ),
        (
            "PUT",
            &contact,
            json!([
                "application/json",
                "application/jscontact+json",
                "text/vcard"
            ]),
        ),
        (
            "PATCH",
            &contact,
            json!(["application/merge-patch+json", "application/json"]),
        ),
        ("POST", &batch, json!(["application/json", "text/vcard"])),
        ("POST", "/v1/tokens", json!(["application/json"])),
    ] {
        for kind in [
            "text/plain",
            "application/xml",
            "",
            "application/json, text/vcard",
            "text/vcard; charset=latin1",
            "json",
        ] {
            let request = Request::new(method, path).body(kind, "{}");
            let refused = problem(&me.send(request).await, 415, "unsupported-media-type");
            assert_eq!(refused["accepted"], accepted);
        }
        let bare = Request::new(method, path);
        problem(&me.send(bare).await, 415, "unsupported-media-type");
        let twice = Request::new(method, path)
            .json(&json!({}))
            .header("content-type", "application/json");
        problem(&me.send(twice).await, 415, "unsupported-media-type");
    }
    // A card's own type is taken where a card is.
    let own =
        Request::new("POST", CONTACTS).body("application/jscontact+json", card("Ada").to_string());
    assert_eq!(me.send(own).await.status, 201);
}

#[tokio::test]
async fn the_old_names_of_vcard_are_taken() {
    let me = somebody().await;
    let vcard = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Lovelace;Ada\r\nEND:VCARD\r\n";
    for kind in ["text/x-vcard", "text/directory; profile=vCard"] {
        let made = me
            .send(Request::new("POST", CONTACTS).body(kind, vcard))
            .await;
        let path = at(&created(&made));
        assert_eq!(me.get_vcard(&path).await.body, vcard.as_bytes());
        let put = Request::new("PUT", &path).body(kind, vcard.replace("Ada", "Eva"));
        assert_eq!(me.send(put).await.status, 200);
        let batch = Request::new("POST", format!("{CONTACTS}/batch")).body(kind, vcard);
        assert_eq!(ok(&me.send(batch).await)["items"][0]["status"], 201);
    }
    let refused = Request::new("POST", "/v1/books").body("text/x-vcard", vcard);
    problem(&me.send(refused).await, 415, "unsupported-media-type");
}

#[tokio::test]
async fn a_coded_body_is_415_and_says_so() {
    let me = somebody().await;
    let zipped = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff".to_vec();
    for coding in ["gzip", "br", "identity, gzip", "unknown", "\u{e9}"] {
        for (path, kind) in [
            (CONTACTS, "application/json"),
            (CONTACTS, "text/vcard"),
            (CONTACTS, "image/png"),
            ("/v1/books", "application/json"),
            ("/v1/tokens", "application/json"),
        ] {
            let request = Request::new("POST", path).body(kind, zipped.clone());
            let response = me.send(request.header("content-encoding", coding)).await;
            let refused = problem(&response, 415, "unsupported-media-type");
            assert!(
                text(&refused["detail"]).contains("Content-Encoding"),
                "{refused}"
            );
            assert_eq!(response.text("accept-encoding"), Some("identity"));
        }
    }
    for coding in ["identity", "", "Identity"] {
        let request = Request::new("POST", CONTACTS).json(&card("Ada"));
        let response = me.send(request.header("content-encoding", coding)).await;
        assert_eq!(response.status, 201, "{coding}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_plain_utf_8_are_400() {
    let me = somebody().await;
    for (kind, body) in [
        (
            "text/vcard",
            &b"\xef\xbb\xbfBEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n"[..],
        ),
        (
            "text/vcard",
            b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:J\xf6rg\r\nEND:VCARD\r\n",
        ),
        ("application/json", b"\xef\xbb\xbf{}"),
        ("application/json", b"{\"name\":\"J\xf6rg\"}"),
    ] {
        let request = Request::new("POST", CONTACTS).body(kind, body);
        problem(&me.send(request).await, 400, "unreadable-body");
    }
    let short = Request::new("POST", CONTACTS)
        .json(&card("A"))
        .header("content-length", "3");
    problem(&me.send(short).await, 400, "unreadable-body");
    for vcard in [
        &b"BEGIN:VCARD\rVERSION:4.0\rFN:A\rEND:VCARD\r"[..],
        b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\0B\r\nEND:VCARD\r\n",
    ] {
        let status = me.post_vcard(CONTACTS, vcard).await.status;
        assert!([201, 422].contains(&status), "{status}");
    }
}
