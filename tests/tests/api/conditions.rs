//! Conditional requests on contacts (RFC 9110 section 13), and negotiation.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{CONTACTS, add, at, body, card, created, ok, problem, somebody, text};

fn vcard_tag(etag: &str) -> String {
    format!("{}-v\"", etag.trim_end_matches('"'))
}

#[tokio::test]
async fn reads_are_304_for_the_representation_that_is_known() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let etag = text(&contact["etag"]).to_owned();
    let of_vcard = vcard_tag(&etag);
    assert_eq!(
        me.get_vcard(&at(&contact)).await.text("etag"),
        Some(&*of_vcard)
    );
    let get = |accept: &str, name: &str, value: &str| {
        let request = Request::new("GET", at(&contact)).header("accept", accept);
        me.send(request.header(name, value))
    };
    for (accept, own, other) in [
        ("application/json", &etag, &of_vcard),
        ("text/vcard", &of_vcard, &etag),
    ] {
        for known in [
            own.clone(),
            "*".to_owned(),
            format!("W/{own}"),
            format!("\"x\", {own}"),
            format!("\"x\",,W/{own} , \"y\""),
        ] {
            let answer = get(accept, "if-none-match", &known).await;
            assert_eq!(answer.status, 304, "{accept} {known}");
            assert_eq!(answer.text("etag"), Some(&**own));
            assert_eq!(answer.text("vary"), Some("accept"));
            assert!(answer.body.is_empty());
        }
        assert_eq!(get(accept, "if-none-match", other).await.status, 200);
        // If-Match takes the tag of either.
        for good in [own.clone(), other.clone(), "*".to_owned()] {
            assert_eq!(get(accept, "if-match", &good).await.status, 200, "{good}");
        }
        for bad in ["\"9\"".to_owned(), format!("W/{own}")] {
            let failed = problem(
                &get(accept, "if-match", &bad).await,
                412,
                "precondition-failed",
            );
            assert_eq!(failed["etag"], **own);
        }
    }
    for malformed in ["1", "\"1", "\"1\" \"2\"", "*, \"1\"", ""] {
        for name in ["if-match", "if-none-match"] {
            problem(&get("*/*", name, malformed).await, 400, "invalid-header");
        }
    }
}

#[tokio::test]
async fn writes_happen_only_under_their_conditions() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let path = at(&contact);
    let write = |method: &'static str, name: &'static str, value: String| {
        let request = Request::new(method, &path).header(name, value);
        me.send(match method {
            "PUT" => request.json(&card("Ada King")),
            "PATCH" => request.json(&json!({"nicknames": {"n": {"name": "Countess"}}})),
            _ => request,
        })
    };
    for method in ["PUT", "PATCH", "DELETE"] {
        let etag = text(&ok(&me.get(&path).await)["etag"]).to_owned();
        for (name, value) in [
            ("if-match", "\"77\"".to_owned()),
            ("if-match", format!("W/{etag}")),
            ("if-none-match", "*".to_owned()),
            ("if-none-match", etag.clone()),
            ("if-none-match", format!("W/{etag}")),
        ] {
            let failed = write(method, name, value.clone()).await;
            let failed = problem(&failed, 412, "precondition-failed");
            assert_eq!(failed["etag"], etag, "{method} {name} {value}");
        }
        assert_eq!(
            ok(&me.get(&path).await)["etag"],
            etag,
            "nothing was written"
        );
        problem(
            &write(method, "if-match", "x".into()).await,
            400,
            "invalid-header",
        );
    }
    let etag = text(&contact["etag"]).to_owned();
    assert_eq!(write("PUT", "if-match", vcard_tag(&etag)).await.status, 200);
    problem(
        &write("PUT", "if-match", etag).await,
        412,
        "precondition-failed",
    );
    let etag = text(&ok(&me.get(&path).await)["etag"]).to_owned();
    assert_eq!(
        write("PATCH", "if-match", format!("\"0\", {etag}"))
            .await
            .status,
        200
    );
    assert_eq!(write("DELETE", "if-match", "*".into()).await.status, 204);
    problem(
        &write("DELETE", "if-match", "*".into()).await,
        404,
        "contact-not-found",
    );
}

