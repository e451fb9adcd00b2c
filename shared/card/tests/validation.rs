//! What is refused, where, and what the refusal says.

mod common;

use contacts_card::{Card, CardError, Violation, limits};
use serde_json::{Value, json};

fn full_card() -> Value {
    serde_json::from_str(include_str!("full-card.json")).expect("it is JSON")
}

/// The violations of a card with `members` added to the least there must be.
fn violations(members: Value) -> Vec<(String, String)> {
    match common::parse(&members) {
        Ok(_) => Vec::new(),
        Err(CardError::Invalid(violations)) => violations
            .into_iter()
            .map(|Violation { pointer, expected }| (pointer, expected))
            .collect(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_card_with_all_there_is_is_taken_and_given_back_byte_for_byte() {
    let text = include_str!("full-card.json");
    let card = Card::from_json(text.as_bytes()).unwrap();
    let compact = serde_json::to_string(&full_card()).unwrap();
    assert_eq!(card.to_json(), compact);
    assert!(
        compact.contains("1.50") && compact.contains("1e+2"),
        "numbers keep their digits"
    );
    assert_eq!(card.uid(), "urn:uuid:22b2c7df-9120-4969-8460-05956fe6b065");
}

#[test]
fn a_missing_uid_is_added_as_the_last_member_and_nothing_else_changes() {
    let card = Card::parse(json!({"version": "1.0", "@type": "Card", "z": 1, "a": 2})).unwrap();
    let uid = card.uid().strip_prefix("urn:uuid:").unwrap();
    assert_eq!(uuid::Uuid::parse_str(uid).unwrap().get_version_num(), 4);
    assert_eq!(
        card.as_map().keys().collect::<Vec<_>>(),
        ["version", "@type", "z", "a", "uid"]
    );

    let given = Card::with_uid(json!({"version": "1.0", "@type": "Card"}), || {
        "urn:example:7".into()
    })
    .unwrap();
    assert_eq!(given.uid(), "urn:example:7");
    let kept = Card::with_uid(
        json!({"version": "1.0", "@type": "Card", "uid": "mine"}),
        || "other".into(),
    )
    .unwrap();
    assert_eq!(kept.uid(), "mine");
    let text = br#"{"version":"1.0","@type":"Card"}"#;
    let read = Card::from_json_with_uid(text, || "urn:example:7".into()).unwrap();
    assert_eq!(read, given);
}

#[test]
fn a_bad_value_is_named_by_its_pointer_and_by_what_it_should_be() {
    let long = "x".repeat(limits::TEXT_BYTES + 1);
    for (members, pointer, expected) in [
        (json!({"@type": "card"}), "/@type", "\"Card\""),
        (json!({"version": "2.0"}), "/version", "\"1.0\""),
        (json!({"uid": ""}), "/uid", "not empty"),
        (json!({"uid": null}), "/uid", "not empty"),
        (
            json!({"uid": "x".repeat(limits::UID_BYTES + 1)}),
            "/uid",
            "at most 1024 bytes",
        ),
        (json!({"kind": 1}), "/kind", "a string"),
        (
            json!({"created": "2024-02-30T00:00:00Z"}),
            "/created",
            "a time in UTC",
        ),
        (
            json!({"created": "2023-02-29T00:00:00Z"}),
            "/created",
            "a time in UTC",
        ),
        (
            json!({"created": "2024-01-01T00:00:00+01:00"}),
            "/created",
            "a time in UTC",
        ),
        (
            json!({"created": "2024-01-01T24:00:00Z"}),
            "/created",
            "a time in UTC",
        ),
        (
            json!({"updated": "2024-01-01t00:00:00z"}),
            "/updated",
            "a time in UTC",
        ),
        (
            json!({"updated": "２024-01-01T00:00:00Z"}),
            "/updated",
            "a time in UTC",
        ),
        (json!({"language": "e"}), "/language", "a language tag"),
        (json!({"language": "en_US"}), "/language", "a language tag"),
        (json!({"members": {"a": true}}), "/members", "\"group\""),
        (json!({"keywords": {"a": false}}), "/keywords/a", "true"),
        (json!({"keywords": {"": true}}), "/keywords/", "not empty"),
        (
            json!({"keywords": ["a"]}),
            "/keywords",
            "an object whose values are all true",
        ),
        (json!({"name": "Ada"}), "/name", "an object: Name"),
        (
            json!({"name": {}}),
            "/name",
            "at least one of \"components\", \"full\"",
        ),
        (
            json!({"name": {"components": []}}),
            "/name/components",
            "an array of 1 to",
        ),
        (
            json!({"name": {"components": [{"kind": "given", "value": "a"}], "defaultSeparator": ","}}),
            "/name/defaultSeparator",
            "\"isOrdered\": true",
        ),
        (
            json!({"name": {"full": "a", "sortAs": {"given": "a"}}}),
            "/name/sortAs",
            "\"components\"",
        ),
        (
            json!({"name": {"isOrdered": true, "components": [{"kind": "separator", "value": "a"}]}}),
            "/name/components",
            "no separator",
        ),
        (
            json!({"name": {"components": [{"kind": "given", "value": "a"}, {"kind": "separator", "value": "a"}]}}),
            "/name/components/1",
            "no separator, unless",
        ),
        (
            json!({"name": {"components": [{"kind": "given", "value": "a", "phonetic": "a"}]}}),
            "/name/components/0/phonetic",
            "phoneticScript",
        ),
        (
            json!({"nicknames": {"a b": {"name": "x"}}}),
            "/nicknames/a b",
            "an id",
        ),
        (
            json!({"nicknames": {"a/~": {"name": "x"}}}),
            "/nicknames/a~1~0",
            "an id",
        ),
        (
            json!({"nicknames": {"n": {"name": long}}}),
            "/nicknames/n/name",
            "at most 65536 bytes",
        ),
        (
            json!({"nicknames": {"n": {"name": "x", "pref": 0}}}),
            "/nicknames/n/pref",
            "an integer from 1 to 100",
        ),
        (
            json!({"nicknames": {"n": {"name": "x", "pref": 101}}}),
            "/nicknames/n/pref",
            "an integer from 1 to 100",
        ),
        (
            json!({"nicknames": {"n": {"name": "x", "pref": "1"}}}),
            "/nicknames/n/pref",
            "an integer from 1 to 100",
        ),
        (
            json!({"nicknames": {"n": {"@type": "Name", "name": "x"}}}),
            "/nicknames/n/@type",
            "\"Nickname\"",
        ),
        (
            json!({"organizations": {"o": {}}}),
            "/organizations/o",
            "\"name\", \"units\"",
        ),
        (
            json!({"speakToAs": {"@type": "SpeakToAs"}}),
            "/speakToAs",
            "\"grammaticalGender\"",
        ),
        (
            json!({"titles": {"t": {"name": "x", "organizationId": "o 1"}}}),
            "/titles/t/organizationId",
            "an id",
        ),
        (
            json!({"emails": {"e": {"address": "nobody"}}}),
            "/emails/e/address",
            "an e-mail address",
        ),
        (
            json!({"emails": {"e": {"address": "a b@example.com"}}}),
            "/emails/e/address",
            "an e-mail address",
        ),
        (
            json!({"onlineServices": {"s": {"service": "x"}}}),
            "/onlineServices/s",
            "\"uri\", \"user\"",
        ),
        (
            json!({"links": {"l": {"uri": "www.example.com"}}}),
            "/links/l/uri",
            "a URI",
        ),
        (
            json!({"links": {"l": {"uri": "https://example.com/a b"}}}),
            "/links/l/uri",
            "a URI",
        ),
        (
            json!({"media": {"m": {"uri": "a:b"}}}),
            "/media/m/kind",
            "a string",
        ),
        (
            json!({"media": {"m": {"uri": "a:b", "kind": "photo", "mediaType": "png"}}}),
            "/media/m/mediaType",
            "a media type",
        ),
        (
            json!({"addresses": {"a": {}}}),
            "/addresses/a",
            "\"timeZone\"",
        ),
        (
            json!({"addresses": {"a": {"countryCode": "USA"}}}),
            "/addresses/a/countryCode",
            "two letters",
        ),
        (
            json!({"addresses": {"a": {"coordinates": "1,2"}}}),
            "/addresses/a/coordinates",
            "a geo: URI",
        ),
        (
            json!({"addresses": {"a": {"timeZone": "-05:00"}}}),
            "/addresses/a/timeZone",
            "an IANA time zone",
        ),
        (
            json!({"anniversaries": {"a": {"kind": "birth", "date": {"month": 13, "year": 1}}}}),
            "/anniversaries/a/date/month",
            "an integer from 1 to 12",
        ),
        (
            json!({"anniversaries": {"a": {"kind": "birth", "date": {"year": 1, "day": 3}}}}),
            "/anniversaries/a/date/day",
            "\"month\"",
        ),
        (
            json!({"anniversaries": {"a": {"kind": "birth", "date": {"month": 4}}}}),
            "/anniversaries/a/date/month",
            "\"year\" or \"day\"",
        ),
        (
            json!({"anniversaries": {"a": {"kind": "birth", "date": "1953"}}}),
            "/anniversaries/a/date",
            "PartialDate",
        ),
        (
            json!({"anniversaries": {"a": {"kind": "birth", "date": {"@type": "Timestamp"}}}}),
            "/anniversaries/a/date/utc",
            "a time in UTC",
        ),
        (
            json!({"vCardProps": [["x", {}, "text"]]}),
            "/vCardProps/0",
            "a jCard property",
        ),
        (
            json!({"name": {"full": "a", "vCardParams": {"p": 1}}}),
            "/name/vCardParams/p",
            "a string or an array",
        ),
    ] {
        let found = violations(members.clone());
        assert!(
            found
                .iter()
                .any(|(p, e)| p == pointer && e.contains(expected)),
            "{members} should be refused at {pointer} for {expected}, not {found:?}"
        );
    }
}

#[test]
fn what_a_registry_or_a_vendor_may_add_is_kept() {
    for members in [
        json!({"kind": "vendor.example:starship"}),
        json!({"example.com:x": {"@type": 1, "pref": 1000}}),
        json!({"unknown": [null]}),
        json!({"nicknames": {"n": {"name": "", "contexts": {"vendor.example:gym": true}, "more": 1}}}),
        json!({"anniversaries": {"a": {"kind": "vendor.example:first-day", "date": {"utc": "2020-01-01T00:00:00Z"}}}}),
        json!({"phones": {"p": {"number": "ask my mother", "features": {"pigeon": true}}}}),
        json!({"emails": {"e": {"address": "\"two words\"@example.com"}, "f": {"address": "ж@пример.рф"}}}),
        json!({"language": "x-klingon"}),
        json!({"language": "zh-Hant-TW"}),
        json!({"anniversaries": {"a": {"kind": "wedding", "date": {"month": 2, "day": 30}}}}),
    ] {
        assert_eq!(violations(members.clone()), [], "{members}");
    }
}

#[test]
fn all_violations_are_reported_at_once_up_to_a_limit_and_without_the_bad_values() {
    let found = violations(json!({
        "kind": 5, "name": {"full": 5}, "emails": {"e": {"address": "hush-hush", "pref": 7777}},
    }));
    let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/kind", "/name/full", "/emails/e/address", "/emails/e/pref"]
    );
    let error =
        Card::parse(json!({"emails": {"e": {"address": "hush-hush", "pref": 7777}}})).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(!said.contains("hush") && !said.contains("7777"), "{said}");

    let keywords: serde_json::Map<_, _> = (0..200).map(|n| (n.to_string(), json!(1))).collect();
    assert_eq!(
        violations(json!({ "keywords": keywords })).len(),
        limits::VIOLATIONS
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for value in [json!(null), json!([]), json!("x"), json!(1)] {
        let Err(CardError::Invalid(violations)) = Card::parse(value) else {
            panic!()
        };
        assert_eq!(violations[0].pointer, "");
    }
}

#[test]
fn a_card_above_a_limit_is_refused_with_the_limits_name() {
    let note = |n: usize| {
        let notes: serde_json::Map<_, _> = (0..n)
            .map(|i| (i.to_string(), json!({"note": "x".repeat(60_000)})))
            .collect();
        json!({"@type": "Card", "version": "1.0", "uid": "u", "notes": notes})
    };
    Card::parse(note(4)).unwrap();
    let Err(CardError::TooLarge { limit, max, actual }) = Card::parse(note(5)) else {
        panic!()
    };
    assert_eq!((limit, max), ("bytes of JSON", limits::CARD_JSON_BYTES));
    assert!(actual > max);

    let name = (0..=limits::TERMS)
        .map(|n| format!("word{n}"))
        .collect::<Vec<_>>()
        .join(" ");
    let card = json!({"@type": "Card", "version": "1.0", "uid": "u", "name": {"full": name}});
    let Err(CardError::TooLarge { limit, .. }) = Card::parse(card) else {
        panic!()
    };
    assert_eq!(limit, "words to be found by");

    let keywords: serde_json::Map<_, _> = (0..=limits::ENTRIES)
        .map(|n| (n.to_string(), json!(true)))
        .collect();
    assert_eq!(
        violations(json!({ "keywords": keywords })),
        [("/keywords".into(), "at most 1000 entries".into())]
    );
}

#[test]
fn a_card_prints_none_of_its_values() {
    let card = Card::parse(full_card()).unwrap();
    assert_eq!(format!("{card:?}"), "Card { .. }");
}
