//! `GET /v1/accounts/{id}/budget`: the calls to DocuSign that an account has, and what waits for them.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::AccountId;
use crate::rest::Unforwarded;

use super::caller::Caller;
use super::params::Params;
use super::problem::remote::Remote;
use super::{Api, Problem, ProblemBody};

/// The calls to DocuSign that an account has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
struct BudgetView {
    /// The account.
    account_id: String,
    /// Calls by the hour, all applications together; null before the first answer told it.
    #[schema(required = true)]
    limit: Option<u32>,
    /// Calls left in the present hour, by the newest answer; null where none is known of it.
    #[schema(required = true)]
    remaining: Option<u32>,
    /// When that hour ends.
    #[schema(required = true)]
    reset_at: Option<Timestamp>,
    /// Calls left in the present 30 seconds, by the newest answer.
    #[schema(required = true)]
    burst_remaining: Option<u32>,
    /// No call is made before this: there were too many.
    #[schema(required = true)]
    held_until: Option<Timestamp>,
    /// Before this nothing is fetched in the background but what came to its end: the rest of the hour's calls is kept.
    #[schema(required = true)]
    routine_held_until: Option<Timestamp>,
    /// Calls under way.
    under_way: u32,
    /// Signing requests about which DocuSign takes no call for now.
    signing_requests_held: usize,
    /// Signing requests that wait to be fetched.
    waiting: u64,
}

/// Tells how many calls to DocuSign an account has
///
/// As far as this node has heard: each learns it from the answers to its own calls.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/budget", tag = "docusign", operation_id = "getBudget",
    params(("id" = String, Path, description = "The account's id at DocuSign")),
    responses(
        (status = 200, description = "The calls that it has", body = BudgetView),
        (status = "4XX", description = "Not let in, or no such account", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    request: HttpRequest,
    id: Path<String>,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::read(&request, &[])?;
    let account = AccountId::new(&id);
    caller.require_account(&account)?;
    let waiting = api.store.enrichments_waiting(&account).await?;
    let standing = api.client.standing(&account);
    // Where nothing is known of it, there is perhaps no such account.
    if standing.is_none()
        && waiting == 0
        && matches!(api.forwarder.knows(&account).await, Err(Unforwarded::Unknown))
    {
        return Err(Remote::AccountUnknown.into());
    }
    let standing = standing.unwrap_or_default();
    Ok(HttpResponse::Ok().json(BudgetView {
        account_id: account.to_string(),
        limit: standing.limit,
        remaining: standing.remaining,
        reset_at: standing.reset_at,
        burst_remaining: standing.burst_remaining,
        held_until: standing.held_until,
        routine_held_until: standing.routine_held_until,
        under_way: standing.under_way,
        signing_requests_held: standing.envelopes_held,
        waiting,
    }))
}
