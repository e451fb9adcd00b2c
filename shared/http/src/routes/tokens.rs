//! Personal access tokens.

use ::contacts::{NewToken, Scope};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::limit;
use crate::{
    app::App,
    caller::TokenKeeper,
    extract::{IdempotencyKey, JsonBody, Query},
    problem::{Problem, Result},
    representation::{self, Page, TokenView},
};

/// The most characters of a token's name.
const NAME_CHARS: usize = 200;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// 1 to 200 characters, none of them control characters.
    #[schema(example = "backup script", min_length = 1, max_length = 200)]
    name: String,
    /// No more than you have yourself: `contacts:read`, `contacts:write`, `tokens`.
    #[schema(example = json!(["contacts:read"]), min_items = 1)]
    scopes: Vec<String>,
    /// When it stops working (RFC 3339); without it, never. No later than your own token does.
    #[schema(example = "2030-01-01T00:00:00Z")]
    expires: Option<String>,
}

impl TokenBody {
    fn read(self) -> Result<NewToken> {
        let fits = (1..=NAME_CHARS).contains(&self.name.chars().count());
        if !fits || self.name.chars().any(char::is_control) {
            return Err(Problem::invalid_json(format_args!(
                "\"name\" is 1 to {NAME_CHARS} characters, none of them control characters"
            )));
        }
        let unknown =
            |_| Problem::invalid_json("\"scopes\" are of contacts:read, contacts:write, tokens");
        let mut scopes = self
            .scopes
            .iter()
            .map(|scope| scope.parse().map_err(unknown))
            .collect::<Result<Vec<Scope>>>()?;
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Problem::invalid_json("\"scopes\" names at least one scope"));
        }
        let expires = self.expires.map(|text| {
            text.parse::<Timestamp>()
                .ok()
                .filter(|at| *at > Timestamp::now())
        });
        if expires == Some(None) {
            return Err(Problem::invalid_json(
                "\"expires\" is a time to come, like 2030-01-01T00:00:00Z",
            ));
        }
        Ok(NewToken {
            name: self.name,
            scopes,
            expires: expires.flatten(),
        })
    }
}

/// Your tokens.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", operation_id = "listTokens",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
    ),
    responses((status = 200, description = "A page of tokens, by id, without their secrets.", body = Page<TokenView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    TokenKeeper(who): TokenKeeper,
    query: Query,
) -> Result<Response> {
    query.only(&["limit", "cursor"])?;
    let (tokens, next) = app
        .contacts
        .tokens(
            &who.identity.principal,
            query.text("cursor"),
            limit(&query)?,
        )
        .await?;
    let views = tokens
        .iter()
        .map(|token| TokenView::of(token, None))
        .collect();
    representation::json(StatusCode::OK, &Page::new(views, next))
}

/// Makes a token. Its secret is in this answer and nowhere else, so there is no `Idempotency-Key` here.
///
/// A token made with a token has no scope that its maker lacks, and does not outlive it; it stays when
/// its maker is revoked. Tokens made with a JWT are not bound to the JWT's minutes.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", operation_id = "createToken",
    request_body(content = TokenBody, content_type = "application/json", example = json!({"name": "backup script", "scopes": ["contacts:read"], "expires": "2030-01-01T00:00:00Z"})),
    responses((status = 201, description = "The token with its secret.", body = TokenView, headers(("Location" = String)))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    TokenKeeper(who): TokenKeeper,
    query: Query,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<TokenBody>,
) -> Result<Response> {
    query.only(&[])?;
    if key.0.is_some() {
        return Err(Problem::no_key_here());
    }
    let new = body.read()?.within(who.until)?;
    let (token, secret) = app.contacts.create_token(&who.identity, &new).await?;
    let mut response =
        representation::json(StatusCode::CREATED, &TokenView::of(&token, Some(secret)))?;
    representation::set(
        &mut response,
        header::LOCATION,
        &format!("/v1/tokens/{}", token.id),
    );
    Ok(response)
}

/// Revokes a token: within five seconds it works nowhere.
#[utoipa::path(
    delete, path = "/v1/tokens/{token}", tag = "tokens", operation_id = "revokeToken",
    params(("token" = String, Path, description = "The token's id.", example = "1b4d7f0h3k6m9p2r5t8v1c4e7g")),
    responses((status = 204, description = "It is revoked.")),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    TokenKeeper(who): TokenKeeper,
    id: std::result::Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Query,
) -> Result<Response> {
    query.only(&[])?;
    let id = id
        .ok()
        .and_then(|Path(id)| id.parse().ok())
        .ok_or_else(Problem::token_not_found)?;
    app.contacts
        .revoke_token(&who.identity.principal, id)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
