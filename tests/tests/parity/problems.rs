//! Every kind of problem there is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use contacts::Scope;
use contacts_http::problem::Kind;
use contacts_tests::client::Request;
use contacts_tests::faults::{Fault, Gate, Rule};
use contacts_tests::twins::{Twins, member};
use serde_json::json;

use crate::support::{
    CONTACTS, anonymous, card, contact_of_each, get, has_status, patch, post, twins, vcard,
};

/// Kinds that both targets cannot be brought to give, or that a test of one target shows.
const ELSEWHERE: [(Kind, &str); 5] = [
    (Kind::RateLimited, "there is no limit here: see cache.rs"),
    (Kind::Timeout, "takes its time: in a test of its own, below"),
    (
        Kind::BadRequest,
        "stands for answers of libraries; nothing gives one today",
    ),
    (
        Kind::RequestTimeout,
        "a function gets its body at once: see container.rs",
    ),
    (
        Kind::Overloaded,
        "a sandbox serves one request at a time: see container.rs; by throttling, below",
    ),
];

fn missing(twins: &Twins) -> BTreeSet<&'static str> {
    let seen: BTreeSet<String> = twins
        .compared()
        .into_iter()
        .filter_map(|one| one.problem)
        .collect();
    Kind::ALL
        .iter()
        .filter(|kind| ELSEWHERE.iter().all(|(other, _)| other != *kind))
        .map(|kind| kind.slug())
        .filter(|slug| !seen.contains(*slug))
        .collect()
}

#[tokio::test]
async fn every_kind_of_problem_is_the_same_bytes() {
    let twins = Twins::with(&[], 2).await.unwrap();
    requests(&twins).await;
    credentials(&twins).await;
    conflicts(&twins).await;
    subscriptions(&twins).await;
    running(&twins).await;
    too_old(&twins).await;
    database(&twins).await;
    let missing = missing(&twins);
    assert!(missing.is_empty(), "add a case here for {missing:?}");
}

async fn requests(twins: &Twins) {
    let hook = |kind: &str, url: &str| json!({"book": "default", "kinds": [kind], "channel": "https", "endpoint": url});
    for (request, status) in [
        (get("/missing"), 404),
        (get("/v1/books/nobody"), 404),
        (get("/v1/books?limit=0"), 400),
        (
            post(CONTACTS, &card("x")).header("idempotency-key", ""),
            400,
        ),
        (post(CONTACTS, &json!(1)), 422),
        (post("/v1/books", &json!({"no": 1})), 400),
        (post("/v1/books", &json!({"name": ""})), 400),
        (vcard("POST", CONTACTS, b"\xff"), 400),
        (vcard("POST", CONTACTS, b"BEGIN:VCARD"), 422),
        (
            post(
                CONTACTS,
                &json!({"@type": "Card", "version": "1.0", "emails": 1}),
            ),
            422,
        ),
        (get(&format!("{CONTACTS}/nobody")), 404),
        (Request::new("DELETE", "/v1/tokens/nobody"), 404),
        (get("/v1/jobs/nobody"), 404),
        (get("/v1/subscriptions/nobody"), 404),
        (
            post(
                "/v1/subscriptions",
                &hook("contact.created", "https://10.0.0.1/"),
            ),
            422,
        ),
        (
            post(
                "/v1/subscriptions",
                &hook("contact.created", "http://127.0.0.1/"),
            ),
            422,
        ),
        (
            post(
                "/v1/subscriptions",
                &hook("contact.lost", "https://1.1.1.1/"),
            ),
            400,
        ),
        (Request::new("PUT", "/v1/books"), 405),
        (get(CONTACTS).header("accept", "image/png"), 406),
        (Request::new("POST", CONTACTS).body("text/plain", "x"), 415),
        (
            post("/v1/books", &json!({"name": "x".repeat(1_100_000)})),
            413,
        ),
        (
            post(
                &format!("{CONTACTS}/batch"),
                &json!({"items": vec![json!({"op": "x"}); 201]}),
            ),
            413,
        ),
        (get(&format!("/{}", "a".repeat(9_000))), 414),
        (
            get("/health")
                .header("x-large", "a".repeat(9_000))
                .header("x-more", "a".repeat(9_000)),
            431,
        ),
    ] {
        has_status(&twins.same(request).await, status);
    }
}

