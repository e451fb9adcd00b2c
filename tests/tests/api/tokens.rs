//! Personal access tokens.

use contacts::Scope;
use contacts_tests::client::Request;
use serde_json::json;

use crate::support::{created, is_id, members, ok, problem, somebody, text};

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let me = somebody().await;
    let expires = "2099-01-02T03:04:05Z";
    let new = json!({"name": "script", "scopes": ["tokens", "contacts:read"], "expires": expires});
    let response = me.post("/v1/tokens", &new).await;
    let token = created(&response);
    assert_eq!(
        members(&token),
        ["id", "name", "scopes", "expires", "last_used", "token"]
    );
    is_id(&token["id"]);
    assert_eq!(token["scopes"], json!(["contacts:read", "tokens"]));
    assert_eq!(token["expires"], "2099-01-02T03:04:05.000Z");
    assert_eq!(token["last_used"], json!(null));
    let path = format!("/v1/tokens/{}", text(&token["id"]));
    assert_eq!(response.text("location"), Some(&*path));
    let secret = text(&token["token"]).to_owned();
    assert!(
        secret.starts_with("cm_") && secret.len() == 46,
        "a secret has 256 bits"
    );

    let listed = me.all("/v1/tokens").await.unwrap();
    assert_eq!(listed.len(), 2);
    for one in &listed {
        assert_eq!(
            members(one),
            ["id", "name", "scopes", "expires", "last_used"]
        );
        assert!(!one.to_string().contains(&secret));
    }
    let with = |path: &str| me.app.send(Request::new("GET", path).bearer(&secret));
    assert_eq!(with("/v1/books").await.status, 200);
    let listed = me.all("/v1/tokens").await.unwrap();
    let used = listed.iter().find(|one| one["id"] == token["id"]).unwrap();
    let today = jiff::Timestamp::now().to_string();
    assert!(
        today.starts_with(text(&used["last_used"])),
        "{used} on {today}"
    );

    assert_eq!(me.delete(&path).await.status, 204);
    problem(&with("/v1/books").await, 401, "unauthorized");
    problem(&me.delete(&path).await, 404, "token-not-found");
    problem(
        &me.delete("/v1/tokens/nonsense").await,
        404,
        "token-not-found",
    );
}

#[tokio::test]
async fn a_token_grants_no_more_than_its_maker_has() {
    let me = somebody().await;
    let keeper = me
        .app
        .caller_who("somebody", &[Scope::Tokens], None)
        .await
        .unwrap();
    let refused = keeper
        .post(
            "/v1/tokens",
            &json!({"name": "x", "scopes": ["tokens", "contacts:read"]}),
        )
        .await;
    problem(&refused, 403, "forbidden");
    created(
        &keeper
            .post("/v1/tokens", &json!({"name": "x", "scopes": ["tokens"]}))
            .await,
    );
}

#[tokio::test]
async fn a_token_does_not_outlive_its_maker() {
    let me = somebody().await;
    let until = "2099-01-02T03:04:05Z";
    let at = until.parse().unwrap();
    let keeper = me
        .app
        .caller_who("somebody", &[Scope::Tokens], Some(at))
        .await
        .unwrap();
    let new =
        |expires: Option<&str>| json!({"name": "x", "scopes": ["tokens"], "expires": expires});
    for expires in [
        None,
        Some("2099-01-02T03:04:06Z"),
        Some("2100-01-01T00:00:00Z"),
    ] {
        let refused = keeper.post("/v1/tokens", &new(expires)).await;
        let refused = problem(&refused, 422, "expiry-exceeded");
        assert_eq!(refused["latest"], "2099-01-02T03:04:05.000Z");
        assert!(text(&refused["detail"]).contains("`expires`"), "{refused}");
    }
    for expires in [until, "2099-01-02T03:04:04Z"] {
        created(&keeper.post("/v1/tokens", &new(Some(expires))).await);
    }
    // Who has no end may give any.
    created(&me.post("/v1/tokens", &new(None)).await);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let me = somebody().await;
    for body in [
        json!({}),
        json!({"name": "x"}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["all"]}),
        json!({"name": "", "scopes": ["tokens"]}),
        json!({"name": "a\nb", "scopes": ["tokens"]}),
        json!({"name": "x".repeat(201), "scopes": ["tokens"]}),
        json!({"name": "x", "scopes": ["tokens"], "expires": "2001-01-01T00:00:00Z"}),
        json!({"name": "x", "scopes": ["tokens"], "expires": "tomorrow"}),
        json!({"name": "x", "scopes": ["tokens"], "expires": 5}),
        json!({"name": "x", "scopes": ["tokens"], "token": "cm_mine"}),
    ] {
        problem(&me.post("/v1/tokens", &body).await, 400, "invalid-json");
    }
    let told = problem(
        &me.post("/v1/tokens", &json!({"name": "x"})).await,
        400,
        "invalid-json",
    );
    assert!(
        text(&told["detail"]).contains("`scopes` is missing"),
        "{told}"
    );
    let keyed = Request::new("POST", "/v1/tokens").header("idempotency-key", "k");
    let keyed = keyed.json(&json!({"name": "x", "scopes": ["tokens"]}));
    let refused = problem(&me.send(keyed).await, 400, "invalid-header");
    assert_eq!(refused["header"], "Idempotency-Key");
}

#[tokio::test]
async fn tokens_come_in_pages() {
    let me = somebody().await;
    for number in 0..4 {
        let new = json!({"name": format!("token {number}"), "scopes": ["contacts:read"]});
        created(&me.post("/v1/tokens", &new).await);
    }
    let all = me.all("/v1/tokens").await.unwrap();
    assert_eq!(all.len(), 5);
    for limit in [1, 2, 5, 6] {
        assert_eq!(
            me.all(&format!("/v1/tokens?limit={limit}")).await.unwrap(),
            all
        );
    }
    assert_eq!(ok(&me.get("/v1/tokens?limit=5").await).get("cursor"), None);
}
