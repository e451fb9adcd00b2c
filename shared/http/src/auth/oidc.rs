//! JWTs of an OpenID Connect issuer (OpenID Connect Core, RFC 7519, RFC 8725).
//!
//! Signed with RS256, ES256 or `EdDSA` by a key of the issuer; issuer, audience, expiry and not-before
//! are checked with 60 s of leeway. `none` and the HS family are refused by name, and an algorithm is
//! only used with a key made for it.

mod fetch;
mod keys;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use fetch::Issuer;
pub use fetch::{IssuerError, connector};
use keys::{KeyError, Keys};

use crate::problem::{Problem, Result};

/// Bytes of a token.
const MAX_TOKEN: usize = 8_192;

/// Characters of a subject (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// For how long keys are kept and how often they may be fetched.
#[derive(Clone, Copy, Debug)]
struct Policy {
    /// After this they are fetched again with the next token.
    fresh: Duration,
    /// Up to this age they serve while the issuer cannot be reached.
    stale: Duration,
    /// Between two fetches, so that invented key ids cannot stampede.
    pause: Duration,
    /// The same, while there are no keys at all.
    first_pause: Duration,
}

const POLICY: Policy = Policy {
    fresh: Duration::from_secs(3_600),
    stale: Duration::from_secs(6 * 3_600),
    pause: Duration::from_secs(30),
    first_pause: Duration::from_secs(1),
};

/// Who a verified token speaks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// `iss`: the configured issuer.
    pub issuer: String,
    /// `sub`: unique within the issuer.
    pub subject: String,
    /// The words of `scope` (RFC 8693 section 4.2), else of `scp`; `None` if it has neither.
    pub scopes: Option<Vec<String>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Verifies the tokens of one issuer for one audience. Nothing is fetched until the first token.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Keys,
}

impl Verifier {
    /// A verifier for `issuer` (an `https` URL; `http` on loopback only) and the audience that tokens
    /// must name. [`connector`] makes the usual `http` client.
    ///
    /// # Errors
    /// If `issuer` is not such a URL.
    pub fn new(
        issuer: &str,
        audience: &str,
        http: SharedHttpConnector,
    ) -> std::result::Result<Self, IssuerError> {
        Self::with_policy(issuer, audience, http, POLICY)
    }

    fn with_policy(
        issuer: &str,
        audience: &str,
        http: SharedHttpConnector,
        policy: Policy,
    ) -> std::result::Result<Self, IssuerError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys: Keys::new(Issuer::new(issuer, http)?, policy),
        })
    }

    /// The identity a token proves; 401 if it proves none, 503 if the issuer's keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Identity> {
        self.check(token).await.map_err(|refusal| {
            let (word, problem) = refusal.explain();
            contacts_telemetry::auth_failure(word);
            problem
        })
    }

    async fn check(&self, token: &str) -> std::result::Result<Identity, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed);
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            // An `alg` the library does not know, `none` among them, is a JSON error to it.
            ErrorKind::Json(_) => Refusal::Algorithm,
            _ => Refusal::Malformed,
        })?;
        if !keys::ALGORITHMS.contains(&header.alg) {
            return Err(Refusal::Algorithm);
        }
        // RFC 7515 section 4.1.11: an extension that must be understood, and is not.
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let claims = decode::<Claims>(token, &key, &self.validation(header.alg))?.claims;
        if claims.iss != self.issuer {
            return Err(Refusal::Issuer);
        }
        if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
            return Err(Refusal::Malformed);
        }
        Ok(Identity {
            scopes: claims.scopes(),
            issuer: claims.iss,
            subject: claims.sub,
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.validate_nbf = true;
        validation.leeway = 60;
        validation
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    scope: Option<String>,
    scp: Option<Scp>,
}

/// `scp` is a list with some issuers and one text with others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scp {
    List(Vec<String>),
    Text(String),
}

impl Claims {
    fn scopes(&self) -> Option<Vec<String>> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        match (&self.scope, &self.scp) {
            (Some(scope), _) | (None, Some(Scp::Text(scope))) => Some(words(scope)),
            (None, Some(Scp::List(list))) => Some(list.clone()),
            (None, None) => None,
        }
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Malformed,
    Algorithm,
    UnknownKey,
    Signature,
    Expired,
    NotYetValid,
    Issuer,
    Audience,
    Unavailable,
}

impl Refusal {
    /// The word for the metric, and the answer.
    fn explain(self) -> (&'static str, Problem) {
        let (word, reason) = match self {
            Self::Malformed => (
                "malformed",
                "The JWT is malformed, or lacks exp, iss, aud or sub.",
            ),
            Self::Algorithm => (
                "algorithm",
                "The JWT must be signed with RS256, ES256 or EdDSA.",
            ),
            Self::UnknownKey => (
                "unknown_key",
                "The JWT is signed with a key the issuer does not list.",
            ),
            Self::Signature => ("signature", "The signature of the JWT is wrong."),
            Self::Expired => ("expired", "The JWT has expired: get a new one."),
            Self::NotYetValid => (
                "not_yet_valid",
                "The JWT is not valid yet: check the clock.",
            ),
            Self::Issuer => ("issuer", "The JWT is of another issuer."),
            Self::Audience => ("audience", "The JWT is for another audience."),
            Self::Unavailable => {
                let detail = "The identity provider cannot be reached: try again in a moment.";
                return ("unavailable", Problem::unavailable(detail));
            }
        };
        (word, Problem::unauthorized(reason))
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::UnknownKey,
            KeyError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<jsonwebtoken::errors::Error> for Refusal {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests;
