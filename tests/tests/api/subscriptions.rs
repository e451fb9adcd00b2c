//! Subscriptions over HTTP.

use contacts::Scope;
use contacts_tests::client::Request;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{add, created, is_id, is_time, members, ok, problem, somebody, text};

const PATH: &str = "/v1/subscriptions";

fn wish(url: &str) -> Value {
    json!({"book": "default", "kinds": ["contact.created", "book.renamed"], "channel": "https", "endpoint": url})
}

#[tokio::test]
async fn a_subscription_is_made_read_listed_and_deleted() {
    let me = somebody().await;
    let answer = me.post(PATH, &wish("https://hooks.example.org:443")).await;
    let made = created(&answer);
    let wanted = [
        "id",
        "book",
        "kinds",
        "channel",
        "endpoint",
        "detail",
        "time_zone",
        "state",
        "created",
    ];
    assert_eq!(members(&made), wanted);
    is_id(&made["id"]);
    is_time(&made["created"]);
    let book = ok(&me.get("/v1/books/default").await);
    assert_eq!(made["book"], book["id"]);
    assert_eq!(made["endpoint"], "https://hooks.example.org/");
    assert_eq!(made["kinds"], json!(["contact.created", "book.renamed"]));
    assert_eq!(
        [&made["detail"], &made["time_zone"], &made["state"]],
        ["none", "UTC", "confirmed"]
    );
    let path = format!("{PATH}/{}", text(&made["id"]));
    assert_eq!(answer.text("location"), Some(path.as_str()));
    assert_eq!(ok(&me.get(&path).await), made);
    assert_eq!(me.all(PATH).await.unwrap(), [made]);
    assert_eq!(me.delete(&path).await.status, 204);
    problem(&me.delete(&path).await, 404, "subscription-not-found");
    problem(&me.get(&path).await, 404, "subscription-not-found");
    assert!(me.all(PATH).await.unwrap().is_empty());
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_makes_one() {
    let me = somebody().await;
    let request = || {
        let request = Request::new("POST", PATH).json(&wish("https://hooks.example.org/"));
        request.header("idempotency-key", "k1")
    };
    let first = me.send(request()).await;
    let again = me.send(request()).await;
    created(&first);
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.text("location"), again.text("location"));
    assert_eq!(me.all(PATH).await.unwrap().len(), 1);
    // What was refused is tried anew.
    let bad = Request::new("POST", PATH).json(&wish("https://10.0.0.1/"));
    let bad = || bad.clone().header("idempotency-key", "k2");
    problem(&me.send(bad()).await, 422, "invalid-endpoint");
    problem(&me.send(bad()).await, 422, "invalid-endpoint");
}

#[tokio::test]
async fn wishes_that_cannot_be_met_say_why() {
    let me = somebody().await;
    let with = |name: &str, value: Value| {
        let mut wish = wish("https://hooks.example.org/");
        wish[name] = value;
        wish
    };
    for (body, status, kind, said) in [
        (
            with("kinds", json!([])),
            400,
            "invalid-json",
            "at least one kind",
        ),
        (
            with("kinds", json!(["x"])),
            400,
            "invalid-json",
            "contact.created",
        ),
        (
            with("channel", json!("sms")),
            400,
            "invalid-json",
            "email, sqs, https",
        ),
        (
            with("detail", json!("all")),
            400,
            "invalid-json",
            "none, name",
        ),
        (
            with("time_zone", json!("Mars/Olympus")),
            400,
            "invalid-json",
            "Europe/Berlin",
        ),
        (with("more", json!(1)), 400, "invalid-json", "`time_zone`"),
        (
            with("book", json!("nobody")),
            404,
            "book-not-found",
            "GET /v1/books",
        ),
        (
            with("channel", json!("email")),
            422,
            "invalid-endpoint",
            "CONTACTS_TOPIC_ARN",
        ),
        (
            with("endpoint", json!("http://a.example.org/")),
            422,
            "invalid-endpoint",
            "https://",
        ),
        (
            with("endpoint", json!("https://[fd00::1]/")),
            422,
            "invalid-endpoint",
            "public internet",
        ),
        (
            with("endpoint", json!("https://lost.example/")),
            422,
            "invalid-endpoint",
            "no address",
        ),
    ] {
        let answer = problem(&me.post(PATH, &body).await, status, kind);
        assert!(text(&answer["detail"]).contains(said), "{answer}");
    }
    let mine = wish("https://hooks.example.org/mine");
    created(&me.post(PATH, &mine).await);
    let other = me.app.caller("other").await.unwrap();
    problem(&other.post(PATH, &mine).await, 409, "endpoint-in-use");
    assert_eq!(me.all(PATH).await.unwrap().len(), 1);
    assert!(other.all(PATH).await.unwrap().is_empty());
    let reader = me
        .app
        .caller_who("somebody", &[Scope::Read], None)
        .await
        .unwrap();
    problem(&reader.post(PATH, &mine).await, 403, "forbidden");
    assert_eq!(reader.all(PATH).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_book_with_fifty_subscriptions_takes_no_more_and_says_so() {
    let me = somebody().await;
    for _ in 0..50 {
        created(&me.post(PATH, &wish("https://hooks.example.org/")).await);
    }
    let full = me.post(PATH, &wish("https://hooks.example.org/")).await;
    let full = problem(&full, 409, "too-many-subscriptions");
    assert_eq!(
        (&full["limit"], &full["maximum"]),
        (&json!("subscriptions-of-a-book"), &json!(50))
    );
    add(&me, "Ada").await;
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_url_of_this_machine_is_told_by_the_worker_what_was_done_over_http() {
    let me = somebody().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, mut received) = mpsc::unbounded_channel();
    let take = move |body: String| async move { sender.send(body).unwrap() };
    let hook = axum::Router::new().route("/hook", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, hook).await });

    let mut all = wish(&url);
    all["kinds"] = json!(["contact.created", "contact.changed", "contact.deleted"]);
    all["detail"] = json!("name");
    let subscription = created(&me.post(PATH, &all).await);
    let ada = add(&me, "Ada").await;
    let path = crate::support::at(&ada);
    ok(&me.patch(&path, &json!({"kind": "org"})).await);
    assert_eq!(me.delete(&path).await.status, 204);
    me.app.work().await.unwrap();
    let mut events = Vec::new();
    while let Ok(body) = received.try_recv() {
        events.push(serde_json::from_str::<Value>(&body).unwrap());
    }
    let kinds: Vec<_> = events.iter().map(|event| text(&event["kind"])).collect();
    assert_eq!(
        kinds,
        ["contact.created", "contact.changed", "contact.deleted"]
    );
    for (event, number) in events.iter().zip(1..) {
        assert_eq!(event["sequence"], number);
        assert_eq!(event["contact"]["id"], ada["id"]);
        assert_eq!(event["subscription"], subscription["id"]);
    }
    me.app.check().await.unwrap();
}
