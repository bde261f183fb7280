//! Linked accounts over HTTP: link tokens, linking by our own key, and what there is.

use std::time::Duration;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::base::{AccountId, limits};
use crate::docusign::is_id;
use crate::link::{Error, Impersonated, Links, Wanted};
use crate::store::{AccountQuery, IntegratedAccount, Link};

use super::caller::{Caller, Scope};
use super::params::{Params, bad};
use super::problem::linking::Linking;
use super::{Api, Problem, ProblemBody};

/// What a link is to be for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"tenant_id": "acme", "redirect_uri": "https://app.example.com/docusign/done"}))]
pub(super) struct LinkWanted {
    /// Whose account it will be, in your words; an account that is linked for one is not linked for another.
    #[schema(max_length = 256)]
    tenant_id: Option<String>,
    /// The integrated account to link again: its credentials are replaced, its id stays.
    integrated_account_id: Option<String>,
    /// The one DocuSign account that may be chosen; without it the user chooses.
    account_id: Option<String>,
    /// Where the user goes afterwards, http or https: `status` (`connected`, or `validation_error` with `reason`) and
    /// `integrated_account_id` are added to its query.
    #[schema(max_length = 2048)]
    redirect_uri: Option<String>,
    /// How many seconds it is good, by default an hour.
    #[schema(minimum = 60, maximum = 604_800)]
    expires_in: Option<u64>,
}

/// A link, given out once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkMade {
    /// Its token: whoever has it can link an account, once.
    link_token: String,
    /// When it ends.
    expires_at: Timestamp,
    /// The page for the user to open; the token is in it.
    url: String,
}

/// Which link is asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkAsked {
    /// Its token.
    link_token: String,
}

/// How a link stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkStands {
    /// `open`: it can be used. `used`: an account was chosen by it. `expired`: its time is over.
    #[schema(pattern = "^(open|used|expired)$")]
    state: &'static str,
    /// When it ends.
    expires_at: Timestamp,
    /// The integrated account that came of it; null until there is one.
    #[schema(required = true)]
    integrated_account_id: Option<String>,
}

/// An account that is linked without its user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"grant": "jwt", "user_id": "0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44"}))]
pub(super) struct AccountWanted {
    /// `jwt`: our key asks in the name of a user who consented.
    #[schema(pattern = "^jwt$")]
    grant: String,
    /// The DocuSign user, a GUID.
    user_id: String,
    /// The DocuSign account; without it the user's default.
    account_id: Option<String>,
    /// Whose account it will be, in your words.
    #[schema(max_length = 256)]
    tenant_id: Option<String>,
}

/// Which account is tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshWanted {
    /// The integrated account.
    integrated_account_id: String,
}

/// A linked account. Its credentials are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntegratedAccount)]
pub(super) struct AccountView {
    /// Ours.
    id: String,
    /// DocuSign's, once it is known.
    #[schema(required = true)]
    account_id: Option<String>,
    /// Its name at DocuSign.
    #[schema(required = true)]
    name: Option<String>,
    /// Whose it is, in the words of whoever linked it.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// The DocuSign user who linked it, or in whose name our key asks.
    #[schema(required = true)]
    user_id: Option<String>,
    /// The host of its API.
    #[schema(required = true)]
    base_uri: Option<String>,
    /// How its tokens are had: `code` by its user's leave, `jwt` by our key.
    #[schema(pattern = "^(code|jwt)$")]
    grant: &'static str,
    /// `active`: calls are made with it. `needs_reauth`: its user has to link it again. `validation_error`: DocuSign
    /// refuses calls though the credentials are good. `connecting`: it is being tried.
    #[schema(pattern = "^(connecting|active|needs_reauth|validation_error)$")]
    state: &'static str,
    /// Why, where it is not active: DocuSign's code or ours.
    #[schema(required = true)]
    reason: Option<String>,
    /// When its credentials were last renewed.
    #[schema(required = true)]
    refreshed_at: Option<Timestamp>,
    /// When it was linked first.
    created_at: Timestamp,
    /// When anything of it last changed.
    updated_at: Timestamp,
}

/// A page of linked accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountsPage {
    /// The accounts, in the order in which they were linked first.
    result: Vec<AccountView>,
    /// Pass it as `after` for the next page; null where this is the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Removed {
    /// The integrated account's id.
    id: String,
}

