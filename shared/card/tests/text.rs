//! Reading JSON text: strict where JSON is vague, faithful in all it takes.

use contacts_card::{Card, CardError, limits};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn read(members: &str) -> Result<Card, CardError> {
    Card::from_json(format!(r#"{{"@type":"Card","version":"1.0","uid":"u",{members}}}"#).as_bytes())
}

#[test]
fn a_member_name_twice_is_refused_with_its_pointer() {
    for (members, pointer) in [
        (r#""uid":"v""#, "/uid"),
        (r#""x":{"a":1,"\u0061":1}"#, "/x/a"),
        (r#""x":[0,{"a/b":1,"a/b":1}]"#, "/x/1/a~1b"),
    ] {
        let Err(CardError::Invalid(violations)) = read(members) else {
            panic!("{members}")
        };
        assert_eq!(violations.len(), 1, "{members}");
        assert_eq!(violations[0].pointer, pointer);
    }
    read(r#""x":{"a":1},"y":{"a":1}"#).unwrap();
}

#[test]
fn what_is_not_json_is_refused_with_line_and_column_and_without_content() {
    let texts: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"hush\":\nhush}",
        b"{} x",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\udc00\\ud800\"}",
        b"{\"a\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":01}",
    ];
    for text in texts {
        let Err(CardError::NotJson { message }) = Card::from_json(text) else {
            panic!("{}", String::from_utf8_lossy(text))
        };
        assert!(
            message.contains("line") && message.contains("column") && !message.contains("hush"),
            "{message}"
        );
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_and_what_is_not_is_taken() {
    let nested = |levels: usize| format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    read(&nested(limits::NESTING - 1)).unwrap();
    for levels in [limits::NESTING, 100_000] {
        let Err(CardError::Invalid(violations)) = read(&nested(levels)) else {
            panic!()
        };
        assert_eq!(
            violations[0].pointer,
            format!("/x{}", "/0".repeat(limits::NESTING - 1))
        );
        assert_eq!(violations[0].expected, "nested at most 32 levels deep");
    }
    let mut value = json!(1);
    for _ in 0..limits::NESTING {
        value = json!([value]);
    }
    let card = json!({"@type": "Card", "version": "1.0", "uid": "u", "x": value});
    let Err(CardError::Invalid(violations)) = Card::parse(card) else {
        panic!()
    };
    assert_eq!(
        violations[0].pointer,
        format!("/x{}", "/0".repeat(limits::NESTING - 1))
    );
}

#[test]
fn white_space_does_not_count_against_a_card_but_a_text_has_an_end() {
    let mut text = br#"{"@type":"Card","version":"1.0","uid":"u"}"#.to_vec();
    text.resize(limits::JSON_TEXT_BYTES, b' ');
    Card::from_json(&text).unwrap();
    text.push(b' ');
    assert!(matches!(
        Card::from_json(&text),
        Err(CardError::TooLarge { .. })
    ));
}

#[test]
fn the_name_that_means_a_number_to_the_parser_is_refused_as_a_member() {
    for members in [
        r#""$serde_json::private::Number":"1""#,
        r#""x":{"$serde_json::private::Number":"1"}"#,
        r#""x":{"\u0024serde_json::private::Number":"1","y":2}"#,
    ] {
        let Err(CardError::Invalid(violations)) = read(members) else {
            panic!("{members}")
        };
        assert!(
            violations[0]
                .pointer
                .ends_with("/$serde_json::private::Number"),
            "{violations:?}"
        );
    }
}

#[test]
fn numbers_come_back_with_the_digits_they_were_sent_with() {
    let digits =
        "1,1.0,1.50,-0,-0.0,123456789012345678901234567890,0.1000000000000000055511151231257827";
    let sent = format!(r#""x":[{digits},1e5,1E+05,1E-05]"#);
    // serde_json spells exponents in one way.
    let back = format!(r#""x":[{digits},1e+5,1e+05,1e-05]}}"#);
    assert!(read(&sent).unwrap().to_json().ends_with(&back));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("name".to_owned()),
        Just("full".to_owned()),
        Just("components".to_owned()),
        Just("emails".to_owned()),
        Just("phones".to_owned()),
        Just("number".to_owned()),
        Just("kind".to_owned()),
        Just("value".to_owned()),
        Just("localizations".to_owned()),
        Just("en".to_owned()),
        Just("name/full".to_owned()),
        Just("@type".to_owned()),
        Just("anniversaries".to_owned()),
        Just("date".to_owned()),
        Just("address".to_owned()),
        ".{0,4}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|m| Value::Object(Map::from_iter(m))),
        ]
    })
}

/// A card of random members, most of them wrong or unknown.
fn any_card() -> impl Strategy<Value = Value> {
    any_json().prop_map(|value| {
        let mut card = Map::from_iter([
            ("@type".into(), json!("Card")),
            ("version".into(), json!("1.0")),
        ]);
        if let Value::Object(members) = value {
            card.extend(members);
        }
        Value::Object(card)
    })
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Card::from_json(&bytes);
    }

    #[test]
    fn no_json_makes_parsing_panic_and_what_is_refused_is_refused_at_a_place(card in any_card()) {
        match Card::parse(card) {
            Ok(card) => {
                let _ = (card.summary(), card.sort_name(), card.terms(), card.groups());
            }
            Err(CardError::Invalid(violations)) => prop_assert!(!violations.is_empty()),
            Err(_) => {}
        }
    }

    #[test]
    fn a_card_read_again_is_the_same_byte_for_byte(card in any_card()) {
        if let Ok(once) = Card::parse(card) {
            let again = Card::from_json(once.to_json().as_bytes()).unwrap();
            prop_assert_eq!(again.to_json(), once.to_json());
        }
    }

    #[test]
    fn text_and_value_are_judged_alike(card in any_card()) {
        let mut card = card;
        card.as_object_mut().unwrap().entry("uid").or_insert(json!("u"));
        let text = card.to_string();
        match (Card::from_json(text.as_bytes()), Card::parse(card)) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a.to_json(), b.to_json()),
            (Err(a), Err(b)) => prop_assert_eq!(a, b),
            _ => prop_assert!(false, "{}", text),
        }
    }

    #[test]
    fn a_merge_patch_gives_a_valid_card_with_the_same_uid_or_an_error(
        card in any_card(), patch in any_json(), again in any::<bool>(),
    ) {
        if let Ok(card) = Card::parse(card)
            && let Ok(patched) = card.merge_patch(&patch)
        {
            prop_assert_eq!(patched.uid(), card.uid());
            prop_assert_eq!(&Card::from_json(patched.to_json().as_bytes()).unwrap(), &patched);
            if again {
                prop_assert_eq!(patched.merge_patch(&patch).unwrap().to_json(), patched.to_json());
            }
        }
    }
}
