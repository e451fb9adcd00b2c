//! Odd headers: hostile, repeated, many, large.

use contacts_tests::alb::Arrival;
use contacts_tests::client::Request;
use contacts_tests::differences::compare;

use crate::support::{CONTACTS, anonymous, card, get, has_status, post, twins};

#[tokio::test]
async fn hostile_hosts_and_forwarding_headers_change_nothing() {
    let twins = twins().await;
    for host in [
        "x/items/7?z=",
        "foo:99999",
        "a b",
        "",
        "[::1",
        "evil.example\u{e9}",
        "contacts.example:443",
        "localhost/../..",
        "user@evil.example",
        "..",
    ] {
        twins.same(get("/v1/books").header("host", host)).await;
        twins.same(get("/docs").header("host", host)).await;
    }
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-port", "99999"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-for", "' OR 1=1, ::1"),
        ("x-original-url", "/health"),
        ("x-rewrite-url", "/health"),
        ("x-http-method-override", "DELETE"),
        ("forwarded", "for=evil;host=evil.example;proto=http"),
        (
            "x-amzn-trace-id",
            "Root=1-67891233-abcdef012345678912345678;Self=x",
        ),
        ("x-amzn-trace-id", "nonsense"),
        ("accept-encoding", "gzip, br"),
        ("range", "bytes=0-1"),
        ("cookie", "a=1; b=2"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("connection", "close, x-secret"),
        ("connection", "upgrade"),
        ("user-agent", ""),
    ] {
        twins.same(get("/v1/books").header(name, value)).await;
        twins.same(get("/missing").header(name, value)).await;
    }
}

#[tokio::test]
async fn tls_at_the_load_balancer_is_seen_alike() {
    let twins = twins().await;
    for proto in ["http", "https"] {
        let arrival = Arrival {
            proto,
            ..Arrival::default()
        };
        let request = twins.dressed(get("/v1/books").header("x-forwarded-proto", "gopher"));
        let [container, lambda] = &twins.albs;
        let (container, lambda) = tokio::join!(
            container.send_from(request.clone(), arrival),
            lambda.send_from(request, arrival)
        );
        compare(&container, &lambda).unwrap();
        assert_eq!(
            container.first("strict-transport-security").is_some(),
            proto == "https"
        );
    }
}

#[tokio::test]
async fn a_request_id_is_echoed_or_replaced_alike() {
    let twins = twins().await;
    let long = "a".repeat(65);
    for (id, echoed) in [
        (&b"abc-123_DEF.x"[..], true),
        (&b"a".repeat(64), true),
        (long.as_bytes(), false),
        (b"", false),
        (b"a b", false),
        (b"<script>", false),
        (b"a,b", false),
        ("ü".as_bytes(), false),
        (b"\xff\xfe", false),
        (b"$(reboot)", false),
    ] {
        for path in ["/health", "/missing"] {
            let answer = twins.same(get(path).header("x-request-id", id)).await;
            assert_eq!(
                answer.first("x-request-id") == Some(id),
                echoed,
                "{}",
                id.escape_ascii()
            );
        }
    }
    let twice = get("/missing")
        .header("x-request-id", "one")
        .header("x-request-id", "two");
    twins.same(twice).await;
}

#[tokio::test]
async fn credentials_are_judged_alike() {
    let twins = twins().await;
    let token = twins.token.clone();
    let long = format!("Bearer {}", "x".repeat(5_000));
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer cm_wrong".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        format!("bearer {token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token}, Bearer {token}"),
        "Bearer a.b.c".to_owned(),
        "Bearer ü".to_owned(),
        long,
    ] {
        twins
            .same(get("/v1/books").header("authorization", value))
            .await;
    }
    let twice = get("/v1/books").bearer(&token).bearer(&token);
    twins.same(twice).await;
    twins.same(anonymous(get("/v1/books"))).await;
}

#[tokio::test]
async fn accept_and_repeated_headers_are_read_alike() {
    let twins = twins().await;
    for accept in [
        "",
        "text/vcard",
        "TEXT/VCARD",
        "text/*",
        "*/*;q=0",
        "text/html",
        "image/png, text/html",
        "text/vcard;q=0, application/json;q=0.001",
        "text/vcard;version=4.0",
        "application/json;q=nonsense",
        ",,",
        "ü",
        "application/*, */*;q=0.1",
    ] {
        twins.same(get(CONTACTS).header("accept", accept)).await;
    }
    let twice = get(CONTACTS)
        .header("accept", "text/html")
        .header("Accept", "text/vcard");
    has_status(&twins.same(twice).await, 200);
    let latin = get(CONTACTS)
        .header("accept", b"J\xf6rg")
        .header("x-other", b"\xff\x80");
    twins.same(latin).await;
    for (header, value) in [
        ("if-none-match", "nonsense"),
        ("if-none-match", "\"a\" \"b\""),
        ("if-none-match", "\"\u{fc}\""),
        ("if-match", "\"1\""),
        ("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ] {
        twins
            .same(get("/v1/books/default").header(header, value))
            .await;
    }
    for key in ["", "a b", "ü", &"k".repeat(256)] {
        let request = post(CONTACTS, &card("x")).header("idempotency-key", key);
        has_status(&twins.same(request).await, 400);
    }
    let twice = post(CONTACTS, &card("x"))
        .header("idempotency-key", "a")
        .header("idempotency-key", "a");
    has_status(&twins.same(twice).await, 400);
}

/// The same headers beside the one that counts, so that its size is known.
fn of_size(bytes: usize) -> Request {
    get("/v1/books").header("x-filler", "f".repeat(bytes))
}

#[tokio::test]
async fn headers_end_at_the_same_byte_and_line() {
    let twins = twins().await;
    let mut statuses = Vec::new();
    for size in [
        8_000, 15_000, 15_990, 16_000, 16_050, 16_100, 16_150, 16_200, 16_250, 16_300, 16_350,
    ] {
        statuses.push(twins.same(of_size(size)).await.status);
    }
    assert!(
        statuses.is_sorted() && statuses.contains(&200) && statuses.contains(&431),
        "{statuses:?}"
    );
    let halves = of_size(12_000).header("x-more", "m".repeat(12_000));
    has_status(&twins.same(halves).await, 431);
    // Above 16 KB in one line, the load balancer answers itself.
    has_status(&twins.same(of_size(20_000)).await, 400);
    for (lines, status) in [(80, 200), (100, 431), (120, 431), (1_000, 431)] {
        let mut request = get("/v1/books");
        for line in 0..lines {
            request = request.header(&format!("x-{line}"), "");
        }
        has_status(&twins.same(request).await, status);
        let mut request = get("/v1/books");
        for _ in 0..lines {
            request = request.header("x-same", "");
        }
        has_status(&twins.same(request).await, status);
    }
}
