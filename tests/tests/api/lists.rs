//! Lists, searches, groups, and their cursors.

use serde_json::{Value, json};

use contacts_tests::app::Caller;

use crate::support::{
    CONTACTS, add, at, card, created, encoded, members, ok, problem, somebody, text,
};

async fn names(me: &Caller, query: &str) -> Vec<String> {
    let items = me.all(&format!("{CONTACTS}?{query}")).await.unwrap();
    items
        .iter()
        .map(|item| text(&item["summary"]["name"]).to_owned())
        .collect()
}

async fn people(me: &Caller) {
    for (full, organization, email, phone, group) in [
        (
            "Ada Lovelace",
            "Analytical Engines",
            "ada@engines.example",
            "+44 20 7946 0001",
            "friends",
        ),
        (
            "Ádám Nagy",
            "Magyar Posta",
            "adam.nagy@posta.example",
            "+36 1 268 0001",
            "friends",
        ),
        (
            "Bob Adams",
            "Engines & Co",
            "bob@co.example",
            "(212) 555-0100",
            "Team",
        ),
        (
            "Zoë O'Brien",
            "Posta",
            "zoe@brien.example",
            "+1 418 656 9254",
            "team",
        ),
    ] {
        let mut card = card(full);
        card["organizations"] = json!({"o": {"name": organization}});
        card["emails"] = json!({"e": {"address": email}});
        card["phones"] = json!({"p": {"number": phone}});
        card["keywords"] = json!({group: true});
        created(&me.post(CONTACTS, &card).await);
    }
}

#[tokio::test]
async fn a_list_has_its_shape_and_the_order_of_names() {
    let me = somebody().await;
    people(&me).await;
    let page = ok(&me.get(CONTACTS).await);
    assert_eq!(members(&page), ["items"]);
    let first = &page["items"][0];
    assert_eq!(
        members(first),
        ["id", "book", "etag", "created", "updated", "summary"]
    );
    assert_eq!(
        first["summary"],
        json!({"name": "Ada Lovelace", "organization": "Analytical Engines", "email": "ada@engines.example", "phone": "+44 20 7946 0001"})
    );
    assert_eq!(
        names(&me, "").await,
        ["Ada Lovelace", "Ádám Nagy", "Bob Adams", "Zoë O'Brien"]
    );
    for limit in [1, 2, 3, 4, 500] {
        assert_eq!(
            me.all(&format!("{CONTACTS}?limit={limit}")).await.unwrap(),
            *page["items"].as_array().unwrap()
        );
    }
    assert_eq!(
        ok(&me.get(&format!("{CONTACTS}?limit=4")).await).get("cursor"),
        None
    );
}

#[tokio::test]
async fn a_search_finds_the_beginnings_of_words() {
    let me = somebody().await;
    people(&me).await;
    for (query, found) in [
        ("ada", vec!["Ada Lovelace", "Ádám Nagy", "Bob Adams"]),
        ("ADA love", vec!["Ada Lovelace"]),
        ("adám", vec!["Ádám Nagy", "Bob Adams"]),
        ("nagy adam", vec!["Ádám Nagy"]),
        ("engines", vec!["Ada Lovelace", "Bob Adams"]),
        ("posta", vec!["Zoë O'Brien", "Ádám Nagy"]),
        ("obrien", vec!["Zoë O'Brien"]),
        ("o'brien zoe", vec!["Zoë O'Brien"]),
        ("bob@co", vec!["Bob Adams"]),
        ("co.example", vec!["Bob Adams"]),
        ("+1 (418) 656", vec!["Zoë O'Brien"]),
        ("4186569254", vec!["Zoë O'Brien"]),
        ("2125550100", vec!["Bob Adams"]),
        ("lovelace bob", vec![]),
        ("unknown", vec![]),
        ("!!", vec![]),
    ] {
        let mut given = names(&me, &format!("q={}", encoded(query))).await;
        let mut found: Vec<_> = found.into_iter().map(str::to_owned).collect();
        given.sort();
        found.sort();
        assert_eq!(given, found, "{query}");
        let mut paged = names(&me, &format!("limit=1&q={}", encoded(query))).await;
        paged.sort();
        assert_eq!(paged, found, "{query} in pages of one");
    }
    // The exact word comes before longer ones.
    assert_eq!(names(&me, "q=ada").await[0], "Ada Lovelace");
    assert_eq!(
        names(&me, "q=").await.len(),
        4,
        "an empty search is the list"
    );
    assert_eq!(names(&me, "q=a+b+c+d+e+f+g+h").await.len(), 0);
    let refused = me.get(&format!("{CONTACTS}?q=a+b+c+d+e+f+g+h+i")).await;
    assert_eq!(
        problem(&refused, 400, "invalid-parameter")["parameter"],
        "q"
    );
}

