//! Personal access tokens: found by the hash of their secret, listed by their owner.

use jiff::{Timestamp, civil::Date};

use crate::{
    Store,
    backoff::Backoff,
    error::StoreError,
    ids::TokenId,
    item::{Item, s, time},
    keys,
    table::{Cancelled, Condition, Range, Write},
};

/// A personal access token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub id: TokenId,
    /// Whose requests it carries.
    pub principal: String,
    /// What its maker calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working, if ever.
    pub expires: Option<Timestamp>,
    /// The day of its last use (UTC).
    pub last_used: Option<Date>,
    /// SHA-256 of the secret, as text.
    pub hash: String,
}

impl Token {
    fn item(&self, key: &keys::Key) -> Item {
        let item = Item::new(key)
            .s("id", self.id.to_string())
            .s("principal", &self.principal)
            .s("title", &self.name)
            .l("scopes", self.scopes.iter().cloned())
            .n("created", self.created.as_millisecond())
            .s("hash", &self.hash);
        match self.expires {
            Some(at) => item
                .n("expires_at", at.as_second())
                .n("expires", at.as_millisecond()),
            None => item,
        }
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        let day = item.opt_text("last_used")?.map(str::parse);
        Ok(Self {
            id: item
                .text("id")?
                .parse()
                .map_err(|_| StoreError::Damaged("id"))?,
            principal: item.text("principal")?.to_owned(),
            name: item.text("title")?.to_owned(),
            scopes: item
                .texts("scopes")?
                .into_iter()
                .map(str::to_owned)
                .collect(),
            created: time(item, "created")?,
            expires: if item.has("expires") {
                Some(time(item, "expires")?)
            } else {
                None
            },
            last_used: day
                .transpose()
                .map_err(|_| StoreError::Damaged("last_used"))?,
            hash: item.text("hash")?.to_owned(),
        })
    }
}

impl Store {
    /// Keeps a new token; keeping the same one again changes nothing.
    pub async fn create_token(&self, token: &Token) -> Result<(), StoreError> {
        let writes = [
            Write::Put(token.item(&keys::token(&token.hash)), Condition::absent()),
            Write::Put(
                token.item(&keys::own_token(&token.principal, token.id)),
                Condition::none(),
            ),
        ];
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(&writes).await {
                Ok(()) | Err(Cancelled::Refused(..)) => return Ok(()),
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// The token whose secret has this hash; an expired one is none.
    pub async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let item = self.table.get(&keys::token(hash)).await?;
        let token = item.map(|item| Token::read(&item)).transpose()?;
        Ok(token.filter(|token| token.expires.is_none_or(|at| at > self.now())))
    }

    /// The tokens of `who` in the order of their identifiers, after `after`, at most `limit`. Expired
    /// ones are left out, so a page may be short: the last identifier looked at comes along while there
    /// may be more.
    pub async fn tokens(
        &self,
        who: &str,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<(Vec<Token>, Option<TokenId>), StoreError> {
        let after = after.map(|token| keys::own_token(who, token).sk);
        let range = Range::new(keys::principal(who), limit)
            .prefix(keys::OWN_TOKEN)
            .after(after.as_deref());
        let tokens = self.table.query(range).await?;
        let mut tokens = tokens
            .iter()
            .map(Token::read)
            .collect::<Result<Vec<_>, _>>()?;
        let next = (tokens.len() == limit)
            .then(|| tokens.last().map(|token| token.id))
            .flatten();
        let now = self.now();
        tokens.retain(|token| token.expires.is_none_or(|at| at > now));
        Ok((tokens, next))
    }

    /// Ends a token of `who`; what it was, if there was one.
    pub async fn revoke_token(&self, who: &str, id: TokenId) -> Result<Option<Token>, StoreError> {
        let Some(item) = self.table.get(&keys::own_token(who, id)).await? else {
            return Ok(None);
        };
        let token = Token::read(&item)?;
        // The row that lets it in goes first: after a crash the owner still sees it and can try again.
        self.table
            .write(Write::Delete(keys::token(&token.hash), Condition::none()))
            .await?;
        self.table
            .write(Write::Delete(keys::own_token(who, id), Condition::none()))
            .await?;
        Ok(Some(token))
    }

    /// Notes that the token was used on `day`. Never brings a revoked token back.
    pub async fn token_used(&self, token: &Token, day: Date) -> Result<(), StoreError> {
        for key in [
            keys::token(&token.hash),
            keys::own_token(&token.principal, token.id),
        ] {
            let known = Condition::of("attribute_exists(pk)").value(":day", s(day.to_string()));
            self.table
                .write(Write::Update(key, "SET last_used = :day".to_owned(), known))
                .await?;
        }
        Ok(())
    }
}
