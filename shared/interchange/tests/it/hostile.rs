//! Whatever bytes come, `split` and `import` answer.

use contacts_card::Card;
use contacts_interchange::{export, import, limits, split};
use proptest::prelude::*;

use crate::{assert_same, files, imported, vcard};

fn answers(bytes: &[u8]) {
    let _ = split(bytes);
    let Ok(imported) = import(bytes, "urn:uuid:0") else {
        return;
    };
    assert!(Card::parse(imported.card.as_map().clone().into()).is_ok());
    let out = export(&imported.card, imported.version);
    // What was accepted once is accepted again, and loses nothing then either.
    let again = import(out.as_bytes(), "urn:uuid:0").unwrap();
    assert_same(
        out.as_bytes(),
        export(&again.card, again.version).as_bytes(),
    );
}

fn small_files() -> Vec<Vec<u8>> {
    files::all()
        .into_iter()
        .flat_map(|(_, bytes)| {
            files::cards(&bytes)
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        })
        .filter(|card| card.len() < 8 * 1024)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        answers(&bytes);
        let mut framed = b"BEGIN:VCARD\r\nVERSION:2.1\r\n".to_vec();
        framed.extend(&bytes);
        framed.extend(b"\r\nEND:VCARD\r\n");
        answers(&framed);
    }

    #[test]
    fn lines_of_odd_characters_are_answered(
        version in prop_oneof!["2\\.1", "3\\.0", "4\\.0"],
        lines in proptest::collection::vec(
            "(item1\\.)?(N|FN|ADR|TEL|EMAIL|BDAY|REV|GEO|TZ|PHOTO|KEY|ORG|JSPROP|UID|RELATED|KIND|BIRTHPLACE|X-A)(;(TYPE|PREF|VALUE|ENCODING|JSPTR|JSCOMPS|LANGUAGE|ALTID|PROP-ID)=[A-Za-z0-9\"^,/;:=-]{0,8}){0,2}:[ -~\r\\\\;,:äß\u{0}-\u{2}]{0,24}",
            0..8,
        ),
    ) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        answers(vcard(&version, &lines).as_bytes());
    }

    #[test]
    fn damaged_real_vcards_are_answered(
        file in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let files = small_files();
        let mut bytes = file.get(&files).clone();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        answers(&bytes);
    }
}

#[test]
fn lists_without_end_are_kept_and_cost_little() {
    for line in [
        format!("CATEGORIES:{}", "a,".repeat(50_000)),
        format!("N:{}", "a,".repeat(50_000)),
        format!("ADR:{}", ";".repeat(100_000)),
        format!("NICKNAME:{}", ",".repeat(100_000)),
        format!("X-A:{}", "\\".repeat(100_001)),
        format!("JSPROP;JSPTR=a:{}", "[".repeat(60_000)),
    ] {
        // Some are too long for a card; none may take long or end the process.
        answers(vcard("4.0", &["FN:J", &line]).as_bytes());
    }
    answers(format!("BEGIN:VCARD\n{}END:VCARD\n", " \n".repeat(100_000)).as_bytes());
    answers(
        format!(
            "BEGIN:VCARD\nX;QUOTED-PRINTABLE\n{}END:VCARD\n",
            " =\n".repeat(60_000)
        )
        .as_bytes(),
    );
    let many: Vec<_> = (0..limits::PROPERTIES - 1)
        .map(|n| format!("EMAIL;TYPE=x{n}:a{n}@example.com"))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    answers(vcard("3.0", &many).as_bytes());
}

#[test]
fn a_parameter_without_a_name_beside_a_backslash_that_escapes_nothing_is_answered() {
    answers(vcard("3.0", &["TEL;JSPTR=;=:\\\0"]).as_bytes());
    answers(vcard("4.0", &["TEL;=a:\\q"]).as_bytes());
}

#[test]
fn no_content_reaches_an_error() {
    let secret = "s3cret-name";
    for text in [
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{secret}\r\nEND:VCARD\r\n"),
        format!("BEGIN:VCARD\r\nVERSION:{secret}\r\nEND:VCARD\r\n"),
        format!("BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET={secret}:x\r\nEND:VCARD\r\n"),
        secret.to_owned(),
    ] {
        let error = import(text.as_bytes(), "urn:uuid:0").unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
    let debug = format!(
        "{:?}",
        imported(vcard("3.0", &["FN:s3cret-name"]).as_bytes())
    );
    assert!(!debug.contains(secret), "{debug}");
}
