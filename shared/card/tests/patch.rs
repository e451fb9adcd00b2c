//! JSON Merge Patch on cards.

use contacts_card::{Card, CardError};
use serde_json::json;

fn card() -> Card {
    Card::parse(json!({
        "@type": "Card", "version": "1.0", "uid": "u", "name": {"full": "Ada"},
        "emails": {"e1": {"address": "ada@example.com", "pref": 1}, "e2": {"address": "l@example.com"}},
    }))
    .expect("it is valid")
}

#[test]
fn null_removes_a_member_objects_are_merged_and_all_else_is_replaced() {
    let patched = card()
        .merge_patch(&json!({
            "name": {"full": "Ada L."},
            "emails": {"e1": {"pref": null}, "e2": null, "e3": {"address": "n@example.com"}},
            "keywords": {"x": true},
        }))
        .unwrap();
    assert_eq!(
        patched.to_json(),
        r#"{"@type":"Card","version":"1.0","uid":"u","name":{"full":"Ada L."},"emails":{"e1":{"address":"ada@example.com"},"e3":{"address":"n@example.com"}},"keywords":{"x":true}}"#
    );
}

#[test]
fn an_empty_patch_changes_nothing() {
    assert_eq!(
        card().merge_patch(&json!({})).unwrap().to_json(),
        card().to_json()
    );
}

#[test]
fn the_uid_cannot_be_changed_or_removed() {
    for patch in [
        json!({"uid": null}),
        json!({"uid": "v"}),
        json!({"uid": 1}),
        json!({"uid": {}}),
    ] {
        assert_eq!(card().merge_patch(&patch), Err(CardError::UidChanged));
    }
    card()
        .merge_patch(&json!({"uid": "u", "kind": "org"}))
        .unwrap();
}

#[test]
fn a_patch_that_is_no_object_or_breaks_the_card_is_refused_at_its_place() {
    for (patch, pointer) in [
        (json!([]), ""),
        (json!(null), ""),
        (json!({"@type": null}), "/@type"),
        (
            json!({"emails": {"e1": {"address": null}}}),
            "/emails/e1/address",
        ),
        (json!({"emails": {"e1": {"pref": 0}}}), "/emails/e1/pref"),
    ] {
        let Err(CardError::Invalid(violations)) = card().merge_patch(&patch) else {
            panic!("{patch}")
        };
        assert_eq!(violations[0].pointer, pointer);
    }
}
