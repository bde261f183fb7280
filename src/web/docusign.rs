//! What the faces ask of DocuSign's side, and the account's Connect configurations over HTTP.

use std::sync::Arc;

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::base::{AccountId, limits};
use crate::docusign::connect_configuration::{Here, Mend};
use crate::docusign::connect_lint::Finding;
use crate::docusign::{ConnectConfiguration, is_id};
use crate::reconcile::{Desk, Examined, Order, Refusal, Registered, Watched};
use crate::rest;
use crate::store::ReconcileRun;

use super::caller::{Caller, Scope};
use super::params::Params;
use super::problem::linking::Linking;
use super::problem::remote::Remote;
use super::{Api, Problem, ProblemBody};

/// Asks for runs of reconciling.
pub type Reconcile =
    Arc<dyn Fn(Order) -> BoxFuture<'static, Result<Vec<ReconcileRun>, Refusal>> + Send + Sync>;
/// The accounts meant: the one named, or all.
pub type Accounts =
    Arc<dyn Fn(Option<AccountId>) -> BoxFuture<'static, Result<Vec<AccountId>, Refusal>> + Send + Sync>;
/// Examines an account's Connect configurations.
pub type Examine =
    Arc<dyn Fn(AccountId, Here) -> BoxFuture<'static, Result<Examined, rest::Error>> + Send + Sync>;
/// Makes or mends the one that publishes to an address.
pub type Register = Arc<
    dyn Fn(AccountId, RegisterOrder) -> BoxFuture<'static, Result<Registered, rest::Error>> + Send + Sync,
>;

/// What the wiring hands in of DocuSign's side.
#[derive(Clone)]
pub struct Docusign {
    /// Tells accounts.
    pub accounts: Accounts,
    /// Asks for runs.
    pub reconcile: Reconcile,
    /// The runs that are open.
    pub desk: Desk,
    /// What watching found.
    pub watched: Watched,
    /// Examines configurations.
    pub examine: Examine,
    /// Registers one.
    pub register: Register,
    /// Where Connect reaches us, by the settings.
    pub here: Here,
}

impl std::fmt::Debug for Docusign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docusign").field("here", &self.here).finish_non_exhaustive()
    }
}

/// A configuration to be made or mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterOrder {
    /// Where it is to publish to.
    pub url: String,
    /// Its name, where it is new.
    pub name: String,
    /// Tell what would be changed, and change nothing.
    pub dry_run: bool,
}

/// DocuSign's side; a problem where the server has no credentials.
pub(super) fn docusign(api: &Api) -> Result<&Docusign, Problem> {
    api.docusign.as_ref().ok_or(Problem::NoCredentials)
}

/// What is answered where no run, or no account, is to be had.
pub(super) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::AccountUnknown => Remote::AccountUnknown.into(),
        Refusal::NoAccount => Problem::NoCredentials,
        Refusal::NoWindow => Problem::BodyBad(refusal.to_string()),
        Refusal::Crowded => Problem::StoreBusy,
        Refusal::Away(why) => Linking::Away(why).into(),
    }
}

/// An account's id in a body.
pub(super) fn account(text: &str) -> Result<AccountId, Problem> {
    if text.len() <= limits::WORD_BYTES_MAX && is_id(text) {
        return Ok(AccountId::new(text));
    }
    Err(super::params::bad("account", "must be an account's id (a GUID)"))
}

/// The account that is named, or all that can be asked and that the caller may use.
async fn accounts(
    docusign: &Docusign,
    named: Option<AccountId>,
    caller: &Caller,
) -> Result<Vec<AccountId>, Problem> {
    named.as_ref().map_or(Ok(()), |account| caller.require_account(account))?;
    let mut all = (docusign.accounts)(named).await.map_err(refused)?;
    all.retain(|account| caller.may_use(account));
    Ok(all)
}

fn problem(error: rest::Error) -> Problem {
    match error {
        rest::Error::NotFound(_) => Remote::AccountUnknown.into(),
        other => Linking::from(other).into(),
    }
}

