//! The change feed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{CONTACTS, add, at, card, members, ok, somebody, text};

#[tokio::test]
async fn a_page_has_its_shape_and_each_contact_once_with_its_last_state() {
    let me = somebody().await;
    let (changes, token) = me.changes("default", None, 50).await.unwrap();
    assert!(changes.is_empty());
    let ada = add(&me, "Ada").await;
    let bob = add(&me, "Bob").await;
    ok(&me
        .patch(&at(&ada), &json!({"nicknames": {"n": {"name": "x"}}}))
        .await);
    let last = ok(&me.put(&at(&ada), &card("Ada King")).await);
    me.delete(&at(&bob)).await;
    let page = ok(&me
        .get(&format!("/v1/books/default/changes?since={token}"))
        .await);
    assert_eq!(members(&page), ["changes", "token", "more"]);
    assert_eq!(page["more"], false);
    assert_eq!(
        page["changes"],
        json!([{"id": ada["id"], "etag": last["etag"]}, {"id": bob["id"], "deleted": true}])
    );
    let after = ok(&me
        .get(&format!(
            "/v1/books/default/changes?since={}",
            text(&page["token"])
        ))
        .await);
    assert_eq!(after["changes"], json!([]));
    let from_start = ok(&me.get("/v1/books/default/changes").await);
    assert_eq!(
        from_start["changes"],
        json!([{"id": ada["id"], "etag": last["etag"]}])
    );
}

#[tokio::test]
async fn a_reader_with_any_page_size_ends_with_the_state_of_the_book() {
    let me = somebody().await;
    let mut readers: Vec<(usize, Option<String>, BTreeMap<String, Value>)> = [1, 2, 7, 500]
        .map(|limit| (limit, None, BTreeMap::new()))
        .into();
    let mut alive = Vec::new();
    for round in 0..12_usize {
        for number in 0..3 {
            alive.push(add(&me, &format!("Person {round}.{number}")).await);
        }
        let index = (round * 7) % alive.len();
        ok(&me
            .put(&at(&alive[index]), &card(&format!("Renamed {round}")))
            .await);
        let index = (round * 5) % alive.len();
        assert_eq!(me.delete(&at(&alive.remove(index))).await.status, 204);
        for (limit, token, state) in &mut readers {
            if (round + *limit) % 3 == 0 {
                continue;
            }
            let (changes, next) = me
                .changes("default", token.as_deref(), *limit)
                .await
                .unwrap();
            *token = Some(next);
            for change in changes {
                let id = text(&change["id"]).to_owned();
                match change["deleted"].as_bool() {
                    Some(true) => drop(state.remove(&id)),
                    _ => drop(state.insert(id, change["etag"].clone())),
                }
            }
        }
    }
    let book: BTreeMap<String, Value> = me
        .all(CONTACTS)
        .await
        .unwrap()
        .into_iter()
        .map(|item| (text(&item["id"]).to_owned(), item["etag"].clone()))
        .collect();
    for (limit, token, mut state) in readers {
        let (changes, _) = me
            .changes("default", token.as_deref(), limit)
            .await
            .unwrap();
        for change in changes {
            let id = text(&change["id"]).to_owned();
            match change["deleted"].as_bool() {
                Some(true) => drop(state.remove(&id)),
                _ => drop(state.insert(id, change["etag"].clone())),
            }
        }
        assert_eq!(state, book, "in pages of {limit}");
    }
    me.app.check().await.unwrap();
}
