use contacts_tests::oidc::{Algorithm, OldKeys, Provider};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AUDIENCE: &str = "https://contacts.example";

/// The header and the claims.
fn decode(token: &str) -> [Value; 2] {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a JWT has three parts");
    [parts[0], parts[1]].map(|part| {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    })
}

async fn fetch(provider: &Provider, path: &str) -> Value {
    let address = provider.issuer().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn key_ids(provider: &Provider) -> Vec<String> {
    let keys = fetch(provider, "/jwks").await;
    let keys = keys["keys"].as_array().unwrap();
    assert!(
        keys.iter().all(|key| key.get("d").is_none()),
        "a private key is published"
    );
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn key_id(token: &str) -> String {
    decode(token)[0]["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_issues_access_tokens_of_each_algorithm() {
    let provider = Provider::start().await.unwrap();
    for algorithm in Algorithm::ALL {
        let token = provider
            .token(algorithm, AUDIENCE, "ann", "contacts:read tokens")
            .await
            .unwrap();
        let [header, claims] = decode(&token);
        assert_eq!(header["typ"], "at+jwt");
        assert!(key_ids(&provider).await.contains(&key_id(&token)));
        assert_eq!(claims["iss"], provider.issuer());
        assert_eq!(claims["aud"], AUDIENCE);
        assert_eq!(claims["scope"], "contacts:read tokens");
        let subject = claims["sub"].as_str().unwrap();
        assert_eq!(subject, format!("{}.ann", header["alg"].as_str().unwrap()));
    }
    let unscoped = provider.token(Algorithm::Es256, AUDIENCE, "ann", "").await;
    assert_eq!(decode(&unscoped.unwrap())[1].get("scope"), None);

    let configuration = fetch(&provider, "/.well-known/openid-configuration").await;
    let jwks = format!("{}/jwks", provider.issuer());
    assert_eq!(configuration["jwks_uri"], jwks);
}

#[tokio::test]
async fn it_signs_any_claims_with_its_own_key() {
    let provider = Provider::start().await.unwrap();
    let token = provider
        .sign(Algorithm::EdDsa, json!({"typ": "JWT"}), json!({"exp": 1}))
        .await
        .unwrap();
    let [header, claims] = decode(&token);
    assert_eq!(header["typ"], "JWT");
    assert_eq!(claims, json!({"exp": 1}));
    assert!(key_ids(&provider).await.contains(&key_id(&token)));
}

#[tokio::test]
async fn it_rotates_its_keys_and_counts_who_asks_for_them() {
    let provider = Provider::start().await.unwrap();
    let token = || provider.token(Algorithm::Rs256, AUDIENCE, "ann", "");
    let first = key_id(&token().await.unwrap());

    provider.rotate(OldKeys::Kept).await.unwrap();
    let second = key_id(&token().await.unwrap());
    assert_ne!(first, second);
    let published = key_ids(&provider).await;
    assert!(published.contains(&first) && published.contains(&second));

    provider.rotate(OldKeys::Withdrawn).await.unwrap();
    let third = key_id(&token().await.unwrap());
    let published = key_ids(&provider).await;
    assert!(published.contains(&third));
    assert!(!published.contains(&first) && !published.contains(&second));
    assert_eq!(provider.jwks_fetches().await.unwrap(), 2);
}

#[tokio::test]
async fn it_holds_its_keys_back_until_it_is_told() {
    let provider = Provider::start().await.unwrap();
    provider.hold_jwks().await.unwrap();
    let asking = tokio::spawn({
        let provider = provider.clone();
        async move { key_ids(&provider).await }
    });
    while provider.jwks_fetches().await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    provider.release_jwks().await.unwrap();
    assert_eq!(asking.await.unwrap().len(), 3);
}

#[tokio::test]
async fn it_ends_when_it_is_dropped() {
    let provider = Provider::start().await.unwrap();
    let address = provider.issuer().replace("http://", "");
    drop(provider);
    assert!(TcpStream::connect(address).await.is_err());
}
