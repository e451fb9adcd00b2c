//! JWTs of a real OpenID provider.

use contacts_tests::app::TestApp;
use contacts_tests::client::Request;
use contacts_tests::oidc::{Algorithm, OldKeys, Provider};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{CONTACTS, card, created, ok, problem, text};

const AUDIENCE: &str = "https://contacts.example";

async fn service(provider: &Provider) -> TestApp {
    let settings = [
        ("CONTACTS_OIDC_ISSUER", provider.issuer()),
        ("CONTACTS_OIDC_AUDIENCE", AUDIENCE),
    ];
    TestApp::with(&settings).await.unwrap()
}

async fn status(app: &TestApp, jwt: &str) -> u16 {
    let request = Request::new("GET", "/v1/books").bearer(jwt);
    app.send(request).await.status
}

#[tokio::test]
async fn a_subject_has_their_own_books_with_each_algorithm() {
    let provider = Provider::start().await.unwrap();
    let app = service(&provider).await;
    let mut books = Vec::new();
    for algorithm in Algorithm::ALL {
        for subject in ["ada", "bob"] {
            let jwt = provider
                .token(algorithm, AUDIENCE, subject, "")
                .await
                .unwrap();
            let post = Request::new("POST", CONTACTS)
                .bearer(&jwt)
                .json(&card(subject));
            created(&app.send(post).await);
            let list = ok(&app.send(Request::new("GET", CONTACTS).bearer(&jwt)).await);
            assert_eq!(list["items"].as_array().unwrap().len(), 1, "nobody else's");
            let book = ok(&app
                .send(Request::new("GET", "/v1/books/default").bearer(&jwt))
                .await);
            books.push(text(&book["id"]).to_owned());
            // Another token of the same subject reaches the same book.
            let again = provider
                .token(algorithm, AUDIENCE, subject, "")
                .await
                .unwrap();
            let again = ok(&app
                .send(Request::new("GET", "/v1/books/default").bearer(&again))
                .await);
            assert_eq!(again, book);
        }
    }
    for book in &books {
        let jwt = provider
            .token(Algorithm::Es256, AUDIENCE, "carl", "")
            .await
            .unwrap();
        let get = Request::new("GET", format!("/v1/books/{book}")).bearer(&jwt);
        problem(&app.send(get).await, 404, "book-not-found");
    }
    books.sort();
    books.dedup();
    assert_eq!(books.len(), 6);
}

#[tokio::test]
async fn scopes_are_those_of_the_token_and_none_means_all() {
    let provider = Provider::start().await.unwrap();
    let app = service(&provider).await;
    for (scope, expected) in [
        ("", [200, 201, 200]),
        ("contacts:read", [200, 403, 403]),
        ("contacts:write", [403, 201, 403]),
        ("tokens", [403, 403, 200]),
        ("contacts:read contacts:write", [200, 201, 403]),
    ] {
        let jwt = provider
            .token(Algorithm::EdDsa, AUDIENCE, "ada", scope)
            .await
            .unwrap();
        let mut statuses = Vec::new();
        for request in [
            Request::new("GET", CONTACTS),
            Request::new("POST", CONTACTS).json(&card("x")),
            Request::new("GET", "/v1/tokens"),
        ] {
            statuses.push(app.send(request.bearer(&jwt)).await.status);
        }
        assert_eq!(statuses, expected, "{scope:?}");
    }
    // A personal token made with a JWT grants no more than the JWT.
    let jwt = provider
        .token(Algorithm::Rs256, AUDIENCE, "ada", "tokens")
        .await
        .unwrap();
    let make = |scope: &str| {
        let new = json!({"name": "x", "scopes": [scope]});
        app.send(Request::new("POST", "/v1/tokens").bearer(&jwt).json(&new))
    };
    problem(&make("contacts:read").await, 403, "forbidden");
    let made = created(&make("tokens").await);
    let listed = Request::new("GET", "/v1/tokens").bearer(text(&made["token"]));
    ok(&app.send(listed).await);
}

fn claims(provider: &Provider) -> Value {
    let now = Timestamp::now().as_second();
    json!({"iss": provider.issuer(), "sub": "ada", "aud": AUDIENCE, "exp": now + 600, "iat": now})
}

#[tokio::test]
async fn what_does_not_prove_who_it_is_is_401() {
    let provider = Provider::start().await.unwrap();
    let app = service(&provider).await;
    let sign = async |header: Value, changes: Value| {
        let mut claims = claims(&provider);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        provider
            .sign(Algorithm::Es256, header, claims)
            .await
            .unwrap()
    };
    let good = sign(json!({}), json!({})).await;
    assert_eq!(status(&app, &good).await, 200);
    let now = Timestamp::now().as_second();
    for changes in [
        json!({"aud": "https://other.example"}),
        json!({"aud": null}),
        json!({"aud": ["https://other.example"]}),
        json!({"iss": "https://other.example"}),
        json!({"iss": null}),
        json!({"iss": format!("{}/", provider.issuer())}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"exp": now - 120}),
        json!({"exp": null}),
        json!({"nbf": now + 120}),
    ] {
        let jwt = sign(json!({}), changes.clone()).await;
        assert_eq!(status(&app, &jwt).await, 401, "{changes}");
    }
    for changes in [
        json!({"exp": now - 30}),
        json!({"nbf": now + 30}),
        json!({"aud": ["https://other.example", AUDIENCE]}),
    ] {
        let jwt = sign(json!({}), changes.clone()).await;
        assert_eq!(status(&app, &jwt).await, 200, "{changes}");
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"kid": "unknown"}),
        json!({"crit": ["exp"]}),
    ] {
        let jwt = sign(header.clone(), json!({})).await;
        assert_eq!(status(&app, &jwt).await, 401, "{header}");
    }
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(status(&app, &unsigned).await, 401);
    // Where no issuer is configured, a JWT is nothing.
    let plain = TestApp::new().await.unwrap();
    assert_eq!(status(&plain, &good).await, 401);
}

#[tokio::test]
async fn rotated_keys_are_fetched_once_and_withdrawn_ones_fall_out() {
    let provider = Provider::start().await.unwrap();
    let old = provider
        .token(Algorithm::Rs256, AUDIENCE, "ada", "")
        .await
        .unwrap();
    let app = service(&provider).await;
    assert_eq!(status(&app, &old).await, 200);
    for _ in 0..20 {
        assert_eq!(status(&app, &old).await, 200);
    }
    assert_eq!(provider.jwks_fetches().await.unwrap(), 1, "keys are kept");
    provider.rotate(OldKeys::Kept).await.unwrap();
    let new = provider
        .token(Algorithm::Rs256, AUDIENCE, "ada", "")
        .await
        .unwrap();
    // A service that starts now knows both; withdrawn keys are unknown to the next.
    let fresh = service(&provider).await;
    assert_eq!(
        (status(&fresh, &old).await, status(&fresh, &new).await),
        (200, 200)
    );
    provider.rotate(OldKeys::Withdrawn).await.unwrap();
    let newest = provider
        .token(Algorithm::Rs256, AUDIENCE, "ada", "")
        .await
        .unwrap();
    let fresh = service(&provider).await;
    let mut statuses = Vec::new();
    for jwt in [&old, &new, &newest] {
        statuses.push(status(&fresh, jwt).await);
    }
    assert_eq!(statuses, [401, 401, 200]);
}
