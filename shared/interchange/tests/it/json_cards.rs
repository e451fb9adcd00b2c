//! Cards that were written as JSON and never were a vCard.

use contacts_card::Card;
use contacts_interchange::{Version, export, import, split};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{assert_same, imported};

fn card() -> Value {
    json!({
        "@type": "Card",
        "version": "1.0",
        "uid": "urn:uuid:8f0d3b2a-0000-4000-8000-000000000009",
        "kind": "individual",
        "language": "en",
        "created": "2024-01-02T03:04:05Z",
        "name": {
            "isOrdered": true,
            "components": [
                {"kind": "given", "value": "Vincent"},
                {"kind": "surname", "value": "van Gogh"}
            ]
        },
        "organizations": {"o1": {"name": "Studio; South", "units": [{"name": "Yellow, House"}]}},
        "titles": {"t1": {"name": "Painter", "kind": "title"}},
        "emails": {
            "e1": {"address": "v@example.com", "contexts": {"work": true}, "pref": 1,
                   "example.com:verified": true}
        },
        "phones": {"p1": {"number": "+31 20 570 5200", "features": {"mobile": true}}},
        "addresses": {"a1": {"contexts": {"private": true}, "components": [
            {"kind": "number", "value": "2"}, {"kind": "name", "value": "Place Lamartine"},
            {"kind": "locality", "value": "Arles"}, {"kind": "country", "value": "France"}
        ]}},
        "anniversaries": {"b1": {"kind": "birth", "date": {"year": 1853, "month": 3, "day": 30}}},
        "keywords": {"art": true, "yellow, mostly": true},
        "notes": {"n1": {"note": "line one\nline two; \\ and, more"}},
        "media": {"m1": {"kind": "photo", "uri": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}},
        "links": {"l1": {"uri": "https://example.com/?a=1,2;b"}},
        "example.com:custom": {"deep": [1, 2.50, {"x": null}], "text": "a\nb;c"}
    })
}

fn without_marks(card: &Card) -> Value {
    let mut map = card.as_map().clone();
    map.remove("vCardProps");
    let mut value = Value::Object(map);
    strip(&mut value);
    value
}

/// Removes what import leaves beside members, and types that may be left out. Components that are
/// not ordered, which they are not by default, may come in any order (RFC 9553, 2.2.1).
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("vCardParams");
            if map.get("@type").is_some_and(|t| t != "Card") {
                map.remove("@type");
            }
            map.values_mut().for_each(strip);
            if map.get("isOrdered") != Some(&Value::Bool(true))
                && let Some(Value::Array(components)) = map.get_mut("components")
            {
                components.sort_by_key(ToString::to_string);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn a_card_leaves_as_4_0_and_comes_back_whole() {
    let sent = Card::parse(card()).unwrap();
    let text = export(&sent, Version::V4_0);
    assert!(text.contains("JSPROP"), "{text}");
    assert!(text.contains("PROP-ID=e1"), "{text}");
    let back = imported(text.as_bytes()).card;
    let (got, want) = (without_marks(&back), without_marks(&sent));
    assert_eq!(got, want, "{text}");
    assert_eq!(export(&back, Version::V4_0).len(), text.len());
}

#[test]
fn a_card_leaves_as_older_versions_with_what_they_have() {
    let sent = Card::parse(card()).unwrap();
    for version in [Version::V2_1, Version::V3_0] {
        let text = export(&sent, version);
        for word in [
            ";PROP-ID",
            "JSCOMPS",
            "\nJSPROP",
            "DERIVED",
            "\nKIND",
            "\nCREATED",
        ] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        let back = without_marks(&imported(text.as_bytes()).card);
        let map = back.as_object().unwrap();
        assert_eq!(map["emails"]["e1"], without_marks(&sent)["emails"]["e1"]);
        assert_eq!(map["kind"], "individual");
        assert_eq!(map["example.com:custom"], card()["example.com:custom"]);
        assert_eq!(map["name"]["full"], "Vincent van Gogh");
        assert_eq!(map["name"]["components"], card()["name"]["components"]);
        assert_eq!(map["keywords"]["yellow, mostly"], true);
        assert_eq!(map["notes"]["note1"]["note"], card()["notes"]["n1"]["note"]);
        assert_eq!(map["media"]["photo1"]["uri"], card()["media"]["m1"]["uri"]);
        assert_eq!(map["anniversaries"]["bday1"]["date"]["year"], 1853);
        assert_eq!(map["organizations"]["org1"]["name"], "Studio; South");
    }
}

#[test]
fn json_cannot_smuggle_lines_into_a_vcard() {
    let evil = "x\r\nEND:VCARD\r\nBEGIN:VCARD\r\nX-EVIL:1\r\n";
    let agent = "BEGIN:VCARD\\nEND:VCARD\\nEND:VCARD\\nX-EVIL:1";
    let mut value = card();
    value["notes"]["n1"]["note"] = evil.into();
    value["emails"]["e1"]["vCardParams"] = json!({"group": evil, evil: "1", "x-a": evil});
    value["vCardProps"] = json!([
        [evil, {}, "text", "1"],
        ["x-a", {evil: "1", "group": evil, "x-b": evil}, "unknown", evil],
        ["x-c", {"encoding": "quoted-printable"}, "unknown", evil],
        ["x-d", {"encoding": "b"}, "unknown", evil],
        ["agent", {}, "unknown", agent]
    ]);
    let card = Card::parse(value).unwrap();
    for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
        let text = export(&card, version);
        assert_eq!(split(text.as_bytes()).unwrap().len(), 1);
        assert!(!text.contains("\nX-EVIL"), "{text}");
        assert_eq!(text.matches("\nEND:VCARD").count(), 1, "{text}");
    }
}

