//! Personal access tokens and who they speak for.

use std::{fmt, str::FromStr};

use contacts_cache::Miss;
use contacts_store::{Token, TokenId, digest_text, random_bytes};
use data_encoding::BASE64URL_NOPAD;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Contacts,
    error::{Error, Result},
};

/// What every token begins with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "cm_";

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

/// What is remembered of a token: no name, and no secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    id: String,
    principal: String,
    scopes: Vec<String>,
    /// In milliseconds.
    expires: Option<i64>,
}

impl Known {
    fn of(token: &Token) -> Self {
        Self {
            id: token.id.to_string(),
            principal: token.principal.clone(),
            scopes: token.scopes.clone(),
            expires: token.expires.map(Timestamp::as_millisecond),
        }
    }

    /// None if it has expired.
    fn presented(self) -> Option<Presented> {
        let until = match self.expires {
            None => None,
            Some(at) => Some(Timestamp::from_millisecond(at).ok()?),
        };
        let scopes = self.scopes.iter().filter_map(|scope| scope.parse().ok());
        let presented = Presented {
            identity: Identity {
                principal: self.principal,
                scopes: scopes.collect(),
            },
            token: self.id,
            until,
        };
        until
            .is_none_or(|until| until > Timestamp::now())
            .then_some(presented)
    }
}

/// A working token that somebody presented.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Who they are.
    pub identity: Identity,
    /// The token's identifier.
    pub token: String,
    /// When it stops working, if ever.
    pub until: Option<Timestamp>,
}

/// A secret that nobody has presented lately.
#[derive(Debug)]
pub struct Unknown {
    hash: String,
    /// None: it is remembered, and has expired since.
    miss: Option<Miss>,
}

/// The form under which a secret is kept: SHA-256 suffices for 256 random bits.
fn hash(secret: &str) -> String {
    digest_text(&["token", secret])
}

impl Contacts {
    /// Who presents `secret`, as far as that is remembered. A revoked token stops working within five
    /// seconds everywhere, and at once where it was revoked.
    pub async fn recall(&self, secret: &str) -> std::result::Result<Presented, Unknown> {
        let hash = hash(secret);
        match self.tokens.recall(&[&hash]).await {
            Ok(known) => known.presented().ok_or(Unknown { hash, miss: None }),
            Err(miss) => Err(Unknown {
                hash,
                miss: Some(miss),
            }),
        }
    }

    /// Who presents it; none if no such token works (any more).
    pub async fn look_up(&self, unknown: Unknown) -> Result<Option<Presented>> {
        let Some(token) = self.store.token(&unknown.hash).await? else {
            return Ok(None);
        };
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        if token.last_used != Some(today) {
            // Worth a note in the log, not worth a failed request.
            if let Err(error) = self.store.token_used(&token, today).await {
                tracing::warn!(%error, "the day of a token's use was not noted");
            }
        }
        let known = Known::of(&token);
        if let Some(miss) = unknown.miss {
            self.tokens.keep(miss, &known).await;
        }
        Ok(known.presented())
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
        let revoked = self.store.revoke_token(who, id).await?;
        let token = revoked.ok_or(Error::TokenNotFound)?;
        self.tokens.forget(&[&token.hash]).await;
        Ok(())
    }
}
