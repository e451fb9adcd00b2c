//! The main job on files that real programs wrote: in, listed, found, read back, changed, synced,
//! deleted.

use contacts_tests::app::Caller;
use contacts_tests::client::Request;
use contacts_tests::vcards::{files, split};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::support::{CONTACTS, add, at, created, encoded, ok, somebody, text};

/// The properties of a vCard as `GROUP.NAME` and value, without folding, encodings and escapes, so
/// that two spellings of one property are equal.
fn properties(vcard: &[u8]) -> Vec<(String, String)> {
    let all = String::from_utf8_lossy(vcard).replace("\r\n", "\n");
    let mut lines: Vec<String> = Vec::new();
    for line in all.lines() {
        match lines.last_mut() {
            Some(last) if last.ends_with('=') && last.contains("QUOTED-PRINTABLE") => {
                last.pop();
                last.push_str(line);
            }
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(&line[1..]),
            _ if line.is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
    }
    let mut found: Vec<_> = lines.iter().map(|line| property(line)).collect();
    found.sort();
    found
}

fn property(line: &str) -> (String, String) {
    let mut quoted = false;
    let colon = line
        .find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })
        .unwrap();
    let (head, value) = (line[..colon].to_uppercase(), &line[colon + 1..]);
    let name = head.split(';').next().unwrap().to_owned();
    let value = if head.contains("QUOTED-PRINTABLE") {
        quoted_printable(value)
    } else if head.contains("BASE64") || head.contains("ENCODING=B") {
        value.split_whitespace().collect()
    } else {
        value.to_owned()
    };
    let mut plain = String::new();
    let mut letters = value.trim_end().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => {}
            },
            '\r' => {}
            other => plain.push(other),
        }
    }
    (name, plain)
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = (*first == b'=').then(|| after.get(..2)).flatten();
        let hex = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What people would type to find the card: words of its names and organisations, its addresses.
fn searches(vcard: &[u8]) -> Vec<String> {
    let mut searches = Vec::new();
    for (name, value) in properties(vcard) {
        match name.rsplit('.').next().unwrap_or_default() {
            "FN" | "N" | "ORG" | "NICKNAME" => searches.extend(
                value
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            ),
            // Without an @ it is kept, but no address.
            "EMAIL" if value.contains('@') => {
                searches.push(value.clone());
                searches.extend(value.split('@').map(str::to_owned));
            }
            _ => {}
        }
    }
    searches.sort();
    searches.dedup();
    searches
}

/// Asserts that nothing of the card is missing among what it has become.
fn has_all_of(now: &[u8], sent: &[u8], file: &str) {
    let mut left = properties(now);
    for property in properties(sent) {
        match left.iter().position(|one| *one == property) {
            Some(index) => drop(left.remove(index)),
            None => panic!("{file} lost {property:?}; it has {left:?}"),
        }
    }
}

async fn is_found(me: &Caller, id: &str, vcard: &[u8], file: &str) {
    for search in searches(vcard) {
        let path = format!("{CONTACTS}?limit=500&q={}", encoded(&search));
        let found = me.all(&path).await.unwrap();
        assert!(
            found.iter().any(|item| item["id"] == id),
            "{search:?} does not find the card of {file}"
        );
    }
}

async fn as_vcard(me: &Caller, path: &str) -> Vec<u8> {
    let response = me.get_vcard(path).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.text("content-type"),
        Some("text/vcard; charset=utf-8")
    );
    response.body
}

