//! API tokens over HTTP: made, listed, revoked, and what the one that is shown may do.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::{AccountId, limits};
use crate::docusign::is_id;
use crate::store::ApiToken;

use super::caller::{Caller, Scope, text};
use super::params::{Params, bad};
use super::problem::access::Access;
use super::{Api, Problem, ProblemBody};

/// What a token is to be for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "billing", "scope": "read", "accounts": ["8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11"]}))]
pub(super) struct TokenWanted {
    /// What it is for, in your words.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// `read` sees. `write` acts as well: it replays, links accounts, and makes calls that change something. `admin`
    /// also makes and revokes tokens, seals credentials anew and removes linked accounts.
    #[schema(pattern = "^(read|write|admin)$")]
    scope: String,
    /// The accounts that it is for: DocuSign's ids, or ids of integrated accounts, which stand for the account that is
    /// linked now. Where there are none here, all that its maker may use.
    #[serde(default)]
    #[schema(max_items = 100)]
    accounts: Vec<String>,
    /// How many seconds it is good; without it, until it is revoked, or as long as the token that makes it.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 315_360_000)]
    expires_in: Option<u64>,
}

/// A token, without what lets in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    /// Its id, which also stands in its text.
    id: Uuid,
    /// What it is for.
    name: String,
    /// What it allows: `read`, `write` or `admin`.
    #[schema(pattern = "^(read|write|admin)$")]
    scope: &'static str,
    /// DocuSign's ids of the accounts that it is for; empty where it is for all.
    accounts: Vec<String>,
    /// The token that made it; null of one that was made with the configured token, or from this machine.
    #[schema(required = true)]
    made_by: Option<Uuid>,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends by itself.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required = true)]
    revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[schema(required = true)]
    last_used_at: Option<Timestamp>,
}

/// A token that was made: its text is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// What to send as `Authorization: Bearer <token>`. Only a digest of it is kept.
    #[schema(pattern = "^cst_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$")]
    token: String,
    #[serde(flatten)]
    made: TokenView,
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenPage {
    /// Tokens in the order in which they were made.
    result: Vec<TokenView>,
    /// Pass it as `after` for the next page; null where this is the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asker {
    /// `token`; `configured` with the token of the settings; `machine` where there is no token at all, and this
    /// machine is let in without one.
    #[schema(pattern = "^(token|configured|machine)$")]
    by: &'static str,
    /// What it may do: `read`, `write` or `admin`.
    #[schema(pattern = "^(read|write|admin)$")]
    scope: &'static str,
    /// DocuSign's ids of the accounts that it may see and use; empty where it may all.
    accounts: Vec<String>,
    /// The token, where it is one of these.
    #[schema(required = true)]
    token: Option<TokenView>,
    /// Requests that it may make within ten seconds; null for any number.
    #[schema(required = true)]
    rate: Option<u32>,
}

fn texts(accounts: &[AccountId]) -> Vec<String> {
    accounts.iter().map(|account| account.as_str().to_owned()).collect()
}

