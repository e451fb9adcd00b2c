//! What is no vCard, and how the sender is told.

use contacts_interchange::{VCardError, import, limits, split};

use crate::vcard;

fn error(vcard: &[u8]) -> VCardError {
    import(vcard, "urn:uuid:0").unwrap_err()
}

#[test]
fn nothing_is_no_vcard() {
    assert_eq!(split(b"").unwrap_err(), VCardError::Empty);
    assert_eq!(split(b"\r\n \r\n").unwrap_err(), VCardError::Empty);
    assert_eq!(error(b""), VCardError::Empty);
}

#[test]
fn text_between_vcards_is_named_by_its_line() {
    let text = vcard("3.0", &["FN:J"]) + "\r\nhello\r\n" + &vcard("3.0", &["FN:K"]);
    let (j, k) = (vcard("3.0", &["FN:J"]), vcard("3.0", &["FN:K"]));
    assert_eq!(
        split(text.as_bytes()).unwrap(),
        [
            Ok(j.as_bytes()),
            Err(VCardError::NotVCard { line: 6 }),
            Ok(k.as_bytes())
        ]
    );
    assert_eq!(error(b"<html>"), VCardError::NotVCard { line: 1 });
    assert_eq!(
        split(b"END:VCARD\r\n").unwrap_err(),
        VCardError::NotVCard { line: 1 }
    );
}

#[test]
fn a_missing_end_is_named_by_the_line_of_its_begin() {
    let whole = vcard("3.0", &["FN:J"]);
    let open = "BEGIN:VCARD\r\nVERSION:3.0\r\n";
    let unterminated = |line| Err(VCardError::Unterminated { line });
    let text = format!("{open}{whole}{open}{open}{whole}{whole}\r\n{open}");
    let whole = Ok(whole.as_bytes());
    assert_eq!(
        split(text.as_bytes()).unwrap(),
        [
            unterminated(1),
            whole.clone(),
            unterminated(7),
            unterminated(9),
            whole.clone(),
            whole,
            unterminated(20)
        ]
    );
    assert_eq!(
        error(b"BEGIN:VCARD\r\nFN:J\r\n"),
        VCardError::Unterminated { line: 1 }
    );
}

#[test]
fn a_stream_without_any_vcard_is_refused_for_its_first_line_that_is_none() {
    let open = "BEGIN:VCARD\r\nFN:J\r\n";
    for (text, line) in [(open.repeat(3), 1), (format!("\r\n{open}hello\r\n"), 2)] {
        let error = split(text.as_bytes()).unwrap_err();
        assert_eq!(error, VCardError::Unterminated { line });
    }
    assert_eq!(
        split(b"\r\nhello\r\nworld\r\nBEGIN:VCARD\r\n").unwrap_err(),
        VCardError::NotVCard { line: 2 }
    );
}

#[test]
fn a_nested_vcard_stays_inside_and_one_without_an_end_costs_only_its_own() {
    let nested = "AGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\nN:F\r\n";
    let folded = "item1.agent;X-A=1;\r\n X-B=2:\r\n\r\nBEGIN:VCARD\r\n";
    let close = "END:VCARD\r\n";
    let whole = vcard("2.1", &["N:J"]);
    for inner in [
        format!("{nested}{close}"),
        format!("{nested}{nested}{close}{close}"),
        format!("{folded}BEGIN:VCARD\r\n{close}{close}"),
        format!("{folded}{close}AGENT:\r\nBEGIN:VCARD\r\n{close}"),
    ] {
        let card = format!("BEGIN:VCARD\r\nN:D\r\n{inner}N:E\r\n{close}");
        let text = format!("{card}{whole}");
        let pieces = split(text.as_bytes()).unwrap();
        assert_eq!(pieces, [Ok(card.as_bytes()), Ok(whole.as_bytes())]);
    }
    for lost in [
        nested.to_owned(),
        format!("{nested}{close}"),
        format!("{nested}{nested}"),
    ] {
        let text = format!("BEGIN:VCARD\r\n{lost}{whole}{whole}");
        let whole = Ok(whole.as_bytes());
        let pieces = split(text.as_bytes()).unwrap();
        assert_eq!(
            pieces,
            [
                Err(VCardError::Unterminated { line: 1 }),
                whole.clone(),
                whole
            ],
            "{text}"
        );
    }
}

