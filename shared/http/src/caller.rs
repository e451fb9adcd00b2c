//! Who is asking, and whether they may: an extractor for each scope, so that a handler's signature says
//! what it takes.

use axum::extract::FromRequestParts;
use contacts::{Identity, Scope};
use http::request::Parts;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    auth::{Credential, oidc},
    problem::{Problem, Result},
};

/// A caller who may read.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) String);

/// A caller who may write.
#[derive(Debug)]
pub(crate) struct Writer(pub(crate) String);

/// A caller who may manage tokens.
#[derive(Debug)]
pub(crate) struct TokenKeeper(pub(crate) Identity);

async fn identify(parts: &Parts, app: &App) -> Result<Identity> {
    match Credential::from_headers(&parts.headers)? {
        None => {
            contacts_telemetry::auth_failure("missing");
            Err(Problem::unauthenticated())
        }
        Some(Credential::AccessToken(secret)) => {
            if let Some(identity) = app.contacts.identify(secret.expose()).await? {
                return Ok(identity);
            }
            contacts_telemetry::auth_failure("unknown_token");
            Err(Problem::unauthorized(
                "This token is unknown, expired or revoked: use another one.",
            ))
        }
        Some(Credential::Jwt(jwt)) => {
            let Some(verifier) = &app.oidc else {
                contacts_telemetry::auth_failure("no_issuer");
                return Err(Problem::unauthorized(
                    "No JWTs are accepted here: use a personal access token.",
                ));
            };
            Ok(principal(&verifier.verify(jwt.expose()).await?))
        }
    }
}

/// An OIDC principal is its issuer and subject; a token that names no scopes has all.
fn principal(identity: &oidc::Identity) -> Identity {
    let mut hash = Sha256::new();
    for part in [&identity.issuer, &identity.subject] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let id = data_encoding::BASE32_DNSSEC.encode(&hash.finalize());
    let scopes = match &identity.scopes {
        Some(scopes) => scopes
            .iter()
            .filter_map(|scope| scope.parse().ok())
            .collect(),
        None => Scope::ALL.to_vec(),
    };
    Identity {
        principal: format!("oidc:{id}"),
        scopes,
    }
}

async fn with(parts: &Parts, app: &App, scope: Scope) -> Result<Identity> {
    let identity = identify(parts, app).await?;
    if identity.scopes.contains(&scope) {
        return Ok(identity);
    }
    contacts_telemetry::auth_failure("scope");
    Err(Problem::forbidden(scope.name()))
}

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Read)
            .await
            .map(|identity| Self(identity.principal))
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Write)
            .await
            .map(|identity| Self(identity.principal))
    }
}

impl FromRequestParts<App> for TokenKeeper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Tokens).await.map(Self)
    }
}
