//! The issuer's keys, kept in process and fetched by one request at a time.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::Policy;
use super::fetch::{FetchError, Issuer};

pub(super) const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Keys of one issuer that are looked at; the rest of a longer list is ignored.
const MAX_KEYS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The issuer lists no such key.
    Unknown,
    /// The issuer could not be asked.
    Unavailable,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Debug)]
struct KeySet {
    keys: Vec<Key>,
    fetched: Instant,
}

impl KeySet {
    /// The key with this id, or, for a token that names none, the only one of its algorithm.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then(|| first.key.clone())
    }
}

#[derive(Debug)]
pub(super) struct Keys {
    issuer: Issuer,
    policy: Policy,
    set: RwLock<Option<Arc<KeySet>>>,
    /// When a fetch last began. Held during the fetch: this is what makes it a single flight.
    last_fetch: Mutex<Option<Instant>>,
}

impl Keys {
    pub(super) fn new(issuer: Issuer, policy: Policy) -> Self {
        Self {
            issuer,
            policy,
            set: RwLock::new(None),
            last_fetch: Mutex::new(None),
        }
    }

    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, KeyError> {
        let known = self.usable().and_then(|set| {
            Some((
                set.find(id, algorithm)?,
                set.fetched.elapsed() < self.policy.fresh,
            ))
        });
        if let Some((key, true)) = known {
            return Ok(key);
        }
        self.refresh(known.is_some()).await;
        match self.usable() {
            Some(set) => set.find(id, algorithm).ok_or(KeyError::Unknown),
            None => Err(KeyError::Unavailable),
        }
    }

    /// Fetches the keys, unless that was just done or, if an old key `will_do`, is being done.
    async fn refresh(&self, will_do: bool) {
        let asked = Instant::now();
        let mut last = if will_do {
            let Ok(last) = self.last_fetch.try_lock() else {
                return;
            };
            last
        } else {
            self.last_fetch.lock().await
        };
        let set = self.usable();
        let pause = match set {
            Some(_) => self.policy.pause,
            None => self.policy.first_pause,
        };
        // Somebody else fetched while this request waited, or shortly before.
        let done = set.is_some_and(|set| set.fetched >= asked);
        if done || last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        *last = Some(Instant::now());
        match self.fetch().await {
            Ok(set) => {
                let mut current = self.set.write().unwrap_or_else(PoisonError::into_inner);
                *current = Some(Arc::new(set));
            }
            Err(error) => tracing::warn!(%error, "the OIDC issuer's keys could not be fetched"),
        }
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let jwks = self.issuer.jwks().await?;
        Ok(KeySet {
            keys: parse(&jwks)?,
            fetched: Instant::now(),
        })
    }

    fn usable(&self) -> Option<Arc<KeySet>> {
        let set = self
            .set
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        set.filter(|set| set.fetched.elapsed() < self.policy.stale)
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// Keys of other kinds are skipped (RFC 7517 section 5).
fn parse(jwks: &[u8]) -> Result<Vec<Key>, FetchError> {
    let set: JwkSet = serde_json::from_slice(jwks).map_err(|_| FetchError::Json)?;
    Ok(set
        .keys
        .into_iter()
        .take(MAX_KEYS)
        .filter_map(|key| usable(&serde_json::from_value(key).ok()?))
        .collect())
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        _ => return None,
    };
    let common = &jwk.common;
    let made_for_it = common
        .key_algorithm
        .is_none_or(|given| given == KeyAlgorithm::from(algorithm))
        && !matches!(&common.public_key_use, Some(other) if *other != PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !made_for_it {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key {
        id: common.key_id.clone(),
        algorithm,
        key,
    })
}
