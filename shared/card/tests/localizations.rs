//! Localizations: what may stand in them.

mod common;

use contacts_card::{CardError, Violation};
use serde_json::{Value, json};

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
fn localizations_must_apply_to_the_card_and_put_valid_values_there() {
    let card = |patches: Value| {
        json!({
            "name": {"full": "a"},
            "titles": {"t1": {"name": "x"}},
            "emails": {"e": {"address": "a@b.example"}},
            "localizations": {"fr": patches},
        })
    };
    for valid in [
        json!({}),
        json!({"name/full": "é"}),
        json!({"titles/t1/name": "y", "titles/t1/vendor~1x": [1]}),
        json!({"nicknames": {"n": {"name": "y"}}, "titles/t2": {"name": "y"}, "notes": null}),
        json!({"titles/t1/kind": null}),
    ] {
        assert_eq!(violations(card(valid.clone())), [], "{valid}");
    }
    for (patches, pointer, expected) in [
        (json!([]), "/localizations/fr", "an object of patches"),
        (
            json!({"name/full": 1}),
            "/localizations/fr/name~1full",
            "a string",
        ),
        (
            json!({"titles/t1": {"kind": "x"}}),
            "/localizations/fr/titles~1t1/name",
            "a string",
        ),
        (
            json!({"titles/t1/name": null}),
            "/localizations/fr/titles~1t1~1name",
            "cannot be removed",
        ),
        (
            json!({"titles/t2/name": "y"}),
            "/localizations/fr/titles~1t2~1name",
            "objects of the card",
        ),
        (
            json!({"emails/e/pref": 0}),
            "/localizations/fr/emails~1e~1pref",
            "from 1 to 100",
        ),
        (
            json!({"localizations/de": {}}),
            "/localizations/fr/localizations~1de",
            "another property",
        ),
        (
            json!({"titles/t1/name": "y", "titles": {"t1": {"name": "z"}}}),
            "/localizations/fr/titles~1t1~1name",
            "no patch inside",
        ),
    ] {
        let found = violations(card(patches.clone()));
        assert!(
            found
                .iter()
                .any(|(p, e)| p == pointer && e.contains(expected)),
            "{patches}: {found:?}"
        );
        assert_eq!(found.len(), 1, "{patches}: {found:?}");
    }
    assert_eq!(
        violations(json!({"localizations": {"not a tag": {}}})).len(),
        1
    );
}
