//! Tokens signed here, by an issuer that is a connector in this process; and one over a socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaPublicKeyComponents,
};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const ISSUER: &str = "https://id.example";

enum Signer {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::Rsa(key) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": encode(&parts.n), "e": encode(&parts.e)})
            }
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(&point[1..33]), "y": encode(&point[33..])})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(key.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .unwrap();
                signature
            }
            Self::Ec(key) => key
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        self.token_with(
            &json!({"alg": self.algorithm(), "kid": kid, "typ": "at+jwt"}),
            claims,
        )
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = BASE64URL_NOPAD.encode(&self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "ann", "aud": "contacts", "exp": now() + 300})
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// An issuer without a network: its answers, and how often its keys were asked for.
#[derive(Debug, Clone, Default)]
struct FakeIssuer(Arc<FakeState>);

#[derive(Debug, Default)]
struct FakeState {
    discovery: Mutex<Value>,
    keys: Mutex<Vec<Value>>,
    down: std::sync::atomic::AtomicBool,
    fetches: AtomicUsize,
}

impl FakeIssuer {
    fn with(keys: Vec<Value>) -> Self {
        let issuer = Self::default();
        *issuer.0.discovery.lock().unwrap() =
            json!({"issuer": ISSUER, "jwks_uri": "https://id.example/keys"});
        *issuer.0.keys.lock().unwrap() = keys;
        issuer
    }

    fn verifier(&self) -> Verifier {
        self.verifier_with(POLICY)
    }

    fn verifier_with(&self, policy: Policy) -> Verifier {
        let http = SharedHttpConnector::new(self.clone());
        Verifier::with_policy(ISSUER, "contacts", http, policy).unwrap()
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }
}

impl HttpConnector for FakeIssuer {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let state = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            // Lets concurrent requests come in between.
            tokio::task::yield_now().await;
            let body = match request.uri() {
                "https://id.example/.well-known/openid-configuration" => {
                    state.fetches.fetch_add(1, Ordering::SeqCst);
                    state.discovery.lock().unwrap().clone()
                }
                "https://id.example/keys" => json!({"keys": *state.keys.lock().unwrap()}),
                other => panic!("{other} was asked for"),
            };
            if state.down.load(Ordering::SeqCst) {
                return Err(ConnectorError::io("down".into()));
            }
            let body = SdkBody::from(body.to_string());
            Ok(HttpResponse::new(200.try_into().unwrap(), body))
        })
    }
}

async fn refusal(verifier: &Verifier, token: &str) -> Refusal {
    verifier.check(token).await.unwrap_err()
}

#[tokio::test]
async fn the_three_algorithms_are_verified() {
    for signer in [Signer::rsa(), Signer::ec(), Signer::ed()] {
        let verifier = FakeIssuer::with(vec![signer.jwk("k")]).verifier();
        let identity = verifier
            .verify(&signer.token("k", &claims()))
            .await
            .unwrap();
        assert_eq!((&*identity.issuer, &*identity.subject), (ISSUER, "ann"));
        assert_eq!(identity.scopes, None);
    }
}

#[tokio::test]
async fn scopes_come_from_scope_or_scp() {
    let signer = Signer::ed();
    let verifier = FakeIssuer::with(vec![signer.jwk("k")]).verifier();
    let wanted = Some(vec!["contacts:read".to_owned(), "tokens".to_owned()]);
    for (name, value) in [
        ("scope", json!("contacts:read  tokens")),
        ("scp", json!("contacts:read tokens")),
        ("scp", json!(["contacts:read", "tokens"])),
    ] {
        let token = signer.token("k", &claims_with(name, value));
        assert_eq!(
            verifier.verify(&token).await.unwrap().scopes,
            wanted,
            "{name}"
        );
    }
    let token = signer.token("k", &claims_with("scope", json!("")));
    assert_eq!(verifier.verify(&token).await.unwrap().scopes, Some(vec![]));
    let token = signer.token("k", &claims_with("scope", json!(7)));
    assert_eq!(refusal(&verifier, &token).await, Refusal::Malformed);
}

