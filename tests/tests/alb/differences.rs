//! What the comparison lets pass, and what it shows.

use contacts_tests::{client::Response, differences::compare};

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_owned()));
    Response {
        status,
        headers: headers.collect(),
        body: body.as_bytes().to_owned(),
    }
}

#[test]
fn allowed_differences_pass() {
    let left = response(
        404,
        &[
            ("Date", "now"),
            ("x-request-id", "11111111"),
            ("content-length", "26"),
            ("a", "1"),
            ("b", "2"),
        ],
        r#"{"request_id":"11111111"}"#,
    );
    let right = response(
        404,
        &[
            ("B", "2"),
            ("A", "1"),
            ("server", "awselb/2.0"),
            ("X-Request-Id", "22222222"),
            ("content-length", "26"),
        ],
        r#"{"request_id":"22222222"}"#,
    );
    assert_eq!(compare(&left, &right), Ok(()));
    let streamed = response(200, &[], "hello");
    assert_eq!(
        compare(
            &response(200, &[("content-length", "5")], "hello"),
            &streamed
        ),
        Ok(())
    );
}

#[test]
fn other_differences_are_shown() {
    let base = response(
        200,
        &[("a", "1"), ("a", "2"), ("x-request-id", "1111")],
        "hello",
    );
    for (other, shown) in [
        (
            response(
                201,
                &[("a", "1"), ("a", "2"), ("x-request-id", "1111")],
                "hello",
            ),
            "left:  200",
        ),
        (
            response(
                200,
                &[("a", "2"), ("a", "1"), ("x-request-id", "1111")],
                "hello",
            ),
            "header a",
        ),
        (
            response(200, &[("a", "1"), ("x-request-id", "1111")], "hello"),
            "header a",
        ),
        (
            response(200, &[("a", "1"), ("a", "2")], "hello"),
            "header x-request-id",
        ),
        (
            response(
                200,
                &[("a", "1"), ("a", "2"), ("x-request-id", "1111")],
                "hel\0",
            ),
            "from byte 3 on",
        ),
        (
            response(
                200,
                &[
                    ("a", "1"),
                    ("a", "2"),
                    ("x-request-id", "1111"),
                    ("content-length", "9"),
                ],
                "hello",
            ),
            "header content-length",
        ),
    ] {
        let report = compare(&base, &other).unwrap_err();
        assert!(report.contains(shown), "{report}");
    }
}

#[test]
fn ids_that_a_suite_knows_can_be_masked() {
    let left = response(200, &[("location", "/c/abc")], "abc and abc").masked(b"abc", "<id>");
    let right = response(200, &[("location", "/c/xyz")], "xyz and xyz").masked(b"xyz", "<id>");
    assert_eq!(compare(&left, &right), Ok(()));
}