impl From<&ApiToken> for TokenView {
    fn from(token: &ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            scope: token.scope.word(),
            accounts: texts(&token.accounts),
            made_by: token.made_by,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// Whether a caller may see and revoke a token: one that is for no more accounts than the caller.
fn is_within(caller: &Caller, token: &ApiToken) -> bool {
    caller.accounts().is_none()
        || (!token.accounts.is_empty() && token.accounts.iter().all(|account| caller.may_use(account)))
}

/// The accounts that are named, by DocuSign's ids; never more than the caller's own.
async fn accounts(caller: &Caller, api: &Api, named: Vec<String>) -> Result<Vec<AccountId>, Problem> {
    if named.len() > limits::TOKEN_ACCOUNTS_MAX {
        return Err(bad("accounts", format!("must be {} at most", limits::TOKEN_ACCOUNTS_MAX)));
    }
    if named.is_empty() {
        return Ok(caller.among().unwrap_or_default());
    }
    let mut accounts = BTreeSet::new();
    for id in named {
        let id = id.trim();
        if id.len() > limits::WORD_BYTES_MAX || !is_id(id) {
            return Err(bad("accounts", "must be ids of DocuSign's accounts or of integrated accounts"));
        }
        let account = match api.store.account(id).await? {
            Some(linked) => linked.account.ok_or_else(|| {
                bad("accounts", "names an integrated account of which DocuSign's id is not known yet")
            })?,
            None => AccountId::new(id),
        };
        if !caller.may_use(&account) {
            return Err(Access::Exceeds("it is for other accounts").into());
        }
        accounts.insert(account);
    }
    Ok(accounts.into_iter().collect())
}

/// When a token ends that is to be good for so many seconds; never after the one that makes it.
fn end(caller: &Caller, seconds: Option<u64>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let own = caller.token().and_then(|token| token.expires_at);
    let Some(seconds) = seconds else { return Ok(own) };
    let (least, most) = limits::TOKEN_LIFE_RANGE;
    let life = Duration::from_secs(seconds);
    if life < least || life > most {
        let why = format!("must be from {} to {} seconds", least.as_secs(), most.as_secs());
        return Err(bad("expires_in", why));
    }
    let end = now.checked_add(life).map_err(|_| bad("expires_in", "is too long"))?;
    if own.is_some_and(|own| end > own) {
        return Err(Access::Exceeds("it is to live longer").into());
    }
    Ok(Some(end))
}

/// Makes a token
///
/// Its text is shown in this answer and nowhere again. A token cannot make one that is allowed more than itself: no
/// higher scope, no other accounts, no later end. From the first one on, nobody is let in without a token.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", operation_id = "createToken",
    request_body = TokenWanted,
    responses(
        (status = 200, description = "It is made", body = TokenMade),
        (status = 403, description = "The scope `admin` is missing, or it would be allowed more than the one that makes it", body = ProblemBody),
        (status = 409, description = "It would be the first, and nobody could make another; or there are too many", body = ProblemBody),
        (status = "4XX", description = "Not let in, or a body that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<TokenWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Admin)?;
    Params::read(&request, &[])?;
    let TokenWanted { name, scope, accounts: named, expires_in } = wanted.into_inner();
    let name = name.trim().to_owned();
    if name.is_empty() || name.len() > limits::WORD_BYTES_MAX || name.contains(char::is_control) {
        return Err(bad("name", format!("must be a text of 1 to {} bytes", limits::WORD_BYTES_MAX)));
    }
    let scope = Scope::from_word(&scope).ok_or_else(|| bad("scope", "must be read, write or admin"))?;
    if scope > caller.scope() {
        return Err(Access::Exceeds("its scope").into());
    }
    let accounts = accounts(&caller, &api, named).await?;
    if caller.is_machine() && (scope < Scope::Admin || !accounts.is_empty()) {
        return Err(Access::First.into());
    }
    let now = api.clock.now();
    let id = api.dice.uuid_at(now);
    let secret = text::make(&id, &api.dice);
    let token = ApiToken {
        id,
        name,
        digest: text::digest(secret.expose_secret()).to_vec(),
        scope,
        accounts,
        made_by: caller.token().map(|token| token.id),
        created_at: now,
        expires_at: end(&caller, expires_in, now)?,
        revoked_at: None,
        last_used_at: None,
    };
    if !api.store.add_token(token.clone()).await? {
        return Err(Access::Full.into());
    }
    api.tokens.look_again(now).await;
    tracing::info!(%id, scope = scope.word(), accounts = token.accounts.len(), "an API token was made");
    let token_text = secret.expose_secret().to_owned();
    Ok(HttpResponse::Ok().json(TokenMade { token: token_text, made: TokenView::from(&token) }))
}

/// Lists tokens
///
/// Those that ended stay for thirty days. A token that is for some accounts sees those that are for no others.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", operation_id = "listTokens",
    params(
        ("after" = Option<Uuid>, Query, description = "A cursor of this list: only those after it"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page of tokens", body = TokenPage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Admin)?;
    let params = Params::read(&request, &["after", "limit"])?;
    let (after, limit) = (params.after_id()?, params.limit()?);
    let after = after.and_then(|id| Uuid::try_parse(&id).ok());
    // Read anew, for when they were last used.
    let all = api.store.tokens().await?.tokens;
    let seen = |token: &&ApiToken| after.is_none_or(|after| token.id > after) && is_within(&caller, token);
    let mut rows: Vec<_> = all.iter().filter(seen).take(limit + 1).map(TokenView::from).collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(HttpResponse::Ok().json(TokenPage { result: rows, next_cursor }))
}

/// Tells who asks
///
/// What the token that is shown may do, and with which accounts. Any scope will do.
#[utoipa::path(
    get, path = "/v1/tokens/self", tag = "tokens", operation_id = "getOwnToken",
    responses(
        (status = 200, description = "Who asks", body = Asker),
        (status = "4XX", description = "Not let in", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn own(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let token = caller.token();
    let by = match token {
        Some(_) => "token",
        None if caller.is_machine() => "machine",
        None => "configured",
    };
    Ok(HttpResponse::Ok().json(Asker {
        by,
        scope: caller.scope().word(),
        accounts: texts(caller.accounts().unwrap_or_default()),
        rate: token.map(|_| api.rate).filter(|rate| *rate > 0),
        token: token.map(TokenView::from),
    }))
}

/// Revokes a token
///
/// At once on this node, within seconds on others. Tokens that it made live on.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens", operation_id = "revokeToken",
    params(("id" = Uuid, Path, description = "The token")),
    responses(
        (status = 200, description = "It is revoked; done again, nothing changes", body = TokenView),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn revoke(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Admin)?;
    Params::read(&request, &[])?;
    let id = Uuid::try_parse(&id).map_err(|_| bad("id", "must be a token's id (a UUID)"))?;
    let find = async || -> Result<ApiToken, Problem> {
        let all = api.store.tokens().await?.tokens;
        let found = all.into_iter().find(|token| token.id == id && is_within(&caller, token));
        Ok(found.ok_or(Access::TokenUnknown)?)
    };
    find().await?;
    let now = api.clock.now();
    if api.store.revoke_token(id, now).await? {
        tracing::info!(%id, "an API token was revoked");
    }
    api.tokens.look_again(now).await;
    Ok(HttpResponse::Ok().json(TokenView::from(&find().await?)))
}
