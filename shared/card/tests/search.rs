//! Whatever way a person types the beginning of a word, it finds the card.

mod common;

use std::collections::BTreeSet;

use contacts_card::{Card, Field, Term, limits, query_words};
use proptest::prelude::*;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

fn card(members: Value) -> Card {
    common::parse(&members).expect("the members are valid")
}

fn finds(terms: &BTreeSet<Term>, q: &str) -> bool {
    query_words(q)
        .iter()
        .all(|word| terms.iter().any(|term| term.word.starts_with(word)))
}

fn assert_found(members: Value, queries: &[&str]) {
    let terms = card(members.clone()).terms();
    for q in queries {
        assert!(!query_words(q).is_empty(), "{q}");
        assert!(
            finds(&terms, q),
            "{q} should find {members}: {:?} in {terms:?}",
            query_words(q)
        );
    }
}

fn named(full: &str) -> Value {
    json!({"name": {"full": full}})
}

#[test]
fn names_are_found_in_any_case_with_and_without_accents_and_punctuation() {
    assert_found(
        named("Renée O'Brien"),
        &[
            "renee",
            "RENÉE",
            "rene\u{301}e o’bri",
            "obrien",
            "brien",
            "o'brien",
            "O`B",
            "o´brien",
            "o brien",
        ],
    );
    assert_found(
        named("Jean-Luc d’Artagnan"),
        &[
            "jean-luc",
            "jeanluc",
            "luc",
            "jean luc",
            "dart",
            "artagnan",
            "d artagnan",
            "jean‐l",
        ],
    );
    assert_found(
        named("J.R.R. Tolkien"),
        &["jrr", "j.r.r.", "j r r tolkien", "J. R. R. Tolk"],
    );
    assert_found(
        named("Łukasz Straße Ødegård"),
        &["lukasz", "STRASSE", "strasse", "odegard", "ødegard"],
    );
    assert_found(named("Οδυσσεύς"), &["οδυσσευς", "ΟΔΥΣΣΕΥΣ", "οδυσσ"]);
    assert_found(named("山田太郎"), &["山", "山田", "山田太郎"]);
    assert_found(named("สมชาย"), &["สม", "สมชาย"]);
    assert_found(named("김철수"), &["김", "김철", "김철수"]);
    assert_found(
        named("24-7 Gym 007"),
        &["24-7", "247", "24", "007", "7 gym"],
    );
    assert_found(
        named("3 2 1 Kontakt"),
        &["3 2 1", "3 2 1 kon", "321", "kontakt 3"],
    );
    assert_found(named("AT&T Org@nic"), &["at&t", "att", "org@n", "nic"]);
}

#[test]
fn every_name_organization_and_title_of_a_card_finds_it_in_every_language() {
    let full: Value = serde_json::from_str(include_str!("full-card.json")).unwrap();
    assert_found(
        full,
        &[
            "mei",
            "tanaka",
            "oneill",
            "o'neill-tanaka",
            "memo",
            "abc",
            "inc.",
            "marketing",
            "research",
            "田中",
            "研究員",
        ],
    );
}

#[test]
fn email_addresses_are_found_whole_and_by_their_parts() {
    let members = json!({"emails": {"e": {"address": "Jo.O'Doe_x+news@Mail.Example-Host.com"}}});
    let queries = [
        "jo.o'doe_x+news@mail.example-host.com",
        "JO.O'DOE_X+news@mai",
        "jo",
        "doe",
        "odoe",
        "x",
        "news",
        "mail",
        "example",
        "host",
        "com",
        "@mail.example",
        "mail.example-host.com",
        "jo.o'd",
        "<jo.o'doe_x+news@mail.example-host.com>,",
    ];
    assert_found(members, &queries);
}