#[tokio::test]
async fn claims_are_checked_with_60_seconds_of_leeway() {
    let signer = Signer::ed();
    let verifier = FakeIssuer::with(vec![signer.jwk("k")]).verifier();
    for (name, value, wanted) in [
        ("exp", json!(now() - 30), Ok(())),
        ("exp", json!(now() - 120), Err(Refusal::Expired)),
        ("exp", json!("soon"), Err(Refusal::Malformed)),
        ("exp", json!(null), Err(Refusal::Malformed)),
        ("nbf", json!(now() + 30), Ok(())),
        ("nbf", json!(now() + 120), Err(Refusal::NotYetValid)),
        ("iss", json!("https://id.example/"), Err(Refusal::Issuer)),
        ("iss", json!([ISSUER]), Err(Refusal::Malformed)),
        ("aud", json!(["other", "contacts"]), Ok(())),
        ("aud", json!("other"), Err(Refusal::Audience)),
        ("aud", json!(null), Err(Refusal::Malformed)),
        ("sub", json!(""), Err(Refusal::Malformed)),
        ("sub", json!("a".repeat(256)), Err(Refusal::Malformed)),
        ("sub", json!(null), Err(Refusal::Malformed)),
    ] {
        let token = signer.token("k", &claims_with(name, value.clone()));
        assert_eq!(
            verifier.check(&token).await.map(|_| ()),
            wanted,
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn other_algorithms_are_refused_by_name() {
    let signer = Signer::rsa();
    let verifier = FakeIssuer::with(vec![signer.jwk("k")]).verifier();
    for algorithm in [
        "none", "None", "HS256", "HS512", "RS512", "PS256", "ES384", "x",
    ] {
        let token = signer.token_with(&json!({"alg": algorithm, "kid": "k"}), &claims());
        assert_eq!(
            refusal(&verifier, &token).await,
            Refusal::Algorithm,
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn an_algorithm_is_only_used_with_a_key_made_for_it() {
    let (rsa, ec) = (Signer::rsa(), Signer::ec());
    let verifier = FakeIssuer::with(vec![rsa.jwk("r"), ec.jwk("e")]).verifier();
    let token = ec.token_with(&json!({"alg": "ES256", "kid": "r"}), &claims());
    assert_eq!(refusal(&verifier, &token).await, Refusal::UnknownKey);
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("RS512")),
        ("key_ops", json!(["sign"])),
    ] {
        let mut jwk = rsa.jwk("k");
        jwk[name] = value;
        let verifier = FakeIssuer::with(vec![jwk]).verifier();
        assert_eq!(
            refusal(&verifier, &rsa.token("k", &claims())).await,
            Refusal::UnknownKey,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_signature_of_another_key_or_over_other_claims_is_refused() {
    let (listed, other) = (Signer::ec(), Signer::ec());
    let verifier = FakeIssuer::with(vec![listed.jwk("k")]).verifier();
    assert_eq!(
        refusal(&verifier, &other.token("k", &claims())).await,
        Refusal::Signature
    );
    let honest = listed.token("k", &claims());
    let forged = listed.token("k", &claims_with("sub", json!("eve")));
    let (head_and_claims, _) = forged.rsplit_once('.').unwrap();
    let (_, signature) = honest.rsplit_once('.').unwrap();
    let mixed = format!("{head_and_claims}.{signature}");
    assert_eq!(refusal(&verifier, &mixed).await, Refusal::Signature);
}

#[tokio::test]
async fn malformed_and_oversized_tokens_are_refused_without_a_fetch() {
    let issuer = FakeIssuer::with(vec![]);
    let verifier = issuer.verifier();
    for token in ["", "a.b.c", "a.b", &"a".repeat(MAX_TOKEN + 1)] {
        assert_eq!(
            refusal(&verifier, token).await,
            Refusal::Malformed,
            "{}",
            token.len()
        );
    }
    let signer = Signer::ed();
    let critical = json!({"alg": "EdDSA", "kid": "k", "crit": ["x"], "x": 1});
    let token = signer.token_with(&critical, &claims());
    assert_eq!(refusal(&verifier, &token).await, Refusal::Malformed);
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_a_single_fitting_key() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let token = one.token_with(&json!({"alg": "EdDSA"}), &claims());
    let verifier = FakeIssuer::with(vec![one.jwk("1"), Signer::ec().jwk("2")]).verifier();
    assert!(verifier.check(&token).await.is_ok());
    let verifier = FakeIssuer::with(vec![one.jwk("1"), two.jwk("2")]).verifier();
    assert_eq!(refusal(&verifier, &token).await, Refusal::UnknownKey);
}

#[tokio::test]
async fn keys_of_unknown_kinds_are_skipped() {
    let signer = Signer::ed();
    let odd = vec![json!({"kty": "AKP", "kid": "a"}), json!(7), signer.jwk("k")];
    assert!(
        FakeIssuer::with(odd)
            .verifier()
            .check(&signer.token("k", &claims()))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn many_requests_at_once_share_one_fetch() {
    let signer = Signer::ed();
    let issuer = FakeIssuer::with(vec![signer.jwk("k")]);
    let verifier = issuer.verifier();
    let token = signer.token("k", &claims());
    let results = futures::future::join_all((0..50).map(|_| verifier.check(&token))).await;
    assert!(results.iter().all(std::result::Result::is_ok));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_key_id_fetches_once_and_invented_ones_do_not_stampede() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let issuer = FakeIssuer::with(vec![old.jwk("old")]);
    let verifier = issuer.verifier_with(Policy {
        pause: Duration::ZERO,
        ..POLICY
    });
    verifier.check(&old.token("old", &claims())).await.unwrap();
    *issuer.0.keys.lock().unwrap() = vec![new.jwk("new")];
    verifier.check(&new.token("new", &claims())).await.unwrap();
    assert_eq!(issuer.fetches(), 2);

    let verifier = issuer.verifier();
    verifier.check(&new.token("new", &claims())).await.unwrap();
    for n in 0..50 {
        let token = new.token(&format!("invented-{n}"), &claims());
        assert_eq!(refusal(&verifier, &token).await, Refusal::UnknownKey);
    }
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn old_keys_serve_while_the_issuer_is_down_and_not_for_ever() {
    let signer = Signer::ed();
    let token = signer.token("k", &claims());
    let always_old = Policy {
        fresh: Duration::ZERO,
        pause: Duration::ZERO,
        ..POLICY
    };
    let issuer = FakeIssuer::with(vec![signer.jwk("k")]);
    let verifier = issuer.verifier_with(always_old);
    verifier.check(&token).await.unwrap();
    issuer.set_down(true);
    verifier.check(&token).await.unwrap();
    assert!(issuer.fetches() >= 2, "they are fetched again");

    let issuer = FakeIssuer::with(vec![signer.jwk("k")]);
    let too_old = Policy {
        stale: Duration::ZERO,
        first_pause: Duration::ZERO,
        ..always_old
    };
    assert_eq!(
        refusal(&issuer.verifier_with(too_old), &token).await,
        Refusal::Unavailable
    );
}

#[tokio::test]
async fn an_issuer_that_is_down_is_503_and_recovers() {
    let signer = Signer::ed();
    let token = signer.token("k", &claims());
    let issuer = FakeIssuer::with(vec![signer.jwk("k")]);
    issuer.set_down(true);
    let verifier = issuer.verifier_with(Policy {
        first_pause: Duration::ZERO,
        ..POLICY
    });
    let problem = verifier.verify(&token).await.unwrap_err();
    assert_eq!(problem.document(None)["type"], "/docs#problem-unavailable");
    issuer.set_down(false);
    assert!(verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_or_with_plain_http_keys_is_refused() {
    let signer = Signer::ed();
    for discovery in [
        json!({"issuer": "https://evil.example", "jwks_uri": "https://id.example/keys"}),
        json!({"issuer": ISSUER, "jwks_uri": "http://id.example/keys"}),
        json!({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/keys"}),
        json!({"issuer": ISSUER}),
    ] {
        let issuer = FakeIssuer::with(vec![signer.jwk("k")]);
        *issuer.0.discovery.lock().unwrap() = discovery;
        let refused = refusal(&issuer.verifier(), &signer.token("k", &claims())).await;
        assert_eq!(refused, Refusal::Unavailable);
    }
}

#[test]
fn an_issuer_is_an_https_url_or_on_loopback() {
    let new = |issuer| Verifier::new(issuer, "a", SharedHttpConnector::new(FakeIssuer::default()));
    for good in [
        "https://id.example/realms/a",
        "http://127.0.0.1:80",
        "http://[::1]",
        "http://localhost/x",
    ] {
        assert!(new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "id.example",
        "http://id.example",
        "https://a?b",
        "https://a#b",
        "https://u@a",
        "ftp://a",
    ] {
        assert!(new(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn the_usual_connector_reads_the_keys_over_a_loopback_socket() {
    let signer = Signer::rsa();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string();
    let keys = json!({"keys": [signer.jwk("k")]}).to_string();
    let server = tokio::spawn(async move {
        for body in [discovery, keys] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let verifier = Verifier::new(&issuer, "contacts", connector()).unwrap();
    let token = signer.token("k", &claims_with("iss", json!(issuer)));
    assert_eq!(verifier.verify(&token).await.unwrap().subject, "ann");
    server.await.unwrap();
}
