//! What calcard 0.3.14 loses or changes on its own, and what vCards in the wild are made of. Each of
//! these is a property that has to survive.

use contacts_interchange::{Version, export};
use serde_json::{Value, json};

use crate::{imported, oracle, round_trip, vcard};

fn shown(version: &str, lines: &[&str], pointer: &str) -> Value {
    let text = vcard(version, lines);
    round_trip(text.as_bytes());
    let card = Value::Object(imported(text.as_bytes()).card.as_map().clone());
    card.pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[test]
fn a_nested_agent_and_all_after_it_survive() {
    let lines = [
        "N:Doe;Jane",
        "AGENT:",
        "BEGIN:VCARD",
        "VERSION:2.1",
        "N:Friday;Fred",
        "TEL;WORK;VOICE:+1-213-555-1234",
        "END:VCARD",
        "EMAIL;INTERNET:jane@example.com",
    ];
    let email = shown("2.1", &lines, "/emails/email1/address");
    assert_eq!(email, "jane@example.com");
    let out = round_trip(vcard("2.1", &lines).as_bytes());
    assert!(
        out.contains("AGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\nN:Friday;Fred\r\n"),
        "{out}"
    );
}

#[test]
fn a_3_0_agent_with_an_inline_vcard_survives() {
    round_trip(
        vcard(
            "3.0",
            &[
                "FN:J",
                "N:J;;;;",
                "AGENT:BEGIN:VCARD\\nFN:Susan Thomas\\nTEL:+1\\;2\\nEND:VCARD\\n",
            ],
        )
        .as_bytes(),
    );
}

#[test]
fn pgp_armour_that_claims_to_be_base64_survives() {
    let key =
        "KEY;ENCODING=b:-----BEGIN PGP PUBLIC KEY BLOCK-----\\n\\nmQENBF\\n=abcd\\n-----END-----";
    let out = round_trip(vcard("3.0", &["FN:J", "N:J;;;;", key]).as_bytes());
    assert!(out.contains(";ENCODING=b:-----BEGIN PGP"), "{out}");
}

#[test]
fn a_base64_key_is_shown_as_data_and_stays_base64() {
    let lines = [
        "N:J",
        "FN:J",
        "KEY;X509;ENCODING=BASE64:",
        " MIIB/jCC",
        " AWug",
        "",
    ];
    let uri = shown("2.1", &lines, "/cryptoKeys/key1/uri");
    assert_eq!(uri, "data:application/pkix-cert;base64,MIIB/jCCAWug");
    let out = round_trip(vcard("2.1", &lines).as_bytes());
    assert!(
        out.contains("KEY;X509;ENCODING=BASE64:MIIB/jCCAWug\r\n\r\n"),
        "{out}"
    );
}

#[test]
fn a_logo_whose_bytes_are_utf_8_stays_base64() {
    let uri = shown(
        "3.0",
        &["FN:J", "N:J;;;;", "LOGO;ENCODING=b:PHN2Zy8+"],
        "/media/logo1/uri",
    );
    assert_eq!(uri, "data:application/octet-stream;base64,PHN2Zy8+");
}

#[test]
fn photos_of_every_version_are_shown_and_come_back() {
    let photo = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    let uri = json!(format!("data:image/gif;base64,{photo}"));
    for (version, line) in [
        ("2.1", format!("PHOTO;GIF;BASE64:{photo}")),
        ("2.1", format!("PHOTO;TYPE=GIF;ENCODING=BASE64:{photo}")),
        ("3.0", format!("PHOTO;ENCODING=b;TYPE=GIF:{photo}")),
        (
            "3.0",
            format!("PHOTO;TYPE=gif;ENCODING=B;X-ABCROP-RECTANGLE=ABClipRect_1&0&0:{photo}")
                .replace(":R", ":R"),
        ),
        (
            "3.0",
            format!("item1.PHOTO;ENCODING=b;TYPE=image/gif:{photo}"),
        ),
        ("4.0", format!("PHOTO:data:image/gif;base64,{photo}")),
    ] {
        let lines = ["FN:J", "N:J;;;;", &line];
        assert_eq!(shown(version, &lines, "/media/photo1/uri"), uri, "{line}");
        // Once is enough: a photo is not kept a second time in vCardProps.
        let card = imported(vcard(version, &lines).as_bytes()).card;
        assert_eq!(card.to_json().matches(photo).count(), 1, "{line}");
    }
}

#[test]
fn label_place_and_time_zone_of_an_address_are_shown_and_come_back() {
    let lines = [
        "FN:J",
        "ADR;LABEL=\"1 Way^nUlm; D^'x^'\";GEO=\"geo:12.3457,78.910\";TZ=Europe/Berlin;CC=DE:;;1 Way;Ulm;;;",
        "ADR;LABEL=a\\nb;TZ=-0500;GEO=\"geo:1,2;u=3\":;;2 Way;;;;",
        "ADR;LABEL=x;LABEL=y;TZ=nonsense;GEO=here:;;3 Way;;;;",
    ];
    let address = |pointer: &str| shown("4.0", &lines, &format!("/addresses/{pointer}"));
    assert_eq!(address("adr1/full"), "1 Way\nUlm; D\"x\"");
    assert_eq!(address("adr1/coordinates"), "geo:12.3457,78.910");
    assert_eq!(address("adr1/timeZone"), "Europe/Berlin");
    assert_eq!(address("adr1/countryCode"), "DE");
    assert_eq!(address("adr2/timeZone"), "Etc/GMT+5");
    assert_eq!(address("adr2/coordinates"), "geo:1,2;u=3");
    // Once is enough: what is shown as such is not kept beside it.
    let card = imported(vcard("4.0", &lines[..2]).as_bytes()).card;
    assert_eq!(
        card.to_json().matches("78.910").count(),
        1,
        "{}",
        card.to_json()
    );
    let patch = json!({"addresses": {"adr1": {"full": "2 Way", "timeZone": null}}});
    let text = export(&card.merge_patch(&patch).unwrap(), Version::V4_0).replace("\r\n ", "");
    assert!(text.contains(";LABEL=2 Way"), "{text}");
    assert!(!text.contains(";TZ="), "{text}");
}

#[test]
fn places_of_birth_and_death_are_shown_beside_their_dates_and_come_back() {
    let lines = [
        "FN:J",
        "BIRTHPLACE:Ulm\\, D",
        "BDAY:18790314",
        "DEATHDATE:19550418",
        "DEATHPLACE;VALUE=uri:geo:40.3573,-74.6672",
        "BIRTHPLACE;LANGUAGE=fr:Oulm",
    ];
    let place = |pointer: &str| shown("4.0", &lines, &format!("/anniversaries/{pointer}"));
    assert_eq!(place("bday1/place/full"), "Ulm, D");
    assert_eq!(
        place("deathdate1/place/coordinates"),
        "geo:40.3573,-74.6672"
    );
    let card = imported(vcard("4.0", &lines).as_bytes()).card;
    let patch = json!({"anniversaries": {"bday1": {"place": {"full": "Bern"}}}});
    let text = export(&card.merge_patch(&patch).unwrap(), Version::V4_0);
    assert!(text.contains("BIRTHPLACE:Bern\r\n"), "{text}");
    assert!(text.contains("BIRTHPLACE;LANGUAGE=fr:Oulm\r\n"), "{text}");
    assert!(text.contains("BDAY:18790314\r\n"), "{text}");
    for odd in [
        "BIRTHPLACE:Ulm",
        "BIRTHPLACE;VALUE=uri:https://x.example/",
        "BIRTHPLACE;X-A=1:b",
    ] {
        shown("4.0", &["FN:J", "BDAY:18790314", odd], "");
        shown("4.0", &["FN:J", odd], "");
        let bday = shown(
            "3.0",
            &["FN:J", "N:J;;;;", "BDAY:18790314", odd],
            "/anniversaries/bday1/kind",
        );
        assert_eq!(bday, "birth");
    }
}

#[test]
fn a_named_time_zone_of_3_0_stays_a_name() {
    let lines = ["FN:J", "N:J;;;;", "TZ:Europe/Paris"];
    assert_eq!(
        shown("3.0", &lines, "/addresses/tz1/timeZone"),
        "Europe/Paris"
    );
}

#[test]
fn an_offset_is_shown_as_a_time_zone_and_stays_an_offset() {
    for (version, line) in [
        ("3.0", "TZ:-05:00"),
        ("4.0", "TZ:-0500"),
        ("4.0", "TZ;VALUE=utc-offset:-0500"),
    ] {
        let zone = shown(
            version,
            &["FN:J", "N:J;;;;", line],
            "/addresses/tz1/timeZone",
        );
        assert_eq!(zone, "Etc/GMT+5");
    }
}

#[test]
fn coordinates_of_3_0_are_shown_as_a_geo_uri() {
    let lines = ["FN:J", "N:J;;;;", "GEO:1;2"];
    assert_eq!(
        shown("3.0", &lines, "/addresses/geo1/coordinates"),
        "geo:1,2"
    );
}

#[test]
fn output_gains_nothing_that_its_version_lacks() {
    let lines = [
        "N:Doe;Jane;;;",
        "FN:Jane Doe",
        "ADR;TYPE=HOME:;;1 Long Street;Town;;123;Land",
        "EMAIL:j@example.com",
    ];
    for version in ["2.1", "3.0", "4.0"] {
        let out = round_trip(vcard(version, &lines).as_bytes());
        for word in ["PROP-ID", "JSCOMPS", "JSPROP", "DERIVED", "REV", "PRODID"] {
            assert!(!out.contains(word), "{word} in {out}");
        }
        let adr = oracle::properties(out.as_bytes())
            .into_iter()
            .find(|p| p.name == "ADR")
            .unwrap();
        assert_eq!(adr.value.len(), 7);
    }
}

#[test]
fn quoted_printable_with_soft_line_breaks_is_read() {
    let lines = [
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91=20=C3=91;=C3=",
        "=91;;;",
        "NOTE;ENCODING=QUOTED-PRINTABLE:first=0D=0A=",
        "second =3D =",
        " third",
    ];
    let note = shown("2.1", &lines, "/notes/note1/note");
    assert_eq!(note, "first\nsecond =  third");
    assert_eq!(shown("2.1", &lines, "/name/components/0/value"), "Ñ Ñ");
}

#[test]
fn charsets_are_decoded_and_leave_as_utf_8() {
    let lines = [
        "FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:J=F6rg",
        "N:X",
    ];
    assert_eq!(shown("2.1", &lines, "/name/full"), "Jörg");
    let mut raw = b"BEGIN:VCARD\r\nVERSION:2.1\r\nN:X\r\nFN;CHARSET=windows-1252:J".to_vec();
    raw.extend(b"\xF6rg \x80\r\nEND:VCARD\r\n");
    assert_eq!(imported(&raw).card.as_map()["name"]["full"], "Jörg €");
}

#[test]
fn apple_groups_stay_with_what_they_label() {
    let lines = [
        "FN:J",
        "N:J;;;;",
        "item1.EMAIL;type=INTERNET;type=pref:j@example.com",
        "item1.X-ABLabel:_$!<School>!$_",
        "item2.X-ABRELATEDNAMES:Jenny",
    ];
    assert_eq!(
        shown("3.0", &lines, "/emails/email1/vCardParams/group"),
        "item1"
    );
    let out = round_trip(vcard("3.0", &lines).as_bytes());
    assert!(out.contains("item1.EMAIL;TYPE=INTERNET,pref:"), "{out}");
}

#[test]
fn escapes_of_rfc_6868_survive_in_4_0_and_are_no_escapes_before() {
    let line = "X-FOO;X-BAR=\"a^nb^^c^'d;e\";X-Z=1:x";
    let card = imported(vcard("4.0", &["FN:J", line]).as_bytes()).card;
    assert_eq!(card.as_map()["vCardProps"][1][1]["x-bar"], "a\nb^c\"d;e");
    for version in ["3.0", "4.0"] {
        round_trip(vcard(version, &["FN:J", "N:J;;;;", line]).as_bytes());
    }
}

#[test]
fn spelled_odd_but_meaning_the_same_is_shown_and_comes_back_as_spelled() {
    for (version, line, pointer, value) in [
        (
            "3.0",
            "BDAY:19800322",
            "/anniversaries/bday1/date/year",
            json!(1980),
        ),
        (
            "3.0",
            "REV:20240501T102030Z",
            "/updated",
            json!("2024-05-01T10:20:30Z"),
        ),
        (
            "3.0",
            "URL:http\\://example.com/",
            "/links/url1/uri",
            json!("http://example.com/"),
        ),
        (
            "2.1",
            "ORG:Example;",
            "/organizations/org1/name",
            json!("Example"),
        ),
        (
            "4.0",
            "TEL;VALUE=uri;TYPE=\"work,voice\":tel:+1-555;ext=7",
            "/phones/tel1/contexts/work",
            json!(true),
        ),
        ("4.0", "KIND:GROUP", "/kind", json!("group")),
        ("4.0", "UID;VALUE=text:a\\,b", "/uid", json!("a,b")),
        (
            "4.0",
            "ANNIVERSARY:20090808T1430-0500",
            "/anniversaries/anniversary1/kind",
            json!("wedding"),
        ),
        (
            "3.0",
            "EMAIL;TYPE=Privat:j@example.com",
            "/emails/email1/address",
            json!("j@example.com"),
        ),
    ] {
        assert_eq!(
            shown(version, &["FN:J", "N:J;;;;", line], pointer),
            value,
            "{line}"
        );
    }
}

#[test]
fn what_jscontact_refuses_is_kept() {
    for line in [
        "URL:www.example.com",
        "EMAIL:",
        "BDAY:circa 1800",
        "UID:",
        "TEL;PREF=1000:1",
        "MEMBER:urn:x",
        "KEY:none",
        "LANG:x y z",
    ] {
        round_trip(vcard("4.0", &["FN:J", line]).as_bytes());
    }
}

#[test]
fn repeated_and_missing_names_are_not_invented_or_lost() {
    for lines in [
        &["EMAIL:j@example.com"][..],
        &["N:Doe;Jane"],
        &["FN:A", "FN:B", "N:A;;;;", "N:B;;;;"],
        &["N:;;;;", "FN:"],
        &[
            "TITLE;ALTID=1;LANGUAGE=en:Boss",
            "TITLE;ALTID=1;LANGUAGE=fr:Patronne",
            "FN:J",
            "ROLE:x",
            "ORG:y",
        ],
    ] {
        for version in ["2.1", "3.0", "4.0"] {
            round_trip(vcard(version, lines).as_bytes());
        }
    }
}

#[test]
fn a_vcard_without_uid_gets_the_one_given() {
    let text = vcard("3.0", &["FN:J", "N:J;;;;"]);
    let imported = imported(text.as_bytes());
    assert_eq!(
        imported.card.uid(),
        "urn:uuid:00000000-0000-4000-8000-000000000000"
    );
    assert!(export(&imported.card, Version::V3_0).contains("UID:urn:uuid:00000000-"));
}

#[test]
fn a_byte_order_mark_lone_crs_and_nul_do_no_harm() {
    round_trip(b"\xEF\xBB\xBFBEGIN:VCARD\r\nVERSION:3.0\r\nFN:J\r\nN:J;;;;\r\nEND:VCARD\r\n");
    round_trip(b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:J\rK\r\nN:J;;;;\r\nNOTE:a\rb\r\nEND:VCARD\r\n");
    round_trip(b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:J\0K\r\nN:J;;;;\r\nX-A:\0\r\nEND:VCARD\r\n");
    let old_macintosh = b"BEGIN:VCARD\rVERSION:3.0\rFN:J K\rN:J;;;;\rEND:VCARD\r";
    assert_eq!(imported(old_macintosh).card.as_map()["name"]["full"], "J K");
}

#[test]
fn lines_are_folded_between_characters() {
    let note = format!("NOTE:{}", "👩‍🚀ä".repeat(60));
    for version in ["2.1", "3.0", "4.0"] {
        let out = round_trip(vcard(version, &["FN:J", "N:J;;;;", &note]).as_bytes());
        for line in out.split("\r\n") {
            assert!(line.len() <= 75, "{line}");
        }
    }
}