#[test]
fn properties_that_other_programs_keep_in_jcard_form_are_exported() {
    let mut value = card();
    value["vCardProps"] = json!([
        ["x-text", {"group": "item1", "x-a": ["1", "2"]}, "text", "a,b\nc"],
        ["x-list", {}, "integer", 1, 2],
        ["x-parts", {}, "text", ["a;b", ["c", "d"], ""]],
        ["x-raw", {}, "unknown", "a\\,b;c"]
    ]);
    let text = export(&Card::parse(value).unwrap(), Version::V4_0);
    for line in [
        "item1.X-TEXT;X-A=1,2;VALUE=text:a\\,b\\nc\r\n",
        "X-LIST;VALUE=integer:1,2\r\n",
        "X-PARTS;VALUE=text:a\\;b;c,d;\r\n",
        "X-RAW:a\\,b;c\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// A card with one member leaves as this version and comes back with it; gives the vCard, unfolded.
fn comes_back_as(version: Version, name: &str, member: Value) -> String {
    let mut value =
        json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:1", "name": {"full": "J"}});
    value["kind"] = "group".into();
    value[name] = member;
    let sent = Card::parse(value).unwrap();
    let text = export(&sent, version);
    let back = imported(text.as_bytes()).card;
    assert_eq!(without_marks(&back), without_marks(&sent), "{text}");
    text.replace("\r\n ", "")
}

fn comes_back(name: &str, member: Value) -> String {
    comes_back_as(Version::V4_0, name, member)
}

#[test]
fn members_that_older_versions_lack_come_back_from_them() {
    let members = json!({
        "kind": "group",
        "language": "de",
        "created": "2020-01-01T00:00:00Z",
        "relatedTo": {"urn:uuid:2": {"relation": {"friend": true}}, "Bob, \u{e4}": {"relation": {}}},
        "members": {"urn:uuid:3": true},
        "speakToAs": {"grammaticalGender": "neuter", "pronouns": {"p": {"pronouns": "they"}}},
        "preferredLanguages": {"l": {"language": "fr", "pref": 3}},
        "onlineServices": {"s": {"uri": "https://x.example/a", "service": "X"}, "t": {"user": "b"}},
        "personalInfo": {"h": {"kind": "hobby", "value": "chess", "level": "high"}},
        "anniversaries": {
            "b": {"kind": "birth", "date": {"month": 3, "day": 4}, "place": {"full": "Ulm; x"}},
            "w": {"kind": "wedding", "date": {"year": 2001, "month": 2, "day": 3}}
        },
        "addresses": {"a": {
            "full": "1 Way\nUlm", "countryCode": "DE", "timeZone": "Europe/Berlin", "pref": 4,
            "components": [{"kind": "locality", "value": "Ulm"}, {"kind": "floor", "value": "2"}]
        }},
        "example.com:a/b~c": ["x", 1]
    });
    for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
        for (name, member) in members.as_object().unwrap() {
            comes_back_as(version, name, member.clone());
        }
    }
}

#[test]
fn what_is_in_a_list_of_a_member_comes_back() {
    for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
        let units = json!([{"name": "a", "sortAs": "b"}, {"name": "c", "x.example:y": 1}]);
        comes_back_as(
            version,
            "organizations",
            json!({"o": {"name": "n", "units": units}}),
        );
        let components = json!([
            {"kind": "surname", "value": "S", "phonetic": "s"},
            {"kind": "given", "value": "G", "phonetic": "g"},
        ]);
        comes_back_as(
            version,
            "name",
            json!({"full": "G S", "components": components, "phoneticSystem": "ipa"}),
        );
    }
}

