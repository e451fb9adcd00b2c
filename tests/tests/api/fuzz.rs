//! Random requests and random cards.

use contacts_tests::app::Caller;
use contacts_tests::client::Request;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{CONTACTS, at, card, encoded, ok, somebody, text};

/// Runs `check` for `cases` values against one service. A current-thread runtime, so that it can be
/// driven from within a property.
fn for_all<S: Strategy>(cases: u32, strategy: &S, check: impl AsyncFn(&Caller, S::Value)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let me = runtime.block_on(somebody());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        runtime.block_on(check(&me, value));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    runtime.block_on(me.app.check()).unwrap();
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-z@.:]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let name = prop_oneof![
            Just("@type".to_owned()),
            Just("name".to_owned()),
            Just("full".to_owned()),
            Just("emails".to_owned()),
            Just("address".to_owned()),
            Just("phones".to_owned()),
            Just("uid".to_owned()),
            Just("version".to_owned()),
            Just("localizations".to_owned()),
            Just("vCardProps".to_owned()),
            Just("items".to_owned()),
            Just("op".to_owned()),
            Just("card".to_owned()),
            "\\PC{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A card that is nearly one: a member of it is replaced.
fn nearly_a_card() -> impl Strategy<Value = Value> {
    let members = prop::sample::select(vec![
        "@type",
        "version",
        "uid",
        "kind",
        "name",
        "nicknames",
        "organizations",
        "titles",
        "emails",
        "phones",
        "addresses",
        "anniversaries",
        "keywords",
        "notes",
        "links",
        "media",
        "onlineServices",
        "preferredLanguages",
        "speakToAs",
        "relatedTo",
        "members",
        "localizations",
        "vCardProps",
        "created",
        "updated",
        "language",
        "example.com:x",
    ]);
    (members, json_value()).prop_map(|(member, value)| {
        let mut card = card("Nearly");
        card[member] = value;
        card
    })
}

fn vcard_text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => ("(FN|N|EMAIL|TEL|ORG|ADR|BDAY|NOTE|PHOTO|CATEGORIES|UID|X-A|item1\\.URL|VERSION|GENDER|REV|KIND|MEMBER|AGENT)", "(;[A-Z-]{1,8}=[a-z0-9\",;]{0,8}){0,2}", "\\PC{0,30}")
            .prop_map(|(name, parameters, value)| format!("{name}{parameters}:{value}")),
        1 => "\\PC{0,20}",
        1 => Just("BEGIN:VCARD".to_owned()),
        1 => Just("END:VCARD".to_owned()),
    ];
    let version = prop::sample::select(vec!["2.1", "3.0", "4.0", "", "9"]);
    (
        version,
        prop::collection::vec(line, 0..8),
        any::<Option<(prop::sample::Index, u8)>>(),
    )
        .prop_map(|(version, lines, flip)| {
            let mut text = format!(
                "BEGIN:VCARD\r\nVERSION:{version}\r\n{}\r\nEND:VCARD\r\n",
                lines.join("\r\n")
            )
            .into_bytes();
            if let Some((index, byte)) = flip {
                let index = index.index(text.len());
                text[index] = byte;
            }
            text
        })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        json_value().prop_map(|value| value.to_string().into_bytes()),
        nearly_a_card().prop_map(|value| value.to_string().into_bytes()),
        nearly_a_card().prop_map(|card| json!({"items": [{"op": "create", "card": card}]})
            .to_string()
            .into_bytes()),
        vcard_text(),
        prop::collection::vec(any::<u8>(), 0..60),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let method = prop::sample::select(vec![
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ODD",
    ]);
    let path = prop_oneof![
        6 => prop::sample::select(vec![
            "/v1/books", "/v1/books/default", "/v1/books/default/contacts", "/v1/books/default/contacts/batch",
            "/v1/books/default/changes", "/v1/tokens", "/v1/tokens/00000000000000000000000000",
            "/v1/books/default/contacts/00000000000000000000000000", "/health", "/ready", "/docs", "/openapi.json",
        ]).prop_map(str::to_owned),
        1 => "(/[a-z0-9%.]{0,9}){1,5}",
    ];
    let query = prop_oneof![
        3 => Just(String::new()),
        1 => "\\?(limit|cursor|q|group|since)=[a-zA-Z0-9%+_-]{0,40}(&(limit|q|group)=[a-z0-9%+]{0,9})?",
    ];
    let kind = prop::sample::select(vec![
        "application/json",
        "text/vcard",
        "application/merge-patch+json",
        "application/jscontact+json",
        "text/plain",
        "application/json; charset=x",
        "/",
    ]);
    let name = prop::sample::select(vec![
        "accept",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "x-request-id",
        "x-forwarded-proto",
        "origin",
        "content-length",
        "x-amzn-trace-id",
        "expect",
        "range",
    ]);
    let headers = prop::collection::vec((name, "[ -~]{0,30}"), 0..3);
    (method, path, query, kind, headers, body()).prop_map(
        |(method, path, query, kind, headers, body)| {
            let mut request = Request::new(method, format!("{path}{query}"));
            if !["GET", "HEAD", "DELETE", "OPTIONS"].contains(&method) {
                request = request.body(kind, body);
            }
            headers.into_iter().fold(request, |request, (name, value)| {
                request.header(name, value.trim())
            })
        },
    )
}