/// Accounts and their configurations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectPage {
    /// One for each account.
    result: Vec<ConnectView>,
}

/// An account's configurations and what is wrong with them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connect)]
struct ConnectView {
    /// The account.
    account: String,
    /// All configurations.
    configurations: Vec<ConfigurationView>,
    /// What is wrong with those that publish here.
    findings: Vec<FindingView>,
}

/// A configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectConfiguration)]
struct ConfigurationView {
    /// DocuSign's number for it.
    #[schema(required = true)]
    connect_id: Option<String>,
    /// Its name.
    #[schema(required = true)]
    name: Option<String>,
    /// Where it publishes to.
    #[schema(required = true)]
    url: Option<String>,
    /// Whether that is here.
    ours: bool,
    /// As DocuSign tells it, without secrets.
    #[schema(value_type = Object)]
    raw: Value,
}

/// Something that is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectFinding)]
struct FindingView {
    /// A stable word.
    code: &'static str,
    /// `fault`: messages are lost, refused or of no use. `advice`: it works, and could do better.
    #[schema(pattern = "^(fault|advice)$")]
    severity: &'static str,
    /// Whose; null where it is about the account.
    #[schema(required = true)]
    connect_id: Option<String>,
    /// What is so.
    what: String,
    /// What it costs.
    cost: &'static str,
    /// How to mend it.
    todo: &'static str,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let Finding { code, severity, connect_id, what, cost, todo } = finding;
        Self { code, severity: severity.word(), connect_id, what, cost, todo }
    }
}

fn shown((mut raw, ours): (Value, bool)) -> ConfigurationView {
    if let Some(fields) = raw.as_object_mut() {
        // A hash of the Basic password, and whatever an OAuth configuration holds.
        fields.retain(|name, _| {
            !matches!(name.as_str(), "password" | "oAuthConfiguration" | "salesforceAuthcode")
        });
    }
    let read: ConnectConfiguration = serde_json::from_value(raw.clone()).unwrap_or_default();
    let (connect_id, name) = (read.connect_id.owned(), read.name.owned());
    ConfigurationView { connect_id, name, url: read.url_to_publish_to.owned(), ours, raw }
}

/// Shows the accounts' Connect configurations
///
/// And what is wrong with those that publish here: what it costs, and how to mend it.
#[utoipa::path(
    get, path = "/v1/connect", tag = "docusign", operation_id = "getConnect",
    params(
        ("account" = Option<String>, Query, description = "Only this account; by default all that are linked or that its own credentials open"),
        ("public_url" = Option<String>, Query, description = "Where DocuSign reaches this server; by default as set"),
    ),
    responses(
        (status = 200, description = "The configurations", body = ConnectPage),
        (status = 404, description = "The account is none that can be asked", body = ProblemBody),
        (status = 409, description = "No account is linked, and there are no credentials", body = ProblemBody),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn connect(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, &["account", "public_url"])?;
    let docusign = docusign(&api)?;
    let mut here = docusign.here.clone();
    here.url = params.public_url()?.or(here.url);
    let mut result = Vec::new();
    for account in accounts(docusign, params.account()?, &caller).await? {
        let examined = (docusign.examine)(account.clone(), here.clone()).await.map_err(problem)?;
        result.push(ConnectView {
            account: account.as_str().to_owned(),
            configurations: examined.configurations.into_iter().map(shown).collect(),
            findings: examined.findings.into_iter().map(FindingView::from).collect(),
        });
    }
    Ok(HttpResponse::Ok().json(ConnectPage { result }))
}

/// What to register.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"url": "https://hooks.example.com/connect", "dry_run": true}))]
pub(super) struct RegisterWanted {
    /// Only for this account; without it, for all that are linked or that its own credentials open.
    account: Option<String>,
    /// Where it is to publish to; without it, /connect under the setting `public_url`.
    url: Option<String>,
    /// Its name, where it is new; without it, `countersign`.
    name: Option<String>,
    /// Tell what would be changed, and change nothing.
    dry_run: bool,
}