#[tokio::test]
async fn a_group_lists_its_members() {
    let me = somebody().await;
    people(&me).await;
    let vcard =
        b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Carl\r\nCATEGORIES:friends,Book club\r\nEND:VCARD\r\n";
    let carl = created(&me.post_vcard(CONTACTS, vcard).await);
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(
        sorted(names(&me, "group=friends").await),
        ["Ada Lovelace", "Carl", "Ádám Nagy"]
    );
    assert_eq!(
        sorted(names(&me, "group=FRIENDS&limit=1").await),
        ["Ada Lovelace", "Carl", "Ádám Nagy"]
    );
    assert_eq!(names(&me, "group=team").await.len(), 2);
    assert_eq!(names(&me, "group=book+club").await, ["Carl"]);
    assert_eq!(names(&me, "group=book").await, Vec::<String>::new());
    assert_eq!(names(&me, "group=friends&q=nagy").await, ["Ádám Nagy"]);
    ok(&me
        .patch(&at(&carl), &json!({"keywords": {"friends": null}}))
        .await);
    assert_eq!(names(&me, "group=friends").await.len(), 2);
    assert_eq!(names(&me, "group=book+club").await, ["Carl"]);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn limits_and_parameters_are_judged() {
    let me = somebody().await;
    let lists = [
        "/v1/books",
        "/v1/tokens",
        CONTACTS,
        "/v1/books/default/changes",
    ];
    for path in lists {
        for limit in ["1", "500", "007"] {
            ok(&me.get(&format!("{path}?limit={limit}")).await);
        }
        for limit in [
            "0",
            "501",
            "-1",
            "+5",
            "",
            "5.0",
            "ten",
            "99999999999999999999",
        ] {
            let refused = me.get(&format!("{path}?limit={}", encoded(limit))).await;
            assert_eq!(
                problem(&refused, 400, "invalid-parameter")["parameter"],
                "limit"
            );
        }
        let refused = me.get(&format!("{path}?limit=1&limit=1")).await;
        assert_eq!(
            problem(&refused, 400, "invalid-parameter")["parameter"],
            "limit"
        );
    }
    let contact = at(&add(&me, "Ada").await);
    for path in lists
        .into_iter()
        .chain(["/v1/books/default", &contact, "/openapi.json", "/docs"])
    {
        let refused = me.get(&format!("{path}?what=1")).await;
        assert_eq!(
            problem(&refused, 400, "invalid-parameter")["parameter"],
            "what",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_request_alone() {
    let me = somebody().await;
    people(&me).await;
    let other = me.app.caller("other").await.unwrap();
    people(&other).await;
    let cursor = |page: Value| text(&page["cursor"]).to_owned();
    let list = cursor(ok(&me.get(&format!("{CONTACTS}?limit=1")).await));
    let search = cursor(ok(&me.get(&format!("{CONTACTS}?limit=1&q=ada")).await));
    let group = cursor(ok(&me
        .get(&format!("{CONTACTS}?limit=1&group=friends"))
        .await));
    created(&me.post("/v1/books", &json!({"name": "x"})).await);
    let books = cursor(ok(&me.get("/v1/books?limit=1").await));
    let token = text(&ok(&me.get("/v1/books/default/changes?limit=1").await)["token"]).to_owned();
    let theirs = cursor(ok(&other.get(&format!("{CONTACTS}?limit=1")).await));
    let all = [&list, &search, &group, &books, &token, &theirs];
    for (path, own) in [
        (CONTACTS.to_owned(), &list),
        (format!("{CONTACTS}?q=ada"), &search),
        (format!("{CONTACTS}?group=friends"), &group),
        ("/v1/books".to_owned(), &books),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let with = |cursor: &str| format!("{path}{joint}cursor={}", encoded(cursor));
        ok(&me.get(&with(own)).await);
        for foreign in all.iter().filter(|one| **one != own) {
            let refused = me.get(&with(foreign)).await;
            assert_eq!(
                problem(&refused, 400, "invalid-parameter")["parameter"],
                "cursor"
            );
        }
        for damaged in damaged(own) {
            let refused = me.get(&with(&damaged)).await;
            assert_eq!(refused.status, 400, "{path} takes {damaged} for {own}");
        }
    }
    for wrong in all
        .iter()
        .filter(|one| ***one != token)
        .map(ToString::to_string)
        .chain(damaged(&token))
    {
        let refused = me
            .get(&format!(
                "/v1/books/default/changes?since={}",
                encoded(&wrong)
            ))
            .await;
        assert_eq!(
            problem(&refused, 400, "invalid-parameter")["parameter"],
            "since"
        );
    }
}

/// What a cursor may become on its way.
fn damaged(cursor: &str) -> Vec<String> {
    let mut damaged = vec![
        String::new(),
        "x".to_owned(),
        "not base64!".to_owned(),
        "AAAAAAAAAAAA".to_owned(),
        format!("{cursor}A"),
        format!("{cursor}AAAA"),
        format!("{cursor}{cursor}"),
        cursor[..cursor.len() - 1].to_owned(),
        cursor[..cursor.len() - 4].to_owned(),
        cursor[..8].to_owned(),
    ];
    for index in 0..cursor.len() {
        let mut bytes = cursor.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'B' { b'D' } else { b'B' };
        damaged.push(String::from_utf8(bytes).unwrap());
    }
    damaged.retain(|one| one != cursor);
    damaged
}

#[tokio::test]
async fn cursors_survive_changes_between_pages() {
    let me = somebody().await;
    let mut contacts = Vec::new();
    for number in 0..20 {
        contacts.push(add(&me, &format!("Person {number:02}")).await);
    }
    for query in ["", "&q=person"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        let mut page_number = 0;
        loop {
            let path = format!("{CONTACTS}?limit=3{query}{cursor}");
            let page = ok(&me.get(&path).await);
            for item in page["items"].as_array().unwrap() {
                seen.push(text(&item["id"]).to_owned());
            }
            // The last contact of the page goes, a later one changes without its name, one comes in before.
            if page_number == 1 && query.is_empty() {
                let last = page["items"].as_array().unwrap().last().unwrap();
                assert_eq!(me.delete(&at(last)).await.status, 204);
            }
            ok(&me
                .patch(
                    &at(&contacts[19]),
                    &json!({"notes": {"n": {"note": format!("{page_number}{query}")}}}),
                )
                .await);
            add(&me, &format!("Aaa {page_number}")).await;
            page_number += 1;
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "nothing is repeated");
        for contact in &contacts {
            let id = text(&contact["id"]);
            let gone = me.get(&at(contact)).await.status == 404;
            assert!(
                gone || seen.iter().any(|one| one == id),
                "nothing is skipped"
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_vcards_has_the_next_one_as_a_link() {
    let me = somebody().await;
    people(&me).await;
    let mut path = format!("{CONTACTS}?limit=1&q=%61d%C3%A1&group=friends");
    let mut seen = Vec::new();
    loop {
        let page = me.get_vcard(&path).await;
        assert_eq!(page.status, 200);
        seen.push(String::from_utf8(page.body.clone()).unwrap());
        let Some(link) = page.text("link") else { break };
        let next = link
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap();
        assert!(next.starts_with("/v1/books/"), "{link}");
        path = next.to_owned();
    }
    let all = seen.concat();
    assert_eq!(all.matches("BEGIN:VCARD\r\n").count(), 2, "{all}");
    assert_eq!(all.matches("END:VCARD\r\n").count(), 2);
    assert!(
        all.contains("FN:Ada Lovelace") && all.contains("FN:Ádám Nagy"),
        "{all}"
    );
}