#[test]
fn two_vcards_are_not_one() {
    let text = vcard("3.0", &["FN:J"]).repeat(2);
    assert_eq!(split(text.as_bytes()).unwrap().len(), 2);
    let several = error(text.as_bytes());
    assert_eq!(several, VCardError::Several { line: 5 });
    assert!(several.to_string().contains("/contacts/batch"), "{several}");
    let nested = vcard("3.0", &["FN:J", "BEGIN:VCARD", "END:VCARD"]);
    assert_eq!(error(nested.as_bytes()), VCardError::NotVCard { line: 4 });
}

#[test]
fn the_last_line_may_lack_its_ending_and_lines_may_end_in_lf() {
    let text = vcard("3.0", &["FN:J"]).replace("\r\n", "\n");
    let text = text.trim_end();
    assert_eq!(split(text.as_bytes()).unwrap(), [Ok(text.as_bytes())]);
    assert!(import(text.as_bytes(), "urn:uuid:0").is_ok());
}

#[test]
fn blank_lines_and_a_byte_order_mark_are_skipped() {
    let card = vcard("3.0", &["FN:J"]);
    let text = format!("\u{feff}\r\n{card}\r\n\r\n{card}\r\n");
    assert_eq!(
        split(text.as_bytes()).unwrap(),
        [Ok(card.as_bytes()), Ok(card.as_bytes())]
    );
}

#[test]
fn latin_1_without_a_charset_points_to_the_charset_parameter() {
    let error = error(b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:J\xF6rg\r\nEND:VCARD\r\n");
    assert_eq!(error, VCardError::NotUtf8 { line: 3 });
    let text = error.to_string();
    assert!(text.contains("CHARSET") && text.contains("UTF-8"), "{text}");
}

#[test]
fn a_charset_that_is_unknown_or_wrong_is_refused() {
    for charset in ["KLINGON", "GB18030"] {
        let mut text = format!("BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET={charset}:").into_bytes();
        text.extend(b"\xFF\xFF\r\nEND:VCARD\r\n");
        assert_eq!(error(&text), VCardError::Charset { line: 3 });
    }
}

#[test]
fn a_line_that_is_no_property_is_named() {
    let text = vcard("3.0", &["FN:J", "just words"]);
    assert_eq!(error(text.as_bytes()), VCardError::NotAProperty { line: 4 });
    let text = vcard("3.0", &["FN:J", ";TYPE=x:y"]);
    assert_eq!(error(text.as_bytes()), VCardError::NotAProperty { line: 4 });
}

#[test]
fn an_unknown_version_is_refused_and_a_missing_one_is_3_0() {
    assert_eq!(
        error(vcard("5.0", &["FN:J"]).as_bytes()),
        VCardError::UnknownVersion { line: 2 }
    );
    let imported = import(b"BEGIN:VCARD\r\nFN:J\r\nEND:VCARD\r\n", "urn:uuid:0").unwrap();
    assert_eq!(imported.version.to_string(), "3.0");
}

#[test]
fn each_limit_holds() {
    let large = vcard(
        "3.0",
        &["FN:J", &format!("NOTE:{}", "x".repeat(limits::VCARD_BYTES))],
    );
    assert!(matches!(
        error(large.as_bytes()),
        VCardError::TooLarge {
            limit: limits::VCARD_BYTES,
            ..
        }
    ));
    let many = vcard("3.0", &vec!["X-A:1"; limits::PROPERTIES + 1]);
    assert!(matches!(
        error(many.as_bytes()),
        VCardError::TooManyProperties { .. }
    ));
    let most = vcard("3.0", &vec!["X-A:1"; limits::PROPERTIES]);
    assert!(import(most.as_bytes(), "urn:uuid:0").is_ok());
    for (lines, fits) in [(1000, true), (1001, false)] {
        let phones = vcard("3.0", &vec!["TEL:1"; lines]);
        assert_eq!(import(phones.as_bytes(), "urn:uuid:0").is_ok(), fits);
    }
    let params = format!("X-A{}:1", ";X-B=1".repeat(limits::PARAMETERS + 1));
    assert_eq!(
        error(vcard("3.0", &[&params]).as_bytes()),
        VCardError::TooManyParameters {
            line: 3,
            limit: limits::PARAMETERS
        }
    );
}