async fn credentials(twins: &Twins) {
    has_status(&twins.same(anonymous(get("/v1/books"))).await, 401);
    has_status(&twins.same(get("/v1/books").bearer("cm_wrong")).await, 401);
    let reader = twins
        .token_for("reader", &[Scope::Read], None)
        .await
        .unwrap();
    has_status(&twins.same(get("/v1/tokens").bearer(&reader)).await, 403);
    has_status(
        &twins.same(post(CONTACTS, &card("x")).bearer(&reader)).await,
        403,
    );
    let keeper = twins
        .token_for("keeper", &[Scope::Tokens], None)
        .await
        .unwrap();
    let more = json!({"name": "x", "scopes": ["contacts:write"]});
    has_status(
        &twins.same(post("/v1/tokens", &more).bearer(&keeper)).await,
        403,
    );
    let soon = "2099-01-01T00:00:00Z".parse().unwrap();
    let mortal = twins
        .token_for("mortal", &Scope::ALL, Some(soon))
        .await
        .unwrap();
    has_status(
        &twins.same(post("/v1/tokens", &more).bearer(&mortal)).await,
        422,
    );
    let past = "2020-01-01T00:00:00Z".parse().unwrap();
    let expired = twins
        .token_for("late", &Scope::ALL, Some(past))
        .await
        .unwrap();
    has_status(&twins.same(get("/v1/books").bearer(&expired)).await, 401);
}

async fn conflicts(twins: &Twins) {
    has_status(
        &twins
            .same(Request::new("DELETE", "/v1/books/default"))
            .await,
        409,
    );
    let paths = contact_of_each(twins, "Ada").await;
    let stale = twins
        .each(|side| patch(&paths[side], &json!({})).header("if-match", "\"9\""))
        .await;
    has_status(&stale[0], 412);
    let other = json!({"uid": "other"});
    has_status(
        &twins.each(|side| patch(&paths[side], &other)).await[0],
        409,
    );
    let books = twins
        .each(|_| post("/v1/books", &json!({"name": "x"})))
        .await;
    let books = member(&books, "id")
        .unwrap()
        .map(|id| format!("/v1/books/{id}"));
    let mut taken = card("x");
    taken["uid"] = json!("taken");
    for status in [201, 409] {
        let answers = twins
            .each(|side| post(&format!("{}/contacts", books[side]), &taken))
            .await;
        has_status(&answers[0], status);
    }
    let gone = twins
        .each(|side| Request::new("DELETE", &books[side]))
        .await;
    has_status(&gone[0], 202);
    let jobs = member(&gone, "id")
        .unwrap()
        .map(|id| format!("/v1/jobs/{id}"));
    for job in &jobs {
        has_status(&twins.same(Request::new("DELETE", job)).await, 409);
    }
    let with_key = |text: &str| post(CONTACTS, &card(text)).header("idempotency-key", "a-key");
    has_status(
        &twins.albs[0].send(twins.dressed(with_key("One"))).await,
        201,
    );
    has_status(&twins.same(with_key("Two")).await, 422);
}

async fn subscriptions(twins: &Twins) {
    let wish = json!({"book": "default", "kinds": ["book.renamed"], "channel": "https", "endpoint": "https://1.1.1.1/"});
    // A book has fifty at most, and both make one at a time.
    for _ in 0..25 {
        let made = twins.each(|_| post("/v1/subscriptions", &wish)).await;
        has_status(&made[0], 201);
    }
    has_status(&twins.same(post("/v1/subscriptions", &wish)).await, 409);
    let other = twins.token_for("other", &Scope::ALL, None).await.unwrap();
    let theirs = post("/v1/subscriptions", &wish).bearer(&other);
    has_status(&twins.same(theirs).await, 409);
}

/// Holds a write of each at the database and sends it again.
async fn running(twins: &Twins) {
    let gate = Gate::closed();
    twins
        .faults
        .inject(Rule::new(Fault::Wait(gate.clone())).on("TransactWriteItems"));
    let request =
        |side: usize| post(CONTACTS, &card("Held")).header("idempotency-key", ["c", "l"][side]);
    let again = async {
        gate.arrived(2).await;
        let answers = twins.each(request).await;
        twins.faults.clear();
        gate.open();
        answers
    };
    let (held, again) = tokio::join!(twins.each(request), again);
    has_status(&held[0], 201);
    has_status(&again[0], 409);
    assert!(again[0].text("retry-after").is_some());
}

