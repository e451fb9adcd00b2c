//! Who gets in: every route of the document with every kind of credential.

use std::time::Duration;

use contacts::Scope;
use contacts_tests::app::{Caller, TestApp};
use contacts_tests::client::{Request, Response};
use contacts_tests::contract::DOCUMENT;
use data_encoding::BASE64;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::{CONTACTS, add, at, card, created, ok, problem, somebody, text};

/// One request for each operation: its id, the scope it takes, the request to somebody's things.
struct Case {
    operation: &'static str,
    scope: Option<Scope>,
    request: Request,
}

/// Somebody's things, and a request for each operation on them. Those that write come last, the most
/// destructive at the very end.
async fn cases(owner: &Caller) -> Vec<Case> {
    let book = created(&owner.post("/v1/books", &json!({"name": "private"})).await);
    let book = format!("/v1/books/{}", text(&book["id"]));
    let contacts = format!("{book}/contacts");
    let contact = created(&owner.post(&contacts, &card("Private Person")).await);
    let contact = format!("{contacts}/{}", text(&contact["id"]));
    let new = json!({"name": "spare", "scopes": ["contacts:read"]});
    let token = created(&owner.post("/v1/tokens", &new).await);
    let token = format!("/v1/tokens/{}", text(&token["id"]));
    let wish = json!({"kind": "verify-book", "book": book.trim_start_matches("/v1/books/")});
    let job = owner.post("/v1/jobs", &wish).await.json().unwrap();
    let job = format!("/v1/jobs/{}", text(&job["id"]));
    let wish = json!({"book": book.trim_start_matches("/v1/books/"), "kinds": ["book.renamed"], "channel": "https", "endpoint": "https://private.example.org/"});
    let subscription = created(&owner.post("/v1/subscriptions", &wish).await);
    let subscription = format!("/v1/subscriptions/{}", text(&subscription["id"]));
    let hook = json!({"book": "default", "kinds": ["book.deleted"], "channel": "https", "endpoint": "http://127.0.0.1:9/hook"});
    let case = |operation, scope, request| Case {
        operation,
        scope,
        request,
    };
    let get = |path: &str| Request::new("GET", path);
    let read = Some(Scope::Read);
    let write = Some(Scope::Write);
    let tokens = Some(Scope::Tokens);
    vec![
        case("health", None, get("/health")),
        case("ready", None, get("/ready")),
        case("openapi", None, get("/openapi.json")),
        case("docs", None, get("/docs")),
        case("listBooks", read, get("/v1/books")),
        case("readBook", read, get(&book)),
        case("listContacts", read, get(&contacts)),
        case("readContact", read, get(&contact)),
        case("readChanges", read, get(&format!("{book}/changes"))),
        case("listJobs", read, get("/v1/jobs")),
        case("readJob", read, get(&job)),
        case("readReport", read, get(&format!("{job}/report"))),
        case("listSubscriptions", read, get("/v1/subscriptions")),
        case("readSubscription", read, get(&subscription)),
        case("readSystem", read, get("/v1/system")),
        case("readHistory", read, get("/v1/system/history")),
        case("listTokens", tokens, get("/v1/tokens")),
        case(
            "createBook",
            write,
            Request::new("POST", "/v1/books").json(&json!({"name": "x"})),
        ),
        case(
            "renameBook",
            write,
            Request::new("PATCH", &book).json(&json!({"name": "mine now"})),
        ),
        case(
            "createContact",
            write,
            Request::new("POST", &contacts).json(&card("x")),
        ),
        case(
            "batchContacts",
            write,
            Request::new("POST", format!("{contacts}/batch")).json(&json!({"items": []})),
        ),
        case(
            "replaceContact",
            write,
            Request::new("PUT", &contact).json(&card("y")),
        ),
        case(
            "patchContact",
            write,
            Request::new("PATCH", &contact).json(&json!({})),
        ),
        case(
            "createToken",
            tokens,
            Request::new("POST", "/v1/tokens").json(&json!({"name": "x", "scopes": ["tokens"]})),
        ),
        case("revokeToken", tokens, Request::new("DELETE", &token)),
        case(
            "startJob",
            write,
            Request::new("POST", "/v1/jobs")
                .json(&json!({"kind": "verify-book", "book": "default"})),
        ),
        case(
            "createSubscription",
            write,
            Request::new("POST", "/v1/subscriptions").json(&hook),
        ),
        case(
            "deleteSubscription",
            write,
            Request::new("DELETE", &subscription),
        ),
        case("cancelJob", write, Request::new("DELETE", &job)),
        case("deleteContact", write, Request::new("DELETE", &contact)),
        case("deleteBook", write, Request::new("DELETE", &book)),
    ]
}

