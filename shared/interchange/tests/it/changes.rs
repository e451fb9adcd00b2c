//! What happens to a vCard when its card is changed as JSON.

use contacts_interchange::{Version, export};
use serde_json::json;

use crate::{files, imported, oracle, vcard};

/// The properties lost and added by a change.
fn difference(vcard: &[u8], patch: &serde_json::Value) -> (Vec<String>, String) {
    let imported = imported(vcard);
    let changed = imported.card.merge_patch(patch).unwrap();
    let out = export(&changed, imported.version);
    let after = oracle::properties(out.as_bytes());
    let lost = oracle::properties(vcard)
        .into_iter()
        .filter(|property| !after.contains(property))
        .map(|property| property.name)
        .collect();
    (lost, out)
}

#[test]
fn a_changed_email_loses_no_other_property_of_any_real_vcard() {
    for (path, bytes) in files::all() {
        for card in files::cards(&bytes) {
            let has_email = imported(card).card.as_map().contains_key("emails");
            let key = imported(card)
                .card
                .as_map()
                .get("emails")
                .and_then(|emails| {
                    emails
                        .as_object()
                        .and_then(|emails| emails.keys().next().cloned())
                });
            let key = key.unwrap_or_else(|| "new".to_owned());
            let patch = json!({"emails": {key: {"address": "changed@example.org"}}});
            let (lost, out) = difference(card, &patch);
            let allowed = if has_email { vec!["EMAIL"] } else { vec![] };
            assert_eq!(lost, allowed, "{}", path.display());
            assert!(out.replace("\r\n ", "").contains("changed@example.org"));
        }
    }
}

#[test]
fn a_changed_full_name_loses_no_other_property_of_any_real_vcard() {
    for (path, bytes) in files::all() {
        for card in files::cards(&bytes) {
            let (lost, out) = difference(card, &json!({"name": {"full": "Changed"}}));
            assert!(
                lost.iter().all(|name| name == "FN"),
                "{lost:?} {}",
                path.display()
            );
            assert!(out.contains("FN:Changed"));
        }
    }
}

#[test]
fn a_changed_email_keeps_its_group_and_what_json_does_not_show() {
    let text = vcard(
        "3.0",
        &[
            "FN:J",
            "N:J;;;;",
            "item1.EMAIL;TYPE=INTERNET;TYPE=WORK;TYPE=pref;X-A=b:j@example.com",
            "item1.X-ABLabel:Boat",
        ],
    );
    let patch = json!({"emails": {"email1": {"address": "k@example.com", "contexts": {"work": null, "private": true}}}});
    let (_, out) = difference(text.as_bytes(), &patch);
    assert!(out.contains("item1.EMAIL;"), "{out}");
    assert!(out.contains("X-A=b"), "{out}");
    assert!(out.contains("TYPE=INTERNET,pref,HOME"), "{out}");
    assert!(out.contains(":k@example.com\r\n"), "{out}");
}

#[test]
fn a_changed_member_counts_more_than_the_vcard_kept_beside_it() {
    let text = vcard(
        "3.0",
        &[
            "FN:J",
            "N:J;;;;",
            "BDAY:19800322",
            "REV:20240501T102030Z",
            "CATEGORIES:a",
            "CATEGORIES:b",
        ],
    );
    let (lost, out) = difference(
        text.as_bytes(),
        &json!({
            "anniversaries": {"bday1": {"date": {"year": 1981}}},
            "updated": null,
            "keywords": {"c": true},
        }),
    );
    assert_eq!(lost, ["BDAY", "CATEGORIES", "CATEGORIES", "REV"]);
    assert!(out.contains("BDAY:1981-03-22\r\n"), "{out}");
    assert!(out.contains("CATEGORIES:a,b,c\r\n"), "{out}");
    assert!(!out.contains("REV"), "{out}");
}

#[test]
fn what_is_removed_as_json_is_gone_from_the_vcard() {
    let text = vcard(
        "4.0",
        &[
            "FN:J",
            "EMAIL;TYPE=Work;X-A=1:j@example.com",
            "NICKNAME:a,b",
            "TZ:-0500",
        ],
    );
    let (lost, out) = difference(
        text.as_bytes(),
        &json!({"emails": null, "nicknames": {"nickname1": null}, "addresses": null}),
    );
    assert_eq!(lost, ["EMAIL", "NICKNAME", "TZ"]);
    assert!(
        !out.contains("example.com") && out.contains("NICKNAME:b\r\n"),
        "{out}"
    );
}

