//! What lists show, what they are ordered by, and the groups a card is in.

mod common;

use contacts_card::{Card, Summary, group_key, limits};
use serde_json::{Value, json};

fn card(members: Value) -> Card {
    common::parse(&members).expect("the members are valid")
}

#[test]
fn the_name_shown_and_sorted_by_is_the_best_there_is() {
    let components = json!([
        {"kind": "surname", "value": "Lovelace"},
        {"kind": "vendor.example:x", "value": "X"},
        {"kind": "given", "value": "Ada"},
        {"kind": "title", "value": "Dr."},
    ]);
    for (members, shown, sorted) in [
        (json!({}), "", ""),
        (
            json!({"phones": {"p": {"number": "+1 418"}}}),
            "+1 418",
            "+1 418",
        ),
        (
            json!({"phones": {"p": {"number": "+1"}}, "emails": {"e": {"address": "A@b.example"}}}),
            "A@b.example",
            "a@b.example",
        ),
        (
            json!({"emails": {"e": {"address": "a@b"}}, "organizations": {"o": {"name": "ABC"}}}),
            "ABC",
            "abc",
        ),
        (
            json!({"organizations": {"o": {"units": [{"name": "Sales"}]}}}),
            "Sales",
            "sales",
        ),
        (
            json!({"organizations": {"o": {"name": "ABC"}}, "nicknames": {"n": {"name": "Mum"}}}),
            "Mum",
            "mum",
        ),
        (
            json!({"nicknames": {"n": {"name": "Mum"}}, "name": {"components": components}}),
            "Dr. Ada Lovelace X",
            "dr. ada lovelace x",
        ),
        (
            json!({"name": {"components": components, "isOrdered": true, "defaultSeparator": "·"}}),
            "Lovelace·X·Ada·Dr.",
            "lovelace·x·ada·dr.",
        ),
        (
            json!({"name": {"isOrdered": true, "components": [
                {"kind": "surname", "value": "Lovelace"}, {"kind": "separator", "value": ", "}, {"kind": "given", "value": "Ada"},
            ]}}),
            "Lovelace, Ada",
            "lovelace, ada",
        ),
        (
            json!({"name": {"full": "Ada  Éclair", "components": components}}),
            "Ada  Éclair",
            "ada eclair",
        ),
        (
            json!({"name": {"full": "Ada", "components": components, "sortAs": {"given": "Ada", "surname": "Love"}}}),
            "Ada",
            "love ada",
        ),
        (
            json!({"name": {"full": "Ada", "components": components, "sortAs": {"given": " "}}}),
            "Ada",
            "ada",
        ),
        (
            json!({"name": {"full": " "}, "emails": {"e": {"address": "a@b"}}}),
            "a@b",
            "a@b",
        ),
    ] {
        let card = card(members.clone());
        assert_eq!(card.summary().name, shown, "{members}");
        assert_eq!(card.sort_name(), sorted, "{members}");
    }
}

#[test]
fn the_preferred_value_is_shown_else_the_first() {
    let card = card(json!({
        "kind": "org",
        "name": {"full": "x".repeat(1000)},
        "organizations": {"o": {"name": "First"}, "p": {"name": "Second"}},
        "emails": {"a": {"address": "a@x"}, "b": {"address": "b@x", "pref": 9}, "c": {"address": "c@x", "pref": 2}},
        "phones": {"a": {"number": "1"}, "b": {"number": "2"}},
    }));
    let summary = card.summary();
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(
        json,
        json!({"kind": "org", "name": "x".repeat(limits::SUMMARY_CHARS), "organization": "First", "email": "c@x", "phone": "1"})
    );
    assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary);
    assert_eq!(
        serde_json::to_string(&Summary::default()).unwrap(),
        r#"{"name":""}"#
    );
}

#[test]
fn a_sort_name_is_cut_between_characters() {
    let name = card(json!({"name": {"full": "田".repeat(200)}})).sort_name();
    assert_eq!(name, "田".repeat(limits::SORT_NAME_BYTES / 3));
}

#[test]
fn groups_are_the_folded_keywords() {
    let card = card(
        json!({"keywords": {"Café  Friends": true, "CAFE friends": true, " ": true, "b": true}}),
    );
    assert_eq!(
        card.groups().into_iter().collect::<Vec<_>>(),
        ["b", "cafe friends"]
    );
    assert_eq!(group_key("CAFÉ FRIENDS"), "cafe friends");
    assert!(group_key(&"x".repeat(1000)).len() <= limits::GROUP_BYTES);
}