#[tokio::test]
async fn every_route_is_among_the_cases() {
    let me = somebody().await;
    let mut tried: Vec<_> = cases(&me)
        .await
        .iter()
        .map(|case| case.operation.to_owned())
        .collect();
    let mut there: Vec<String> = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| text(&operation["operationId"]).to_owned())
        .collect();
    tried.sort();
    there.sort();
    assert_eq!(tried, there);
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let open = operation["security"] == json!([{}]) || operation["security"] == json!([]);
            assert_eq!(open, !path.starts_with("/v1"), "{path} says who may use it");
        }
    }
}

async fn is_refused(app: &TestApp, cases: &[Case], authorization: Option<&str>) {
    for case in cases {
        let mut request = case.request.clone();
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = app.send(request).await;
        match case.scope {
            None => assert_eq!(answer.status, 200, "{} is public", case.operation),
            Some(_) => drop(problem(&answer, 401, "unauthorized")),
        }
    }
}

#[tokio::test]
async fn without_a_good_credential_every_route_is_401() {
    let me = somebody().await;
    let cases = cases(&me).await;
    is_refused(&me.app, &cases, None).await;
    let unknown = format!("cm_{}", "x".repeat(43));
    let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair.as_bytes()));
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        &me.token,
        &format!("Bearer {unknown}"),
        &format!("Bearer {}x", me.token),
        &format!("Bearer {}", &me.token[..me.token.len() - 1]),
        &format!("Bearer {}", me.token.to_uppercase()),
        &format!("Digest {}", me.token),
        &basic(&format!("{}:password", me.token)),
        &basic(&format!("me:{unknown}")),
        "Bearer aaaa.bbbb.cccc",
    ] {
        is_refused(&me.app, &cases, Some(authorization)).await;
    }
    for case in cases.iter().filter(|case| case.scope.is_some()) {
        let twice = case.request.clone().bearer(&me.token).bearer(&me.token);
        problem(&me.app.send(twice).await, 401, "unauthorized");
    }
    assert_eq!(
        me.all("/v1/books").await.unwrap().len(),
        2,
        "nothing was done"
    );
}

#[tokio::test]
async fn an_expired_token_is_401_on_every_route() {
    let me = somebody().await;
    let cases = cases(&me).await;
    let soon = Timestamp::now() + 900.milliseconds();
    let short = me
        .app
        .caller_who("somebody", &Scope::ALL, Some(soon))
        .await
        .unwrap();
    assert_eq!(short.get("/v1/books").await.status, 200);
    // It is remembered by now, and ends on time all the same.
    until(async || short.get("/v1/books").await.status == 401).await;
    assert!(Timestamp::now() >= soon);
    is_refused(&me.app, &cases, Some(&format!("Bearer {}", short.token))).await;
    let past = Timestamp::now() - 1.hour();
    let past = me
        .app
        .caller_who("somebody", &Scope::ALL, Some(past))
        .await
        .unwrap();
    is_refused(&me.app, &cases, Some(&format!("Bearer {}", past.token))).await;
}

#[tokio::test]
async fn a_revoked_token_is_401_on_every_route_at_once_and_soon_elsewhere() {
    let me = somebody().await;
    let cases = cases(&me).await;
    let new = json!({"name": "short", "scopes": ["contacts:read", "contacts:write", "tokens"]});
    let short = created(&me.post("/v1/tokens", &new).await);
    let elsewhere = me.app.sibling().await.unwrap();
    let bearer = format!("Bearer {}", text(&short["token"]));
    let get = |app: &TestApp| {
        let app = app.clone();
        let request = Request::new("GET", "/v1/books").header("authorization", &bearer);
        async move { app.send(request).await.status }
    };
    assert_eq!((get(&me.app).await, get(&elsewhere).await), (200, 200));
    let path = format!("/v1/tokens/{}", text(&short["id"]));
    assert_eq!(me.delete(&path).await.status, 204);
    is_refused(&me.app, &cases, Some(&bearer)).await;
    // The other process remembers it for at most five seconds, however often it is used meanwhile.
    until(async || get(&elsewhere).await == 401).await;
    is_refused(&elsewhere, &cases, Some(&bearer)).await;
}