#[test]
fn a_phone_number_that_is_a_uri_gets_no_escapes_and_one_that_is_not_is_text() {
    let text = vcard(
        "4.0",
        &["FN:J", "TEL;VALUE=uri;X-A=1:tel:+1-418-656-9254;ext=102"],
    );
    let work = json!({"phones": {"tel1": {"contexts": {"work": true}}}});
    let (_, out) = difference(text.as_bytes(), &work);
    let line = "TEL;TYPE=work;VALUE=uri;X-A=1:tel:+1-418-656-9254;ext=102\r\n";
    assert!(out.contains(line), "{out}");
    let plain = json!({"phones": {"tel1": {"number": "+1 418; 102"}}});
    let (_, out) = difference(text.as_bytes(), &plain);
    assert!(out.contains("TEL;X-A=1:+1 418\\; 102\r\n"), "{out}");
}

#[test]
fn a_photo_behind_a_url_that_becomes_data_is_no_uri_any_more() {
    let text = vcard("3.0", &["FN:J", "PHOTO;VALUE=uri:https://example.com/p"]);
    let data = json!({"media": {"photo1": {"uri": "data:image/png;base64,AAAA"}}});
    let (_, out) = difference(text.as_bytes(), &data);
    assert!(out.contains("PHOTO;TYPE=PNG;ENCODING=B:AAAA\r\n"), "{out}");
}

#[test]
fn members_added_to_an_older_vcard_leave_in_a_form_it_knows_and_come_back() {
    for version in ["2.1", "3.0"] {
        let text = vcard(
            version,
            &[
                "N:J;;;;",
                "FN:J",
                "EMAIL;HOME:a@example.com",
                "EMAIL:b@example.com",
                "X-A;X-B=1:c",
            ],
        );
        let patch = json!({
            "kind": "org",
            "relatedTo": {"urn:uuid:2": {"relation": {"friend": true}}},
            "emails": {"email2": {"label": "boat", "example.com:x": 1}},
            "phones": {"p": {"number": "1", "pref": 9}},
        });
        let (lost, out) = difference(text.as_bytes(), &patch);
        assert!(lost.iter().all(|name| name == "EMAIL"), "{lost:?}");
        for later in [
            "\nKIND",
            "\nRELATED",
            ";LABEL",
            ";PREF",
            ";PROP-ID",
            "\nJSPROP",
        ] {
            assert!(!out.contains(later), "{later} in {out}");
        }
        let back = imported(out.as_bytes()).card;
        let back = serde_json::Value::Object(back.as_map().clone());
        assert_eq!(back["kind"], "org");
        assert_eq!(back["relatedTo"], patch["relatedTo"]);
        let email = back["emails"].as_object().unwrap().values();
        let email: Vec<_> = email
            .filter(|email| email["address"] == "b@example.com")
            .collect();
        assert_eq!(
            (&email[0]["label"], &email[0]["example.com:x"]),
            (&json!("boat"), &json!(1))
        );
        assert_eq!(back["phones"]["p"]["pref"], 9, "{out}");
    }
}

#[test]
fn a_vcard_asked_for_in_another_version_is_in_its_form() {
    let text = vcard(
        "3.0",
        &[
            "N:J;;;;",
            "FN:J",
            "BDAY:1980-03-22",
            "TEL;TYPE=Work:1",
            "BDAY:unknown",
        ],
    );
    let out = export(&imported(text.as_bytes()).card, Version::V4_0);
    assert!(out.contains("BDAY:19800322\r\n"), "{out}");
    assert!(out.contains("BDAY:unknown\r\n"), "{out}");
    let text = vcard(
        "4.0",
        &["FN:J", "BDAY:19800322", "TEL;TYPE=Cell:1", "KIND:Org"],
    );
    let out = export(&imported(text.as_bytes()).card, Version::V3_0);
    assert!(out.contains("BDAY:1980-03-22\r\n"), "{out}");
    assert!(!out.contains("\nKIND"), "{out}");
    assert_eq!(imported(out.as_bytes()).card.as_map()["kind"], "org");
}

#[test]
fn a_card_of_one_version_can_leave_as_another() {
    for (_, bytes) in files::all() {
        for card in files::cards(&bytes) {
            for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
                let out = export(&imported(card).card, version);
                assert!(out.starts_with(&format!("BEGIN:VCARD\r\nVERSION:{version}\r\n")));
                assert_eq!(imported(out.as_bytes()).version, version);
            }
        }
    }
}
