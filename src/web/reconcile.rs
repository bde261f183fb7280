//! Reconciling over HTTP: runs are asked for, and their reports read.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::limits;
use crate::reconcile::Order;
use crate::store::ReconcileRun;

use super::caller::{Caller, Scope};
use super::docusign::{account, docusign, refused};
use super::params::Params;
use super::{Api, Problem, ProblemBody};

/// What to look at, and what to do with what is missing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"from": "2026-11-20T00:00:00Z", "dry_run": true}))]
pub(super) struct ReconcileWanted {
    /// Only this account; without it, all that are linked or that its own credentials open.
    account: Option<String>,
    /// Changes of status from this time on; without it, from a little before how far the account was reconciled.
    from: Option<Timestamp>,
    /// Up to this time; without it, up to now.
    to: Option<Timestamp>,
    /// Find only, and write nothing.
    dry_run: bool,
    /// Have Connect publish again what is missing, in place of taking it over from REST.
    ask_connect: bool,
}

/// Runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReconcilePage {
    /// Those that wait or are under way, then those that ended.
    result: Vec<RunView>,
}

/// One run over one account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReconcileRun)]
pub(super) struct RunView {
    /// Its id.
    id: Uuid,
    /// The account.
    account: String,
    /// `queued`, `running`, `waiting` (for calls: see `waits_until`), `done` or `failed` (see `why`).
    #[schema(pattern = "^(queued|running|waiting|done|failed)$")]
    state: &'static str,
    /// True where somebody asked for it.
    asked: bool,
    /// True where nothing was written.
    dry_run: bool,
    /// True where Connect was asked to publish again.
    ask_connect: bool,
    /// The beginning of what it looks at.
    from: Timestamp,
    /// The end of it.
    to: Timestamp,
    /// When it began.
    started_at: Timestamp,
    /// When it ended.
    #[schema(required = true)]
    ended_at: Option<Timestamp>,
    /// Until when it waits for calls.
    #[schema(required = true)]
    waits_until: Option<Timestamp>,
    /// Why it failed.
    #[schema(required = true)]
    why: Option<String>,
    /// Signing requests in the window, about.
    total: u64,
    /// Of those, looked at.
    looked: u64,
    /// Of those, not to be read.
    unreadable: u64,
    /// Changes that had been missed.
    missed: u64,
    /// When the oldest of them happened.
    #[schema(required = true)]
    missed_since: Option<Timestamp>,
    /// Signing requests that they are about.
    concerned: u64,
    /// The first of these.
    #[schema(max_items = 100)]
    signing_requests: Vec<String>,
    /// Calls to DocuSign that it cost.
    calls: u64,
}

impl From<ReconcileRun> for RunView {
    fn from(run: ReconcileRun) -> Self {
        Self {
            id: run.id,
            account: run.account.as_str().to_owned(),
            state: run.state.word(),
            asked: run.asked,
            dry_run: run.dry_run,
            ask_connect: run.ask_connect,
            from: run.from,
            to: run.to,
            started_at: run.started_at,
            ended_at: run.ended_at,
            waits_until: run.waits_until,
            why: run.why,
            total: run.total,
            looked: run.looked,
            unreadable: run.unreadable,
            missed: run.missed,
            missed_since: run.missed_since,
            concerned: run.concerned,
            signing_requests: run.signing_requests,
            calls: run.calls,
        }
    }
}

/// Lists looks for what Connect did not deliver
///
/// Those that wait or are under way on this node, then the reports of the newest that ended on any.
#[utoipa::path(
    get, path = "/v1/reconcile", tag = "docusign", operation_id = "listReconcileRuns",
    params(("limit" = Option<u32>, Query, description = "Reports at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000)),
    responses(
        (status = 200, description = "The runs", body = ReconcilePage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let limit = Params::read(&request, &["limit"])?.limit()?;
    let seen = |run: &ReconcileRun| caller.may_use(&run.account);
    let open = api.docusign.as_ref().map(|docusign| docusign.desk.runs()).unwrap_or_default();
    // Of a caller who may see some, all that are kept are looked through: there are few.
    let read = if caller.accounts().is_some() { limits::RECONCILE_RUNS_KEPT } else { limit };
    let mut ended = api.store.reconcile_runs(read).await?;
    ended.retain(seen);
    ended.truncate(limit);
    // One that ends just now is in both.
    let open = open.into_iter().filter(seen).filter(|run| !ended.iter().any(|ended| ended.id == run.id));
    let result = open.collect::<Vec<_>>().into_iter().chain(ended.iter().cloned()).map(RunView::from);
    Ok(HttpResponse::Ok().json(ReconcilePage { result: result.collect() }))
}

/// Asks for a look for what Connect did not deliver
///
/// One run for each account: DocuSign is asked over REST for all whose status changed within the window or that were
/// modified since, and what is not known here becomes changes with `origin` `reconcile`, under the ids that Connect would
/// have given. The runs are made one after another; `GET /v1/reconcile` tells how they fare.
#[utoipa::path(
    post, path = "/v1/reconcile", tag = "docusign", operation_id = "reconcile",
    request_body = ReconcileWanted,
    responses(
        (status = 202, description = "They will be made", body = ReconcilePage),
        (status = 400, description = "The body cannot be read", body = ProblemBody),
        (status = 404, description = "The account is none that can be asked", body = ProblemBody),
        (status = 409, description = "No account is linked, and there are no credentials", body = ProblemBody),
        (status = "4XX", description = "Not let in, or no JSON", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn order(
    caller: Caller,
    request: HttpRequest,
    wanted: Json<ReconcileWanted>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let ReconcileWanted { account: of, from, to, dry_run, ask_connect } = wanted.into_inner();
    if !dry_run {
        caller.require(Scope::Write)?;
    }
    let of = caller.meant(of.as_deref().map(account).transpose()?)?;
    let order = Order { account: of, from, to, dry_run, ask_connect };
    let runs = (docusign(&api)?.reconcile)(order).await.map_err(refused)?;
    Ok(HttpResponse::Accepted().json(ReconcilePage { result: runs.into_iter().map(RunView::from).collect() }))
}