/// Waits for a condition; ten seconds are twice what anything here may take.
async fn until(holds: impl AsyncFn() -> bool) {
    let mut tries = tokio::time::interval(Duration::from_millis(50));
    let wait = async {
        while !holds().await {
            tries.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_with_too_few_scopes_is_403_and_names_the_missing_one() {
    let me = somebody().await;
    let cases = cases(&me).await;
    for missing in Scope::ALL {
        let others: Vec<_> = Scope::ALL
            .into_iter()
            .filter(|scope| *scope != missing)
            .collect();
        let narrow = me.app.caller_who("somebody", &others, None).await.unwrap();
        for case in cases.iter().filter(|case| case.scope == Some(missing)) {
            let refused = problem(&narrow.send(case.request.clone()).await, 403, "forbidden");
            assert_eq!(refused["scope"], missing.name(), "{}", case.operation);
        }
    }
    // And with the one scope it works, to the last.
    for case in &cases {
        let scopes: Vec<_> = case.scope.into_iter().collect();
        let enough = me.app.caller_who("somebody", &scopes, None).await.unwrap();
        let answer = enough.send(case.request.clone()).await;
        assert!(
            (200..300).contains(&answer.status),
            "{}: {answer:?}",
            case.operation
        );
    }
}

#[tokio::test]
async fn what_belongs_to_somebody_else_does_not_exist() {
    let me = somebody().await;
    let cases = cases(&me).await;
    let before = state(&me).await;
    let other = me.app.caller("somebody else").await.unwrap();
    add(&other, "Their own").await;
    for case in &cases {
        let answer: Response = other.send(case.request.clone()).await;
        let target = String::from_utf8_lossy(&case.request.target);
        // The history is everybody's.
        let is_common = target.starts_with("/v1/system");
        let theirs = target.matches('/').count() > 2 && target.starts_with("/v1") && !is_common;
        if theirs {
            assert_eq!(answer.status, 404, "{}", case.operation);
            let missing = me.app.send(Request::new("GET", "/v1/nothing")).await;
            assert_eq!(missing.status, 404);
        } else {
            assert!((200..300).contains(&answer.status), "{}", case.operation);
            let body = String::from_utf8_lossy(&answer.body);
            assert!(
                !body.contains("private") || !target.starts_with("/v1"),
                "{}",
                case.operation
            );
        }
    }
    assert_eq!(state(&me).await, before, "nothing of mine has changed");
    // The same contact id in a book of theirs is not mine either.
    let contact = text(&before[1]["id"]);
    problem(
        &other.get(&format!("{CONTACTS}/{contact}")).await,
        404,
        "contact-not-found",
    );
}

/// Everything somebody has.
async fn state(me: &Caller) -> Vec<Value> {
    let mut all = me.all("/v1/books").await.unwrap();
    all.sort_by_key(|book| book["name"].to_string());
    let private = all.iter().find(|book| book["name"] == "private").unwrap();
    let path = format!("/v1/books/{}/contacts", text(&private["id"]));
    let contacts = me.all(&path).await.unwrap();
    let mut state = vec![private.clone()];
    state.extend(contacts);
    let subscriptions = me.all("/v1/subscriptions").await.unwrap();
    let mine = |one: &&Value| one["book"] == private["id"];
    state.extend(subscriptions.iter().filter(mine).cloned());
    let tokens = me.all("/v1/tokens").await.unwrap();
    state.extend(tokens.into_iter().map(|token| token["id"].clone()));
    state
}

#[tokio::test]
async fn a_token_is_also_a_password() {
    let me = somebody().await;
    let contact = add(&me, "Ada").await;
    for user in ["", "anybody", "a@b.example"] {
        let pair = BASE64.encode(format!("{user}:{}", me.token).as_bytes());
        let get =
            Request::new("GET", at(&contact)).header("authorization", format!("basic {pair}"));
        assert_eq!(ok(&me.app.send(get).await), contact);
    }
}