#[test]
fn a_phone_number_is_found_with_and_without_country_code() {
    let number = |number: &str| json!({"phones": {"p": {"number": number}}});
    for same in [
        "+1-418-656-9254",
        "+1 (418) 656-9254",
        "tel:+1-418-656-9254;ext=102",
        "0014186569254",
        "\u{202A}+1\u{A0}418‑656–9254\u{202C}",
        "+١ ٤١٨ ٦٥٦ ٩٢٥٤",
    ] {
        assert_found(
            number(same),
            &[
                "1418",
                "418656",
                "+1418",
                "001418",
                "+1 418 656 9254",
                "(418) 656-92",
                "418.656.9254",
                "00 1 418 656",
                "+1 (418",
            ],
        );
    }
    for same in [
        "+44 (0)20 7946 0000",
        "+44 20 7946 0000",
        "0044 (0)20 79460000",
    ] {
        assert_found(
            number(same),
            &[
                "+44 20 79",
                "4420794",
                "020 7946",
                "20 7946",
                "0044207946",
                "0044 20",
            ],
        );
    }
    assert_found(
        number("+353 1 234 5678"),
        &["353123", "1234567", "01 234", "+3531"],
    );
    assert_found(number("+39 06 698"), &["06698", "3906698"]);
    assert_found(number("020 7946 0000"), &["0207946", "207946"]);
    assert_found(
        number("418-656-9254 ext. 12"),
        &["4186569254", "418-656-9254"],
    );
    assert_found(number("sip:+14186569254@example.com"), &["4186569254"]);
}

#[test]
fn a_word_has_the_field_that_comes_first() {
    let card = card(json!({
        "name": {"full": "Example"}, "organizations": {"o": {"name": "Example Org"}},
        "emails": {"e": {"address": "a@org.example"}}, "phones": {"p": {"number": "+1"}},
    }));
    let found: Vec<_> = card
        .terms()
        .into_iter()
        .map(|t| (t.word, t.field))
        .collect();
    let expected = [
        ("001", Field::Phone),
        ("1", Field::Phone),
        ("a", Field::Email),
        ("a@org.example", Field::Email),
        ("example", Field::Name),
        ("org", Field::Organization),
        ("org.example", Field::Email),
    ];
    assert_eq!(
        found,
        expected.map(|(word, field)| (word.to_owned(), field))
    );
    assert!([Field::Name, Field::Organization, Field::Email, Field::Phone].is_sorted());
    for (field, code) in [
        (Field::Name, '1'),
        (Field::Organization, '2'),
        (Field::Email, '3'),
        (Field::Phone, '4'),
    ] {
        assert_eq!((field.code(), Field::from_code(code)), (code, Some(field)));
    }
    assert_eq!(Field::from_code('5'), None);
}

#[test]
fn an_emoji_is_a_word_of_its_own() {
    let queries = ["🎉", "🎉 par", "party🎉", "PARTY", "anna", "🎉🎉", "🇩🇪"];
    assert_found(named("🎉 Party"), &queries[..4]);
    assert_found(named("Anna🎉Party 🇩🇪🇫🇷"), &queries);
    assert_found(
        named("Ann 👍🏽 👩\u{200D}🚀 ❤\u{FE0F}"),
        &["👍", "👍🏿", "👩\u{200D}🚀", "🚀", "❤"],
    );
    let terms = card(named("Anna 🇩🇪🇫🇷 A → B — «C»")).terms();
    assert!(finds(&terms, "🇫🇷") && !finds(&terms, "🇪🇫") && !finds(&terms, "🎉"));
    assert!(terms.iter().all(|term| !"→—«»🏽".contains(&term.word)));
}

#[test]
fn query_words_are_folded_cut_and_not_repeated() {
    assert_eq!(
        query_words("  Ada ADA   ada@Example.com "),
        ["ada", "ada@example.com"]
    );
    assert_eq!(
        query_words("+1 (418) 656-9254 Ada +44"),
        ["14186569254", "ada", "44"]
    );
    assert_eq!(query_words("- @ ' ( +"), [""; 0]);
    assert_eq!(query_words(&"é".repeat(100)), ["e".repeat(64)]);
    assert_eq!(query_words(&"田".repeat(100)), ["田".repeat(21)]);
}