#[test]
fn a_card_of_many_objects_with_members_of_vendors_comes_back() {
    let many = |make: fn(usize) -> Value| -> Value {
        (0..600)
            .map(|n| (format!("k{n}"), make(n)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let emails = many(|n| json!({"address": "j@example.com", "x.example:n": n}));
    let mut value = json!({
        "@type": "Card", "version": "1.0", "uid": "urn:uuid:1", "name": {"full": "J"},
        "phones": many(|n| json!({"number": "1", "x.example:n": n})),
        "notes": many(|n| json!({"note": n.to_string()})),
        "addresses": many(|_| json!({"components": [{"kind": "locality", "value": "Ulm"}]})),
        "emails": emails,
    });
    for n in 0..1500 {
        value[format!("x.example:{n}")] = n.into();
    }
    let sent = Card::parse(value).unwrap();
    for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
        let text = export(&sent, version);
        let back = without_marks(&imported(text.as_bytes()).card);
        let addresses = back["addresses"].as_object().unwrap().values();
        assert_eq!(
            addresses
                .filter(|a| a["components"][0]["value"] == "Ulm")
                .count(),
            600
        );
        for name in ["emails", "phones", "x.example:1499"] {
            assert_eq!(back[name], without_marks(&sent)[name], "{name} {version}");
        }
    }
}

#[test]
fn times_come_back_with_their_fractions() {
    for time in ["2020-01-01T00:00:00.120Z", "2020-01-01T00:00:00Z"] {
        for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
            comes_back_as(version, "created", time.into());
            comes_back_as(version, "updated", time.into());
            comes_back_as(
                version,
                "notes",
                json!({"n": {"note": "x", "created": time}}),
            );
        }
    }
}

#[test]
fn an_online_service_of_an_empty_user_comes_back() {
    for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
        for service in [
            json!({"service": "Skype", "user": ""}),
            json!({"label": "x", "user": "", "vCardName": "impp"}),
        ] {
            comes_back_as(
                version,
                "onlineServices",
                json!({"s": service, "t": {"user": "b"}}),
            );
        }
    }
}

#[test]
fn an_organization_of_units_alone_does_not_take_the_first_for_its_name() {
    let text = comes_back(
        "organizations",
        json!({"o": {"units": [{"name": "Sales"}]}}),
    );
    assert!(text.contains("ORG;PROP-ID=o:;Sales\r\n"), "{text}");
}

#[test]
fn a_note_comes_back_with_the_time_it_was_written() {
    let note = json!({"n": {"note": "x", "created": "2020-01-01T00:00:00Z"}});
    let text = comes_back("notes", note);
    assert!(text.contains(";CREATED=20200101T000000Z"), "{text}");
}

#[test]
fn an_online_service_without_a_uri_comes_back() {
    for user in ["joe", "joe, b; \\c", "a\nb"] {
        let service = json!({"s": {"service": "Skype", "user": user}});
        let text = comes_back("onlineServices", service);
        assert!(text.contains("VALUE=text"), "{text}");
        comes_back(
            "onlineServices",
            json!({"s": {"user": user, "pref": 1, "vCardName": "impp"}}),
        );
    }
    let both = json!({"s": {"service": "Skype", "user": "joe", "uri": "skype:joe"}});
    let text = comes_back("onlineServices", both);
    assert!(!text.contains("VALUE="), "{text}");
}