impl From<IntegratedAccount> for AccountView {
    fn from(account: IntegratedAccount) -> Self {
        Self {
            id: account.id,
            account_id: account.account.map(|account| account.as_str().to_owned()),
            name: account.name,
            tenant_id: Some(account.tenant).filter(|tenant| !tenant.is_empty()),
            user_id: account.user_id,
            base_uri: account.base_uri,
            grant: account.grant.word(),
            state: account.state.word(),
            reason: account.reason,
            refreshed_at: account.refreshed_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// A text of a body that has the length of ids.
fn word(name: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.len() > limits::WORD_BYTES_MAX) {
        return Err(bad(name, format!("is longer than {} bytes", limits::WORD_BYTES_MAX)));
    }
    Ok(text)
}

/// An account's id in a body: what can be no id is the name of nothing.
fn account_id(text: Option<String>) -> Result<Option<AccountId>, Problem> {
    let Some(text) = word("account_id", text)? else { return Ok(None) };
    is_id(&text)
        .then(|| Some(AccountId::new(&text)))
        .ok_or_else(|| bad("account_id", "must be a DocuSign account's id"))
}

/// Where a user is sent: a whole web address, in which no one is named.
fn redirect(text: Option<String>) -> Result<Option<Url>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || bad("redirect_uri", "must be a whole http or https address");
    if text.len() > limits::REDIRECT_BYTES_MAX {
        return Err(bad("redirect_uri", format!("is longer than {} bytes", limits::REDIRECT_BYTES_MAX)));
    }
    let url = Url::parse(&text).map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if plain && web { Ok(Some(url)) } else { Err(wrong()) }
}

impl LinkWanted {
    fn read(self) -> Result<Wanted, Problem> {
        let (least, most) = limits::LINK_LIFE_RANGE;
        let life = self.expires_in.map(Duration::from_secs);
        if life.is_some_and(|life| life < least || life > most) {
            let why = format!("must be from {} to {} seconds", least.as_secs(), most.as_secs());
            return Err(bad("expires_in", why));
        }
        Ok(Wanted {
            tenant: word("tenant_id", self.tenant_id)?,
            integrated: word("integrated_account_id", self.integrated_account_id)?,
            account: account_id(self.account_id)?,
            redirect_to: redirect(self.redirect_uri)?,
            life,
        })
    }
}

/// A linked account that the caller may see.
async fn account_of(caller: &Caller, api: &Api, id: &str) -> Result<IntegratedAccount, Problem> {
    let account = api.store.account(id).await?;
    let seen = account.filter(|row| match &row.account {
        Some(account) => caller.may_use(account),
        None => caller.accounts().is_none(),
    });
    Ok(seen.ok_or(Linking::AccountUnknown)?)
}

/// Whether a link is for an account that the caller may see.
async fn is_seen(caller: &Caller, api: &Api, link: &Link) -> Result<bool, Problem> {
    let account = match (&link.account, &link.integrated) {
        (Some(account), _) => Some(account.clone()),
        (None, Some(id)) => api.store.account(id).await?.and_then(|row| row.account),
        (None, None) => None,
    };
    Ok(caller.accounts().is_none() || account.is_some_and(|account| caller.may_use(&account)))
}

/// Work on an account, in a task of its own: a client that hangs up drops our future, and what was begun must end.
async fn whole<F>(api: &Api, work: impl FnOnce(Links) -> F) -> Result<IntegratedAccount, Problem>
where
    F: Future<Output = Result<IntegratedAccount, Error>> + Send + 'static,
{
    let ended = tokio::spawn(work(api.links.clone())).await;
    Ok(ended.map_err(|why| Problem::Internal(format!("work on an account broke off: {why}")))??)
}

/// Makes a link token
///
/// With it a user links a DocuSign account, in a browser: open `url` there. It is shown in this answer alone.
#[utoipa::path(
    post, path = "/link-token", tag = "accounts", operation_id = "createLinkToken",
    request_body = LinkWanted,
    responses(
        (status = 200, description = "A link", body = LinkMade),
        (status = 404, description = "No such integrated account", body = ProblemBody),
        (status = 409, description = "Linking is not set up", body = ProblemBody),
        (status = "4XX", description = "Not let in, or a body that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn link(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<LinkWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    Params::read(&request, &[])?;
    let mut wanted = wanted.into_inner().read()?;
    match &wanted.integrated {
        Some(id) if caller.accounts().is_some() => drop(account_of(&caller, &api, id).await?),
        Some(_) => {}
        // Else its user would choose an account of which the caller may see nothing.
        None => wanted.account = caller.meant(wanted.account.take())?,
    }
    let made = api.links.make(wanted).await?;
    Ok(HttpResponse::Ok().json(LinkMade {
        link_token: made.token.expose_secret().to_owned(),
        expires_at: made.expires_at,
        url: made.url.expose_secret().to_owned(),
    }))
}

/// Tells how a link stands
///
/// Its token is sent in the body, so that it stands in no log of addresses.
#[utoipa::path(
    post, path = "/link-token/status", tag = "accounts", operation_id = "getLinkStatus",
    request_body = LinkAsked,
    responses(
        (status = 200, description = "How it stands", body = LinkStands),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn link_status(
    caller: Caller,
    request: HttpRequest,
    asked: Json<LinkAsked>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let link = api.links.stands(&asked.link_token).await?;
    if !is_seen(&caller, &api, &link).await? {
        return Err(Linking::LinkUnknown.into());
    }
    let state = match link.used_at {
        Some(_) => "used",
        None if link.expires_at <= api.clock.now() => "expired",
        None => "open",
    };
    let integrated_account_id = link.integrated.filter(|_| link.used_at.is_some());
    Ok(HttpResponse::Ok().json(LinkStands { state, expires_at: link.expires_at, integrated_account_id }))
}

/// Links an account by our own key
///
/// The JWT grant: our key asks in the name of a DocuSign user who consented to that once. Where consent is missing, the
/// answer is 409 and tells the address at which the user gives it.
#[utoipa::path(
    post, path = "/integrated-account", tag = "accounts", operation_id = "createIntegratedAccount",
    request_body = AccountWanted,
    responses(
        (status = 200, description = "It is linked: active, or with the reason why not", body = AccountView),
        (status = 409, description = "Consent is missing (its address is in `details`), linked for another tenant, or not set up", body = ProblemBody),
        (status = 422, description = "DocuSign does not let us have it", body = ProblemBody),
        (status = "4XX", description = "Not let in, or a body that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn create(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<AccountWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    Params::read(&request, &[])?;
    let wanted = wanted.into_inner();
    if wanted.grant != "jwt" {
        return Err(bad("grant", "must be jwt: other accounts are linked with a link token"));
    }
    let user_id = word("user_id", Some(wanted.user_id))?;
    let user_id = user_id.filter(|user| uuid::Uuid::parse_str(user).is_ok());
    let impersonated = Impersonated {
        tenant: word("tenant_id", wanted.tenant_id)?.unwrap_or_default(),
        user_id: user_id.ok_or_else(|| bad("user_id", "must be a DocuSign user's GUID"))?,
        account: caller.meant(account_id(wanted.account_id)?)?,
    };
    let account = whole(&api, |links| async move { links.impersonate(impersonated).await }).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(account)))
}

/// Lists linked accounts
#[utoipa::path(
    get, path = "/integrated-account", tag = "accounts", operation_id = "listIntegratedAccounts",
    params(
        ("after" = Option<String>, Query, description = "A cursor of this list: only those after it"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
        ("state" = Option<String>, Query, description = "Only those in this state"),
        ("tenant_id" = Option<String>, Query, description = "Only this tenant's"),
    ),
    responses(
        (status = 200, description = "A page of accounts", body = AccountsPage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, &["after", "limit", "state", "tenant_id"])?;
    let query = AccountQuery {
        after: params.after_id()?,
        limit: params.limit()?,
        state: params.account_state()?,
        tenant: params.tenant()?,
        among: caller.among(),
    };
    let limit = query.limit;
    let rows = api.store.accounts(query).await?;
    let next_cursor = rows.last().filter(|_| rows.len() == limit).map(|last| last.id.clone());
    let result = rows.into_iter().map(AccountView::from).collect();
    Ok(HttpResponse::Ok().json(AccountsPage { result, next_cursor }))
}

/// Shows one linked account
#[utoipa::path(
    get, path = "/integrated-account/{id}", tag = "accounts", operation_id = "getIntegratedAccount",
    params(("id" = String, Path, description = "The integrated account")),
    responses(
        (status = 200, description = "The account", body = AccountView),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let account = account_of(&caller, &api, &id).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(account)))
}

/// Removes a linked account
///
/// Its credentials are forgotten, and no call is made with it any more. What was published of it stays.
#[utoipa::path(
    delete, path = "/integrated-account/{id}", tag = "accounts", operation_id = "deleteIntegratedAccount",
    params(("id" = String, Path, description = "The integrated account")),
    responses(
        (status = 200, description = "Removed", body = Removed),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn remove(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Admin)?;
    Params::read(&request, &[])?;
    account_of(&caller, &api, &id).await?;
    let gone = api.links.remove(&id).await?;
    Ok(HttpResponse::Ok().json(Removed { id: gone.id }))
}

/// Renews an account's credentials and tries it
///
/// What was refused before may be mended: an account with `validation_error` becomes active again by this. One that
/// `needs_reauth` has to be linked again by its user.
#[utoipa::path(
    post, path = "/integrated-account/refresh-credentials", tag = "accounts", operation_id = "refreshCredentials",
    request_body = RefreshWanted,
    responses(
        (status = 200, description = "How it stands now", body = AccountView),
        (status = 409, description = "Consent is missing: its address is in `details`", body = ProblemBody),
        (status = 422, description = "DocuSign does not let us have it", body = ProblemBody),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn refresh(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<RefreshWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    Params::read(&request, &[])?;
    let id = wanted.into_inner().integrated_account_id;
    account_of(&caller, &api, &id).await?;
    let account = whole(&api, |links| async move { links.refresh(&id).await }).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(account)))
}