#[test]
fn no_request_breaks_the_service() {
    // Whether an answer keeps the contract (problems with request ids, documented statuses) is judged
    // with every answer.
    for_all(1_500, &request(), async |me, request| {
        if request.target.is_empty() || http::Uri::try_from(request.target.clone()).is_err() {
            return;
        }
        let answer = me.send(request.clone()).await;
        assert!(answer.status < 500, "{request:?} gave {answer:?}");
    });
}

#[test]
fn what_was_written_is_read_listed_and_found() {
    for_all(300, &nearly_a_card(), async |me, sent| {
        let answer = me.post(CONTACTS, &sent).await;
        if answer.status != 201 {
            assert!(
                [409, 413, 422].contains(&answer.status),
                "{sent} gave {answer:?}"
            );
            return;
        }
        let made = answer.json().unwrap();
        let mut card = made["card"].clone();
        if sent.get("uid").is_none() {
            card.as_object_mut().unwrap().remove("uid");
        }
        assert_eq!(card.to_string(), sent.to_string(), "the bytes of the card");
        assert_eq!(ok(&me.get(&at(&made)).await), made);
        agrees(me, &made).await;
        assert_eq!(me.get_vcard(&at(&made)).await.status, 200);
        assert_eq!(me.delete(&at(&made)).await.status, 204);
    });
}

/// The list, the search and the feed say of the contact what it is.
async fn agrees(me: &Caller, contact: &Value) {
    let listed = me.all(CONTACTS).await.unwrap();
    let listed = listed
        .iter()
        .find(|item| item["id"] == contact["id"])
        .unwrap();
    assert_eq!(listed["etag"], contact["etag"]);
    assert_eq!(listed["updated"], contact["updated"]);
    if let Some(full) = contact["card"]["name"]["full"].as_str() {
        let words: Vec<_> = full.split(' ').take(8).collect();
        let found = me
            .all(&format!("{CONTACTS}?q={}", encoded(&words.join(" "))))
            .await
            .unwrap();
        if full.chars().any(|c| c.is_ascii_alphanumeric()) && full.is_ascii() {
            assert!(found.iter().any(|item| item == listed), "{full:?}");
        }
    }
}

#[test]
fn a_random_patch_gives_what_rfc_7396_says() {
    let start = || {
        let mut start = card("Ada Lovelace");
        start["emails"] = json!({"a": {"address": "ada@example.org", "pref": 1}});
        start["example.com:x"] = json!({"a": {"b": 1}, "c": [1, 2]});
        start
    };
    let members =
        prop::sample::select(vec!["example.com:x", "notes", "emails", "keywords", "name"]);
    let patch = prop::collection::vec((members, json_value()), 0..3).prop_map(|members| {
        let members: Map<String, Value> = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Value::Object(members)
    });
    for_all(300, &patch, async |me, patch| {
        let made = me.post(CONTACTS, &start()).await.json().unwrap();
        let answer = me.patch(&at(&made), &patch).await;
        let mut expected = made["card"].clone();
        merge(&mut expected, &patch);
        if answer.status == 200 {
            let patched = answer.json().unwrap();
            assert_eq!(patched["card"], expected, "{patch}");
            assert_eq!(ok(&me.get(&at(&made)).await), patched);
            assert_eq!(
                patched["etag"] == made["etag"],
                made["card"] == patched["card"]
            );
            agrees(me, &patched).await;
        } else {
            assert_eq!(answer.status, 422, "{patch} gave {answer:?}");
            assert_eq!(
                ok(&me.get(&at(&made)).await),
                made,
                "a refused patch changes nothing"
            );
        }
        assert_eq!(me.delete(&at(&made)).await.status, 204);
    });
}

/// RFC 7396 section 2, by its letter.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[test]
fn random_vcards_come_back_byte_for_byte_or_are_refused() {
    for_all(300, &vcard_text(), async |me, vcard| {
        let answer = me.post_vcard(CONTACTS, &vcard).await;
        match answer.status {
            201 => {
                let made = answer.json().unwrap();
                assert!(me.get_vcard(&at(&made)).await.body == vcard);
                assert!(text(&made["card"]["@type"]) == "Card");
                assert_eq!(me.delete(&at(&made)).await.status, 204);
            }
            status => assert!([400, 409, 413, 422].contains(&status), "{answer:?}"),
        }
    });
}
