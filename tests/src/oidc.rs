//! A certified OpenID provider on a loopback port (npm `oidc-provider`), whose keys a test can
//! rotate.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::tools::{Script, npm, script};

/// How a token is signed (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What becomes of the published keys when new ones come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKeys {
    /// They stay published, so that tokens signed with them are still good.
    Kept,
    /// They disappear.
    Withdrawn,
}

/// A running provider. It ends when the last clone is dropped or its process dies.
#[derive(Clone, Debug)]
pub struct Provider {
    issuer: String,
    script: Arc<Mutex<Script>>,
}

impl Provider {
    /// Starts one and returns when it answers.
    ///
    /// # Errors
    /// If npm's packages cannot be installed, or Node.js is missing or too old.
    pub async fn start() -> Result<Self> {
        let start = || Script::start(Command::new("node").args([script("oidc.mjs"), npm()?]));
        let (script, issuer) = tokio::task::spawn_blocking(start).await??;
        Ok(Self {
            issuer: issuer.as_str().context("the issuer is text")?.to_owned(),
            script: Arc::new(Mutex::new(script)),
        })
    }

    /// Its issuer, the base of `/.well-known/openid-configuration`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An access token for this audience, by the client credentials grant. The subject is
    /// `ALGORITHM.subject`; `scope` is space-separated out of `contacts:read`, `contacts:write` and
    /// `tokens`, and an empty one leaves the claim out.
    ///
    /// # Errors
    /// If the provider refuses, with its reason.
    pub async fn token(
        &self,
        algorithm: Algorithm,
        audience: &str,
        subject: &str,
        scope: &str,
    ) -> Result<String> {
        let question = json!({"token": {
            "algorithm": algorithm.name(),
            "audience": audience,
            "subject": subject,
            "scope": scope,
        }});
        text(self.ask(question).await?)
    }

    /// A JWT that the provider would never issue (expired, of another issuer, incomplete), signed
    /// with its present key. `header` is laid over `alg`, `kid` and `typ`.
    ///
    /// # Errors
    /// If the provider has ended.
    pub async fn sign(&self, algorithm: Algorithm, header: Value, claims: Value) -> Result<String> {
        let question = json!({"sign": {
            "algorithm": algorithm.name(),
            "header": header,
            "claims": claims,
        }});
        text(self.ask(question).await?)
    }

    /// Makes new keys and signs with them from now on.
    ///
    /// # Errors
    /// If the provider has ended.
    pub async fn rotate(&self, old: OldKeys) -> Result<()> {
        let keep_old = old == OldKeys::Kept;
        self.ask(json!({"rotate": {"keep_old": keep_old}})).await?;
        Ok(())
    }

    /// How often its key set was asked for so far.
    ///
    /// # Errors
    /// If the provider has ended.
    pub async fn jwks_fetches(&self) -> Result<u64> {
        let count = self.ask(json!({"jwks_fetches": {}})).await?;
        count.as_u64().context("the count is a number")
    }

    /// Leaves requests for the key set unanswered until [`Provider::release_jwks`].
    ///
    /// # Errors
    /// If the provider has ended.
    pub async fn hold_jwks(&self) -> Result<()> {
        self.ask(json!({"hold_jwks": {}})).await?;
        Ok(())
    }

    /// Answers the requests that were held, and all later ones.
    ///
    /// # Errors
    /// If the provider has ended.
    pub async fn release_jwks(&self) -> Result<()> {
        self.ask(json!({"release_jwks": {}})).await?;
        Ok(())
    }

    async fn ask(&self, question: Value) -> Result<Value> {
        let script = Arc::clone(&self.script);
        let ask = move || {
            let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
            script.ask(&question)
        };
        tokio::task::spawn_blocking(ask).await?
    }
}

fn text(value: Value) -> Result<String> {
    Ok(value.as_str().context("the token is text")?.to_owned())
}
