//! Books.

use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{add, card, created, is_id, is_time, members, ok, problem, somebody, text};

const BOOK: [&str; 6] = ["id", "name", "etag", "created", "updated", "contacts"];

#[tokio::test]
async fn the_default_book_is_there_from_the_first_look() {
    let me = somebody().await;
    let listed = ok(&me.get("/v1/books").await);
    assert_eq!(members(&listed), ["items"]);
    let book = &listed["items"][0];
    assert_eq!(members(book), BOOK);
    is_id(&book["id"]);
    is_time(&book["created"]);
    assert_eq!(book["created"], book["updated"]);
    assert_eq!(book["contacts"], 0);
    assert_eq!(ok(&me.get("/v1/books/default").await), *book);
    let by_id = format!("/v1/books/{}", text(&book["id"]));
    assert_eq!(ok(&me.get(&by_id).await), *book);
    for path in ["/v1/books/default", &by_id] {
        problem(&me.delete(path).await, 409, "default-book");
    }
}

#[tokio::test]
async fn a_book_is_made_renamed_counted_and_deleted() {
    let me = somebody().await;
    let response = me.post("/v1/books", &json!({"name": "Fämily 👪"})).await;
    let book = created(&response);
    assert_eq!(members(&book), BOOK);
    assert_eq!(book["name"], "Fämily 👪");
    let path = format!("/v1/books/{}", text(&book["id"]));
    assert_eq!(response.text("location"), Some(&*path));
    assert_eq!(response.text("etag"), Some(text(&book["etag"])));

    let same = ok(&me.patch(&path, &json!({"name": "Fämily 👪"})).await);
    assert_eq!(same, book, "a write that changes nothing");
    let renamed = ok(&me.patch(&path, &json!({"name": "Team"})).await);
    assert_ne!(renamed["etag"], book["etag"]);
    assert_eq!(renamed["created"], book["created"]);

    let contact = created(&me.post(&format!("{path}/contacts"), &card("Ada")).await);
    assert_eq!(contact["book"], book["id"]);
    let full = ok(&me.get(&path).await);
    assert_eq!(full["contacts"], 1);
    assert_eq!(
        full["etag"], renamed["etag"],
        "the count is not in the ETag"
    );
    let contact = format!("{path}/contacts/{}", text(&contact["id"]));
    assert_eq!(me.delete(&contact).await.status, 204);
    assert_eq!(me.delete(&path).await.status, 204);
    for response in [
        me.get(&path).await,
        me.delete(&path).await,
        me.get(&contact).await,
    ] {
        problem(&response, 404, "book-not-found");
    }
    problem(
        &me.patch(&path, &json!({"name": "x"})).await,
        404,
        "book-not-found",
    );
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn names_have_limits() {
    let me = somebody().await;
    let longest = "é".repeat(200);
    assert_eq!(
        created(&me.post("/v1/books", &json!({"name": longest})).await)["name"],
        longest
    );
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"name": null}),
        json!({"name": 1}),
        json!({"name": ""}),
        json!({"name": "   "}),
        json!({"name": "a\u{7}"}),
        json!({"name": "é".repeat(201)}),
        json!({"name": "a", "color": "red"}),
    ] {
        problem(&me.post("/v1/books", &body).await, 400, "invalid-json");
        problem(
            &me.patch("/v1/books/default", &body).await,
            400,
            "invalid-json",
        );
    }
}

#[tokio::test]
async fn books_have_preconditions() {
    let me = somebody().await;
    let book = ok(&me.get("/v1/books/default").await);
    let etag = text(&book["etag"]);
    let get = |name: &str, value: &str| {
        me.send(Request::new("GET", "/v1/books/default").header(name, value))
    };
    let unchanged = get("if-none-match", etag).await;
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.text("etag"), Some(etag));
    assert_eq!(get("if-none-match", "\"other\"").await.status, 200);
    assert_eq!(get("if-match", etag).await.status, 200);
    let failed = problem(
        &get("if-match", "\"other\"").await,
        412,
        "precondition-failed",
    );
    assert_eq!(failed["etag"], etag);
    problem(&get("if-match", "other").await, 400, "invalid-header");

    let rename = |tag: &str, name: &str| {
        let request = Request::new("PATCH", "/v1/books/default").header("if-match", tag);
        me.send(request.json(&json!({"name": name})))
    };
    problem(&rename("\"other\"", "A").await, 412, "precondition-failed");
    let renamed = ok(&rename(etag, "A").await);
    problem(&rename(etag, "B").await, 412, "precondition-failed");
    assert_eq!(rename("*", "B").await.status, 200);

    let other = created(&me.post("/v1/books", &json!({"name": "other"})).await);
    let path = format!("/v1/books/{}", text(&other["id"]));
    let delete = |tag: &str| me.send(Request::new("DELETE", &path).header("if-match", tag));
    problem(&delete("\"77\"").await, 412, "precondition-failed");
    problem(
        &delete(&format!("W/{}", text(&other["etag"]))).await,
        412,
        "precondition-failed",
    );
    assert_eq!(delete(text(&other["etag"])).await.status, 204);
    drop(renamed);
}

#[tokio::test]
async fn books_come_in_pages() {
    let me = somebody().await;
    add(&me, "in the default book").await;
    for number in 0..6 {
        created(
            &me.post("/v1/books", &json!({"name": format!("Book {number}")}))
                .await,
        );
    }
    let all = me.all("/v1/books").await.unwrap();
    assert_eq!(all.len(), 7);
    for limit in [1, 2, 3, 7, 500] {
        assert_eq!(
            me.all(&format!("/v1/books?limit={limit}")).await.unwrap(),
            all
        );
    }
}