/// Makes the change log look as if it had expired.
async fn too_old(twins: &Twins) {
    let feed = "/v1/books/default/changes";
    let mut path = feed.to_owned();
    let token = loop {
        let page = twins.same(get(&path)).await.json().unwrap();
        let token = page["token"].as_str().unwrap().to_owned();
        path = format!("{feed}?since={token}");
        if page["more"] == false {
            break token;
        }
    };
    contact_of_each(twins, "Later").await;
    let hidden = twins
        .faults
        .hide(|item| item.get("write").is_some() && item.get("card").is_some());
    has_status(
        &twins.same(get(&format!("{feed}?since={token}"))).await,
        410,
    );
    drop(hidden);
}

async fn database(twins: &Twins) {
    let paths = contact_of_each(twins, "Ada").await;
    let all = || twins.faults.inject(Rule::new(Fault::InternalServerError));
    all();
    has_status(&twins.same(get("/ready")).await, 503);
    let down = twins.same(get(&paths[0])).await;
    has_status(&down, 503);
    assert!(down.text("retry-after").is_some());
    twins.faults.clear();
    twins
        .faults
        .inject(Rule::new(Fault::Throttle).on("TransactWriteItems"));
    let busy = twins
        .each(|side| patch(&paths[side], &json!({"kind": "org"})))
        .await;
    has_status(&busy[0], 503);
    twins.faults.clear();
    has_status(&twins.same(get("/ready")).await, 200);
    damage(twins).await;
}

/// Leaves nothing but the keys of all rows about a contact of somebody else.
async fn damage(twins: &Twins) {
    let token = twins
        .token_for("somebody else", &Scope::ALL, None)
        .await
        .unwrap();
    let made = twins.albs[0]
        .send(twins.dressed(post(CONTACTS, &card("Damaged")).bearer(&token)))
        .await;
    let path = made.text("location").unwrap();
    let id = path.rsplit('/').next().unwrap();
    let database = twins.faults.endpoint().client();
    let all = database
        .scan()
        .table_name(contacts_tests::twins::TABLE)
        .send()
        .await
        .unwrap();
    let rows = all.items().iter().filter(|item| {
        item.values()
            .any(|value| value.as_s().is_ok_and(|text| text.contains(id)))
    });
    for row in rows {
        let mut broken = row.clone();
        broken.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
        let put = database.put_item().table_name(contacts_tests::twins::TABLE);
        put.set_item(Some(broken)).send().await.unwrap();
    }
    has_status(&twins.same(get(path).bearer(&token)).await, 500);
}

/// A database that answers each call at the third attempt only, six seconds late: a first write takes
/// more of them than there is time for.
#[tokio::test]
async fn a_late_answer_is_the_same_504() {
    let twins = twins().await;
    let one = twins.token_for("one", &Scope::ALL, None).await.unwrap();
    let other = twins.token_for("other", &Scope::ALL, None).await.unwrap();
    let gate = Gate::closed();
    let attempts = Mutex::new(HashMap::<String, u32>::new());
    let is_early = move |call: &serde_json::Value| {
        let mut attempts = attempts.lock().unwrap();
        let count = attempts.entry(call.to_string()).or_default();
        *count += 1;
        *count < 3
    };
    twins
        .faults
        .inject(Rule::new(Fault::Wait(gate.clone())).when(is_early));
    let request = |side: usize| {
        let request = post(CONTACTS, &card("Late")).bearer([&one, &other][side]);
        request.header("idempotency-key", "late")
    };
    has_status(&twins.each(request).await[0], 504);
    twins.faults.clear();
    gate.open();
}

#[tokio::test]
async fn an_error_names_the_request_and_nothing_else_differs_with_its_id() {
    let twins = twins().await;
    let answer = twins
        .same(get("/missing").header("x-request-id", "mine"))
        .await;
    assert_eq!(answer.json().unwrap()["request_id"], "mine");
}
