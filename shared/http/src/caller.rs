//! Who is asking, and whether they may: an extractor for each scope, so that a handler's signature says
//! what it takes.

use axum::extract::FromRequestParts;
use contacts::{Identity, Scope};
use http::{header, request::Parts};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    auth::{Credential, oidc},
    layers::Meter,
    problem::{Kind, Problem, Result},
};

/// A caller who may read.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) String);

/// A caller who may write.
#[derive(Debug)]
pub(crate) struct Writer(pub(crate) String);

/// A caller who may manage tokens.
#[derive(Debug)]
pub(crate) struct TokenKeeper(pub(crate) Caller);

/// A caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Who, and what they may do.
    pub(crate) identity: Identity,
    /// When their own token stops working: what they make goes no further. None of a JWT, which lives
    /// for minutes where a token is made for months.
    pub(crate) until: Option<Timestamp>,
}

/// Who is calling, counted against their token; if nobody, against their address.
async fn identify(parts: &Parts, app: &App) -> Result<Caller> {
    let meter = Meter::of(&parts.extensions);
    match present(parts, app, &meter).await {
        Ok((caller, credential)) => {
            meter.admit_token(&credential).await?;
            Ok(caller)
        }
        Err(problem) => {
            // The frame has counted a request without a credential.
            let presented = parts.headers.contains_key(header::AUTHORIZATION);
            if presented && problem.kind() == Kind::Unauthorized {
                meter.admit_address().await?;
            }
            Err(problem)
        }
    }
}

/// Who is calling, and what their requests are counted by.
async fn present(parts: &Parts, app: &App, meter: &Meter) -> Result<(Caller, String)> {
    match Credential::from_headers(&parts.headers)? {
        None => {
            contacts_telemetry::auth_failure("missing");
            Err(Problem::unauthenticated())
        }
        Some(Credential::AccessToken(secret)) => {
            let known = match app.contacts.recall(secret.expose()).await {
                Ok(known) => Some(known),
                Err(unknown) => {
                    meter.check_address().await?;
                    app.contacts.look_up(unknown).await?
                }
            };
            let Some(known) = known else {
                contacts_telemetry::auth_failure("unknown_token");
                return Err(Problem::unknown_token());
            };
            let caller = Caller {
                identity: known.identity,
                until: known.until,
            };
            Ok((caller, known.token))
        }
        Some(Credential::Jwt(jwt)) => {
            let Some(verifier) = &app.oidc else {
                contacts_telemetry::auth_failure("no_issuer");
                return Err(Problem::unauthorized(
                    "No JWTs are accepted here: use a personal access token.",
                ));
            };
            let identity = principal(&verifier.verify(jwt.expose()).await?);
            // A JWT is soon followed by another of the same principal.
            let credential = identity.principal.clone();
            let caller = Caller {
                identity,
                until: None,
            };
            Ok((caller, credential))
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

async fn with(parts: &Parts, app: &App, scope: Scope) -> Result<Caller> {
    let caller = identify(parts, app).await?;
    if caller.identity.scopes.contains(&scope) {
        return Ok(caller);
    }
    contacts_telemetry::auth_failure("scope");
    Err(Problem::forbidden(scope.name()))
}

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Read)
            .await
            .map(|caller| Self(caller.identity.principal))
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Write)
            .await
            .map(|caller| Self(caller.identity.principal))
    }
}

impl FromRequestParts<App> for TokenKeeper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        with(parts, app, Scope::Tokens).await.map(Self)
    }
}