#[tokio::test]
async fn every_card_goes_in_is_found_changed_and_still_has_everything() {
    let me = somebody().await;
    for (file, bytes) in files().unwrap() {
        for vcard in split(&bytes) {
            let contact = created(&me.post_vcard(CONTACTS, &vcard).await);
            let (id, path) = (text(&contact["id"]), at(&contact));
            assert!(
                as_vcard(&me, &path).await == vcard,
                "{file} came back otherwise"
            );
            is_found(&me, id, &vcard, &file).await;
            let listed = me.all(CONTACTS).await.unwrap();
            let listed = listed.iter().find(|item| item["id"] == id).unwrap();
            assert_eq!(listed["etag"], contact["etag"]);
            assert!(!text(&listed["summary"]["name"]).is_empty());

            let link = json!({"links": {"added-here": {"uri": "https://example.org/added"}}});
            let patched = ok(&me.patch(&path, &link).await);
            assert_ne!(patched["etag"], contact["etag"]);
            let rendered = as_vcard(&me, &path).await;
            has_all_of(&rendered, &vcard, &file);
            assert!(String::from_utf8_lossy(&rendered).contains("https://example.org/added"));

            let mut whole = patched["card"].clone();
            whole["notes"]["added-here"] = json!({"note": "Put here."});
            ok(&me.put(&path, &whole).await);
            let rendered = as_vcard(&me, &path).await;
            has_all_of(&rendered, &vcard, &file);
            assert!(String::from_utf8_lossy(&rendered).contains("Put here."));
            is_found(&me, id, &vcard, &file).await;

            // Without what was added it is the same card again, and its vCard may be put back.
            let undo = json!({"links": {"added-here": null}, "notes": {"added-here": null}});
            ok(&me.patch(&path, &undo).await);
            has_all_of(&as_vcard(&me, &path).await, &vcard, &file);
            let put = Request::new("PUT", &path).body("text/vcard", vcard.clone());
            ok(&me.send(put).await);
            assert!(as_vcard(&me, &path).await == vcard);
        }
    }
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn every_file_goes_in_as_a_batch_and_comes_out_as_a_page() {
    for (file, bytes) in files().unwrap() {
        let me = somebody().await;
        let cards = split(&bytes);
        let answer = ok(&me.post_vcard(&format!("{CONTACTS}/batch"), &bytes).await);
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), cards.len(), "{file}");
        for (item, vcard) in items.iter().zip(&cards) {
            assert_eq!(item["status"], 201, "{file}: {item}");
            assert!(as_vcard(&me, &at(item)).await == *vcard, "{file}");
        }
        let page = as_vcard(&me, &format!("{CONTACTS}?limit=500")).await;
        let mut sent: Vec<_> = cards
            .iter()
            .map(|card| card.trim_ascii().to_vec())
            .collect();
        let mut got: Vec<_> = split(&page)
            .iter()
            .map(|card| card.trim_ascii().to_vec())
            .collect();
        sent.sort();
        got.sort();
        assert!(sent == got, "{file}");
        me.app.check().await.unwrap();
    }
}

#[tokio::test]
async fn every_card_is_synced_from_the_start_and_from_a_token_and_leaves_a_tombstone() {
    let me = somebody().await;
    let other = add(&me, "Somebody Else").await;
    let (_, token) = me.changes("default", None, 500).await.unwrap();
    let mut contacts = BTreeMap::<String, Value>::new();
    for (_, bytes) in files().unwrap() {
        for vcard in split(&bytes) {
            let contact = created(&me.post_vcard(CONTACTS, &vcard).await);
            contacts.insert(text(&contact["id"]).to_owned(), contact["etag"].clone());
        }
    }
    let state = |changes: Vec<Value>| -> BTreeMap<String, Value> {
        changes
            .into_iter()
            .map(|change| (text(&change["id"]).to_owned(), change["etag"].clone()))
            .collect()
    };
    for limit in [1, 2, 500] {
        let (changes, _) = me.changes("default", Some(&token), limit).await.unwrap();
        assert_eq!(state(changes), contacts);
        let (changes, _) = me.changes("default", None, limit).await.unwrap();
        let mut all = contacts.clone();
        all.insert(text(&other["id"]).to_owned(), other["etag"].clone());
        assert_eq!(state(changes), all);
    }
    let (_, token) = me.changes("default", Some(&token), 500).await.unwrap();
    for id in contacts.keys() {
        let path = format!("{CONTACTS}/{id}");
        assert_eq!(me.delete(&path).await.status, 204);
        assert_eq!(me.get(&path).await.status, 404);
        assert_eq!(me.get_vcard(&path).await.status, 404);
    }
    let (changes, _) = me.changes("default", Some(&token), 500).await.unwrap();
    assert_eq!(changes.len(), contacts.len());
    for change in changes {
        assert!(contacts.contains_key(text(&change["id"])));
        assert_eq!(change, json!({"id": change["id"], "deleted": true}));
    }
    assert_eq!(me.all(CONTACTS).await.unwrap().len(), 1);
    me.app.check().await.unwrap();
}