#[test]
fn a_relation_to_a_name_is_text_and_one_to_a_uri_is_not() {
    let related = json!({
        "Bob, Jr": {"relation": {"friend": true}},
        "urn:uuid:2": {"relation": {"friend": true}}
    });
    let text = comes_back("relatedTo", related);
    assert!(
        text.contains("RELATED;TYPE=friend;VALUE=text:Bob\\, Jr\r\n"),
        "{text}"
    );
    assert!(
        text.contains("RELATED;TYPE=friend:urn:uuid:2\r\n"),
        "{text}"
    );
}

#[test]
fn localizations_come_back_and_make_no_second_title() {
    let mut value = card();
    value["localizations"] = json!({"fr": {"titles/t1/name": "Peintre", "name/full": "V"}});
    let sent = Card::parse(value).unwrap();
    let text = export(&sent, Version::V4_0);
    let back = imported(text.as_bytes()).card;
    assert_eq!(without_marks(&back), without_marks(&sent), "{text}");
    let text = export(&sent, Version::V3_0);
    assert_eq!(text.matches("TITLE").count(), 1, "{text}");
}

#[test]
fn media_behind_a_url_say_so_in_older_versions() {
    let mut value = card();
    value["media"] = json!({"m1": {"kind": "photo", "uri": "https://example.com/p.png"}});
    value["cryptoKeys"] = json!({"k1": {"uri": "https://example.com/k"}});
    let sent = Card::parse(value).unwrap();
    for (version, kind) in [(Version::V2_1, "URL"), (Version::V3_0, "uri")] {
        let text = export(&sent, version);
        for name in ["PHOTO", "KEY"] {
            let line = format!("{name};VALUE={kind}:https://example.com/");
            assert!(text.contains(&line), "{line} in {text}");
        }
        let back = imported(text.as_bytes()).card;
        assert_eq!(
            back.as_map()["media"]["photo1"]["uri"],
            "https://example.com/p.png"
        );
    }
    assert!(!export(&sent, Version::V4_0).contains("VALUE="));
}