#[test]
fn hostile_texts_are_split_in_linear_time() {
    // Quadratic work on 64 KB would take minutes here.
    for text in [
        "a'".repeat(32_000),
        "1+".repeat(32_000),
        "1(0)".repeat(16_000),
        "a@".repeat(32_000),
        "a-".repeat(32_000),
    ] {
        let card = json!({"@type": "Card", "version": "1.0", "uid": "u", "name": {"full": text}, "phones": {"p": {"number": text}}});
        let _ = Card::parse(card);
        let _ = query_words(&text);
    }
}

/// Characters that make words hard: marks, ligatures, apostrophes, joiners, digits, punctuation.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Zß-öø-ÿĀ-žſẞﬁǅ'’´`\\-‐.&@_+0-9/()]{1,12}",
        "[0-9+()./-]{1,10}[a-z]?",
        "[Α-ωϊ-ώא-ת؀-ۿऀ-ॿก-๛ぁ-ヿ一-丗가-각]{1,8}",
        "\\PC{1,80}",
    ]
}

fn email() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9é][a-zA-Z0-9.'_+é-]{0,40}@[a-zA-Z0-9-]{1,30}(\\.[a-z0-9-]{1,10}){0,3}"
}

fn phone() -> impl Strategy<Value = String> {
    "(\\+|00|0)?[0-9]{0,4}( ?\\(0?\\))?[0-9 ./()-]{0,16}( \\+[0-9]{1,5})?"
}

/// Ways to type the same text.
fn spellings(text: &str) -> Vec<String> {
    // In capitals the iota under a Greek vowel is a letter; it has no other spelling that is a prefix.
    let iota = text.nfd().any(|c| c == '\u{345}');
    let upper = if iota {
        text.to_owned()
    } else {
        text.to_uppercase()
    };
    vec![
        text.to_owned(),
        upper,
        text.to_lowercase(),
        text.nfd().collect(),
        text.nfc().collect(),
    ]
}

fn assert_every_beginning_finds(terms: &BTreeSet<Term>, text: &str) -> Result<(), TestCaseError> {
    for (end, _) in text.char_indices().skip(1).chain([(text.len(), ' ')]) {
        for q in spellings(&text[..end]) {
            prop_assert!(
                finds(terms, &q),
                "{q:?} of {text:?}: {:?} in {terms:?}",
                query_words(&q)
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_beginning_of_every_word_finds_the_card(
        names in prop::collection::vec(word(), 1..4), organization in word(), title in word(), email in email(), phone in phone(),
    ) {
        let card = card(json!({
            "name": {"full": names.join(" "), "components": [{"kind": "given", "value": names[0]}]},
            "organizations": {"o": {"name": organization}},
            "titles": {"t": {"name": title}},
            "emails": {"e": {"address": email}},
            "phones": {"p": {"number": phone}},
        }));
        let terms = card.terms();
        for text in names.iter().chain([&organization, &title, &email]) {
            for word in text.split_whitespace() {
                assert_every_beginning_finds(&terms, word)?;
            }
        }
        assert_every_beginning_finds(&terms, &phone)?;
        let (domain, local) = (email.split('@').next_back().unwrap(), email.split('@').next().unwrap());
        for part in local.split(['.', '_', '-', '+']).chain(domain.split(['.', '-'])).chain([local, domain]) {
            assert_every_beginning_finds(&terms, part)?;
        }
    }

    #[test]
    fn terms_have_no_white_space_and_no_controls_and_are_short(text in any::<String>(), number in any::<String>()) {
        let card = card(json!({"name": {"full": text}, "phones": {"p": {"number": number}}}));
        for Term { word, field } in card.terms() {
            prop_assert!((1..=limits::WORD_BYTES).contains(&word.len()));
            prop_assert!(!word.contains(|c: char| c.is_whitespace() || c.is_control()));
            prop_assert!(field != Field::Phone || word.bytes().all(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn a_folded_query_is_the_same_query(q in any::<String>()) {
        prop_assert_eq!(query_words(&contacts_card::fold::fold(&q)), query_words(&q));
    }
}
