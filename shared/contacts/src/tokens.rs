//! Personal access tokens and who they speak for.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant},
};

use contacts_store::{Token, TokenId, digest_text, random_bytes};
use data_encoding::BASE64URL_NOPAD;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Contacts,
    error::{Error, Result},
};

/// What every token begins with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "cm_";
/// How long a token may go on working in a process after it was revoked elsewhere.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Above this many, what is out of date is dropped.
const MOST: usize = 10_000;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reading books and contacts.
    Read,
    /// Changing them.
    Write,
    /// Managing tokens.
    Tokens,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Tokens];

    /// As it is written in tokens and JWTs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "contacts:read",
            Self::Write => "contacts:write",
            Self::Tokens => "tokens",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or(Error::ScopeExceeded)
    }
}

/// Somebody, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose books they reach.
    pub principal: String,
    /// What they may do.
    pub scopes: Vec<Scope>,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its maker calls it.
    pub name: String,
    /// What it may be used for: no more than its maker may.
    pub scopes: Vec<Scope>,
    /// When it stops working, if ever.
    pub expires: Option<Timestamp>,
}

impl NewToken {
    /// This one, if it stops working no later than `until`, which is when its maker's token does.
    pub fn within(self, until: Option<Timestamp>) -> Result<Self> {
        match until {
            Some(until) if self.expires.is_none_or(|expires| expires > until) => {
                Err(Error::ExpiryExceeded(until))
            }
            _ => Ok(self),
        }
    }
}

/// Tokens looked up within the last seconds, by the hash of their secret.
#[derive(Debug, Default)]
pub(crate) struct Identities(Mutex<HashMap<String, (Instant, Token)>>);

impl Identities {
    fn get(&self, hash: &str) -> Option<Token> {
        let tokens = self.0.lock().expect("no holder panics");
        let (at, token) = tokens.get(hash)?;
        let live =
            at.elapsed() < REMEMBERED && token.expires.is_none_or(|at| at > Timestamp::now());
        live.then(|| token.clone())
    }

    fn put(&self, token: Token) {
        let mut tokens = self.0.lock().expect("no holder panics");
        if tokens.len() >= MOST {
            tokens.retain(|_, (at, _)| at.elapsed() < REMEMBERED);
        }
        tokens.insert(token.hash.clone(), (Instant::now(), token));
    }

    fn remove(&self, id: TokenId) {
        self.0
            .lock()
            .expect("no holder panics")
            .retain(|_, (_, token)| token.id != id);
    }
}

/// The form under which a secret is kept: SHA-256 suffices for 256 random bits.
fn hash(secret: &str) -> String {
    digest_text(&["token", secret])
}

impl Contacts {
    /// Who presents `secret`, and until when it works, if not for ever; none if no such token works (any
    /// more). A revoked token stops working within five seconds everywhere, and at once where it was
    /// revoked.
    pub async fn identify(&self, secret: &str) -> Result<Option<(Identity, Option<Timestamp>)>> {
        let hash = hash(secret);
        let token = match self.identities.get(&hash) {
            Some(token) => token,
            None => {
                let Some(mut token) = self.store.token(&hash).await? else {
                    return Ok(None);
                };
                let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
                if token.last_used != Some(today) {
                    // Worth a note in the log, not worth a failed request.
                    if let Err(error) = self.store.token_used(&token, today).await {
                        tracing::warn!(%error, "the day of a token's use was not noted");
                    }
                    token.last_used = Some(today);
                }
                self.identities.put(token.clone());
                token
            }
        };
        let scopes = token
            .scopes
            .iter()
            .filter_map(|scope| scope.parse().ok())
            .collect();
        let identity = Identity {
            principal: token.principal,
            scopes,
        };
        Ok(Some((identity, token.expires)))
    }

    /// Makes a token; its secret is given here and never again.
    pub async fn create_token(&self, maker: &Identity, new: &NewToken) -> Result<(Token, String)> {
        if new.scopes.iter().any(|scope| !maker.scopes.contains(scope)) {
            return Err(Error::ScopeExceeded);
        }
        let secret = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&random_bytes::<32>()));
        let token = self
            .keep_token(&maker.principal, new, &secret, TokenId::random())
            .await?;
        Ok((token, secret))
    }

    /// Makes the token that has this secret, unless it exists: for the owner of a standalone service.
    pub async fn ensure_token(&self, principal: &str, secret: &str) -> Result<Token> {
        let new = NewToken {
            name: "owner".to_owned(),
            scopes: Scope::ALL.to_vec(),
            expires: None,
        };
        self.keep_token(
            principal,
            &new,
            secret,
            TokenId::derived(&["owner's token", &hash(secret)]),
        )
        .await
    }

    async fn keep_token(
        &self,
        principal: &str,
        new: &NewToken,
        secret: &str,
        id: TokenId,
    ) -> Result<Token> {
        let token = Token {
            id,
            principal: principal.to_owned(),
            name: new.name.clone(),
            scopes: new.scopes.iter().map(Scope::to_string).collect(),
            created: Timestamp::from_millisecond(Timestamp::now().as_millisecond())
                .unwrap_or_default(),
            expires: new.expires,
            last_used: None,
            hash: hash(secret),
        };
        self.store.create_token(&token).await?;
        Ok(token)
    }

    /// The caller's tokens, at most `limit`.
    pub async fn tokens(
        &self,
        who: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Token>, Option<String>)> {
        let scope = ["tokens", who];
        let after = after
            .map(|cursor| crate::cursor::decode(&scope, cursor))
            .transpose()?;
        let after = after
            .map(|id| id.parse().map_err(|_| Error::InvalidCursor))
            .transpose()?;
        // One more than asked for shows whether this page is the last.
        let (mut tokens, mut next) = self.store.tokens(who, after, limit + 1).await?;
        if tokens.len() > limit {
            tokens.truncate(limit);
            next = tokens.last().map(|token| token.id);
        }
        Ok((
            tokens,
            next.map(|id| crate::cursor::encode(&scope, &id.to_string())),
        ))
    }

    /// Ends a token.
    pub async fn revoke_token(&self, who: &str, id: TokenId) -> Result<()> {
        let found = self.store.revoke_token(who, id).await?;
        self.identities.remove(id);
        if found {
            Ok(())
        } else {
            Err(Error::TokenNotFound)
        }
    }
}