/// What registering did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegisteredPage {
    /// One for each account.
    result: Vec<RegisteredView>,
}

/// What registering did for one account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectRegistered)]
struct RegisteredView {
    /// The account.
    account: String,
    /// DocuSign's number for the configuration; null of one that would only be made.
    #[schema(required = true)]
    connect_id: Option<String>,
    /// Where it publishes to.
    url: String,
    /// `created`, `mended`, or `unchanged`.
    #[schema(pattern = "^(created|mended|unchanged)$")]
    done: &'static str,
    /// True where nothing was changed because nothing was to be.
    dry_run: bool,
    /// What was given another value.
    changed: Vec<MendView>,
}

/// A field that was given another value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectMend)]
struct MendView {
    /// Its name.
    field: &'static str,
    /// What stood there.
    #[schema(required = true)]
    from: Value,
    /// What stands there now.
    #[schema(required = true)]
    to: Value,
}

impl From<Mend> for MendView {
    fn from(Mend { field, from, to }: Mend) -> Self {
        Self { field, from, to }
    }
}

/// Makes or mends Connect configurations
///
/// The one of each account that publishes to the address: what would lose messages is set right, all else is left as it
/// is. Done again, it changes nothing.
#[utoipa::path(
    post, path = "/v1/connect/register", tag = "docusign", operation_id = "registerConnect",
    request_body = RegisterWanted,
    responses(
        (status = 200, description = "What was done", body = RegisteredPage),
        (status = 400, description = "The body cannot be read, or no address is known", body = ProblemBody),
        (status = 404, description = "The account is none that can be asked", body = ProblemBody),
        (status = 409, description = "No account can be asked, or DocuSign refuses it", body = ProblemBody),
        (status = "4XX", description = "Not let in, or no JSON", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn register(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<RegisterWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let docusign = docusign(&api)?;
    let RegisterWanted { account: named, url, name, dry_run } = wanted.into_inner();
    let named = named.as_deref().map(account).transpose()?;
    if !dry_run {
        caller.require(Scope::Write)?;
    }
    let own = docusign.here.url.as_ref().map(|own| format!("{own}/connect"));
    let none = || Problem::BodyBad("`url` is missing, and no `public_url` is set".into());
    let url = url.or(own).ok_or_else(none)?;
    let address = url::Url::parse(&url).ok().filter(|url| url.scheme() == "https");
    if url.len() > limits::CONNECT_URL_BYTES_MAX || address.is_none() {
        return Err(Problem::BodyBad(
            "`url` must be an https:// address, for DocuSign takes no other".into(),
        ));
    }
    let name = name.unwrap_or_else(|| "countersign".to_owned());
    if name.is_empty() || name.len() > limits::WORD_BYTES_MAX {
        return Err(Problem::BodyBad("`name` must be a name of a usual length".into()));
    }
    let order = RegisterOrder { url, name, dry_run };
    let mut result = Vec::new();
    for account in accounts(docusign, named, &caller).await? {
        let done = (docusign.register)(account.clone(), order.clone()).await.map_err(problem)?;
        result.push(registered(&account, &order, done));
    }
    Ok(HttpResponse::Ok().json(RegisteredPage { result }))
}

fn registered(account: &AccountId, order: &RegisterOrder, done: Registered) -> RegisteredView {
    let word = match (done.new, done.mends.is_empty()) {
        (true, _) => "created",
        (false, false) => "mended",
        (false, true) => "unchanged",
    };
    let RegisterOrder { url, dry_run, .. } = order.clone();
    if !dry_run && word != "unchanged" {
        tracing::info!(%account, %url, done = word, "a Connect configuration was registered");
    }
    RegisteredView {
        account: account.as_str().to_owned(),
        connect_id: done.connect_id,
        url,
        done: word,
        dry_run,
        changed: done.mends.into_iter().map(MendView::from).collect(),
    }
}