/// A member that is valid on its own, with something odd in it.
fn member() -> impl Strategy<Value = (String, Value)> {
    let text = "[ -~äß\r\n\u{0}\\\\]{0,12}";
    let vendor = (text, any::<bool>(), any::<f64>())
        .prop_map(|(a, b, c)| json!([a, b, c, {"x": {a.clone(): null}}]));
    let named = |of: &'static str, make: fn(String) -> Value| {
        (text, "[A-Za-z0-9_-]{1,4}", vendor.clone()).prop_map(move |(text, key, vendor)| {
            let mut object = make(text);
            object["example.com:odd"] = vendor;
            (of.to_owned(), json!({key: object}))
        })
    };
    let kinds = "(surname|given|given2|title|credential|generation|surname2|separator|name|number|locality|odd)";
    let components = proptest::collection::vec((kinds, text), 1..9);
    prop_oneof![
        named("emails", |t| json!({"address": format!("{}@example.com", t.len()), "label": t})),
        named("phones", |t| json!({"number": t, "contexts": {"odd": true}, "features": {"mobile": true}})),
        named("notes", |t| json!({"note": t, "created": "2024-01-01T00:00:00Z", "author": {"name": t}})),
        named("titles", |t| json!({"name": t, "kind": "odd", "organizationId": "none"})),
        named("organizations", |t| json!({"name": t, "units": [{"name": t, "sortAs": "x"}], "sortAs": t})),
        named("nicknames", |t| json!({"name": t, "pref": 7})),
        named("onlineServices", |t| json!({"user": t, "service": t, "vCardName": "impp"})),
        named("media", |t| json!({"kind": "photo", "uri": "data:;base64,!!", "label": t})),
        named("cryptoKeys", |t| json!({"uri": format!("data:text/plain,{}", t.len()), "vCardParams": {t.len().to_string(): t, "group": t, "type": [t]}})),
        named("anniversaries", |t| json!({"kind": "birth", "date": {"@type": "PartialDate", "year": 9999, "calendarScale": t.len().to_string()}, "place": {"full": t}})),
        named("personalInfo", |t| json!({"kind": "hobby", "value": t, "level": "odd", "listAs": 9})),
        named("addresses", |t| json!({"timeZone": "Europe/Paris", "coordinates": "geo:1,2", "full": t})),
        named("addresses", |_| json!({"timeZone": "Europe/Paris"})),
        named("relatedTo", |t| json!({"relation": {format!("x{t}"): true}})),
        (text, vendor.clone()).prop_map(|(t, v)| (format!("example.com:{}", t.replace(['\r', '\n', '"'], "")), v)),
        text.prop_map(|t| ("keywords".to_owned(), json!({format!("x{t}"): true}))),
        text.prop_map(|t| ("speakToAs".to_owned(), json!({"grammaticalGender": "odd", "pronouns": {"a": {"pronouns": t}}}))),
        text.prop_map(|t| ("vCardProps".to_owned(), json!([[format!("x-{t}"), {"group": t, t.clone(): t}, "text", t, [t, [t]]], ["version", {}, "unknown", "3.0"], ["email", {"jscontact:pointer": ["uid", "emails", t]}, "unknown", t]]))),
        (components.clone(), any::<bool>()).prop_map(|(list, ordered)| {
            let list: Vec<_> = list.into_iter().map(|(kind, value)| json!({"kind": kind, "value": value, "phonetic": "p"})).collect();
            ("name".to_owned(), json!({"components": list, "isOrdered": ordered}))
        }),
        (components, any::<bool>()).prop_map(|(list, ordered)| {
            let list: Vec<_> = list.into_iter().map(|(kind, value)| json!({"kind": kind, "value": value})).collect();
            ("addresses".to_owned(), json!({"a1": {"components": list, "isOrdered": ordered}}))
        }),
        ("(name/full|name|name/components/[0-9]{1,2}/(value|phonetic|kind)|titles/t1/name|addresses/a1/components/[0-9]{1,2}/value|emails/e1|notes|uid|example.com:x)", text)
            .prop_map(|(pointer, text)| ("localizations".to_owned(), json!({"fr": {pointer: text}}))),
    ]
}

/// Whether all that was sent is there; what a vCard says besides may be, too.
fn contains(got: &Value, sent: &Value) -> bool {
    match (got, sent) {
        (Value::Object(got), Value::Object(sent)) => sent
            .iter()
            .all(|(name, sent)| got.get(name).is_some_and(|got| contains(got, sent))),
        (got, sent) => got == sent,
    }
}

/// The same, where the keys of objects may be other ones.
fn contains_values(got: &Value, sent: &Value) -> bool {
    let (Some(members), Some(others)) = (sent.as_object(), got.as_object()) else {
        return false;
    };
    members.iter().all(|(name, sent)| {
        let Some(got) = others.get(name) else {
            return false;
        };
        let keyed = sent
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_object));
        match (sent.as_object(), got.as_object()) {
            (Some(sent), Some(got)) if keyed => sent
                .values()
                .all(|sent| got.values().any(|got| contains(got, sent))),
            _ => contains(got, sent) || name == "speakToAs" && contains_values(got, sent),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_card_can_leave_and_is_a_vcard_then(members in proptest::collection::vec(member(), 0..8)) {
        let mut value = json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:0"});
        for (name, member) in members {
            let mut with = value.clone();
            with[name] = member;
            if Card::parse(with.clone()).is_ok() {
                value = with;
            }
        }
        let card = Card::parse(value).unwrap();
        for version in [Version::V2_1, Version::V3_0, Version::V4_0] {
            let text = export(&card, version);
            let back = import(text.as_bytes(), "urn:uuid:1").unwrap();
            assert_same(text.as_bytes(), export(&back.card, version).as_bytes());
            if !card.as_map().contains_key("vCardProps") {
                let (back, sent) = (without_marks(&back.card), without_marks(&card));
                let whole = match version {
                    Version::V4_0 => contains(&back, &sent),
                    _ => contains_values(&back, &sent),
                };
                prop_assert!(whole, "{text}\n{back:#}\n{sent:#}");
            }
        }
    }
}