#[tokio::test]
async fn accept_chooses_between_json_and_vcard() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    for path in [at(&contact), CONTACTS.to_owned()] {
        let get = |accept: &str| me.send(Request::new("GET", &path).header("accept", accept));
        for (accept, kind) in [
            ("*/*", "application/json"),
            ("text/*", "text/vcard; charset=utf-8"),
            ("text/vcard; version=4.0", "text/vcard; charset=utf-8"),
            (
                "application/json;q=0.2, text/vcard;q=0.3",
                "text/vcard; charset=utf-8",
            ),
            ("text/html, */*;q=0.1", "application/json"),
            ("nonsense", "application/json"),
        ] {
            assert_eq!(
                get(accept).await.text("content-type"),
                Some(kind),
                "{accept}"
            );
        }
        for accept in [
            "image/png",
            "*/*;q=0",
            "text/html",
            "text/vcard;version=5.0",
        ] {
            let refused = problem(&get(accept).await, 406, "not-acceptable");
            assert_eq!(
                refused["offered"],
                json!([
                    "application/json",
                    "text/vcard",
                    "text/vcard;version=4.0",
                    "text/vcard;version=3.0",
                    "text/vcard;version=2.1"
                ])
            );
        }
    }
}

#[tokio::test]
async fn of_two_writers_with_one_etag_one_wins() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    let write = |name: &str| {
        let request = Request::new("PUT", at(&contact)).header("if-match", text(&contact["etag"]));
        me.send(request.json(&card(name)))
    };
    let (one, other) = tokio::join!(write("one"), write("other"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn a_vcard_can_be_had_in_another_version_than_it_was_sent_in() {
    let me = somebody().await;
    let sent = b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:King;Ada;;;\r\nFN:Ada King\r\nBDAY:1815-12-10\r\nitem1.TEL;TYPE=Cell:1\r\nEND:VCARD\r\n";
    let contact = created(&me.post_vcard(CONTACTS, sent).await);
    add(&me, "Bob").await;
    let etag = text(&contact["etag"]).to_owned();
    let own = vcard_tag(&etag);
    let get = |path: String, version: &str| {
        let accept = format!("text/vcard;version={version}");
        me.send(Request::new("GET", path).header("accept", &accept))
    };
    let same = get(at(&contact), "3.0").await;
    assert_eq!(same.body, sent, "as it was sent");
    assert_eq!(same.text("etag"), Some(&*own));
    let mut tags = vec![etag.clone(), own];
    for (version, line) in [("4.0", "BDAY:18151210\r\n"), ("2.1", "BDAY:1815-12-10\r\n")] {
        let answer = get(at(&contact), version).await;
        assert_eq!(
            answer.text("content-type"),
            Some("text/vcard; charset=utf-8")
        );
        let text = body(&answer);
        assert!(text.contains(&format!("VERSION:{version}\r\n")), "{text}");
        assert!(text.contains(line) && text.contains("item1.TEL;"), "{text}");
        tags.push(answer.text("etag").unwrap().to_owned());
        let known = Request::new("GET", at(&contact))
            .header("accept", format!("text/vcard;version={version}"))
            .header("if-none-match", tags.last().unwrap());
        assert_eq!(me.send(known).await.status, 304);
    }
    let mut different = tags.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 4, "{tags:?}");
    for tag in &tags {
        let read = Request::new("GET", at(&contact)).header("if-match", tag);
        assert_eq!(me.send(read).await.status, 200, "{tag}");
    }
    for version in ["4.0", "3.0", "2.1"] {
        let list = body(&get(CONTACTS.to_owned(), version).await);
        let versions = list.matches(&format!("VERSION:{version}\r\n")).count();
        assert_eq!(
            (versions, list.matches("VERSION:").count()),
            (2, 2),
            "{list}"
        );
    }
    let first = get(format!("{CONTACTS}?limit=1"), "2.1").await;
    assert!(
        first
            .text("link")
            .is_some_and(|link| link.contains("rel=\"next\""))
    );
    assert_eq!(body(&first).matches("BEGIN:VCARD").count(), 1);
}
