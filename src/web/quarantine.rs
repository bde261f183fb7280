//! Quarantine over HTTP: authentic deliveries that could not be read, released or dropped by an operator.
//!
//! What could not be read tells of no account: so all of it is for those alone who may see all accounts.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::DeliveryId;
use crate::store::{DeliveryDetail, DeliveryQuery, Resolution};

use super::caller::{Caller, Scope};
use super::deliveries::{DeliveryPage, DeliveryWhole};
use super::params::{Params, delivery_id};
use super::{Api, Problem, ProblemBody, ReleaseError};

const QUARANTINED: &str = "quarantined";

/// How a quarantine ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Resolved {
    /// `accepted` or `duplicate` once released; `dropped`.
    #[schema(pattern = "^(accepted|duplicate|dropped)$")]
    outcome: &'static str,
    /// The delivery.
    delivery_id: Uuid,
    /// Changes that it made.
    changes: usize,
}

/// Lists open quarantines
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/quarantine", tag = "quarantine", operation_id = "listQuarantine",
    params(
        ("before" = Option<Uuid>, Query, description = "A delivery's id, or a cursor of this list: only those before it"),
        ("limit" = Option<u32>, Query, description = "Rows in the page at most: 1 to 1000, by default 100", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryPage),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(&request, &["before", "limit"])?;
    caller.require_all()?;
    let query = DeliveryQuery {
        before: params.before()?,
        limit: params.limit()?,
        outcome: Some(QUARANTINED.to_owned()),
        account: None,
        among: None,
    };
    Ok(HttpResponse::Ok().json(DeliveryPage::read(&api, query).await?))
}

/// Shows one delivery in quarantine
///
/// With its headers and its bytes.
#[utoipa::path(
    get, path = "/v1/quarantine/{id}", tag = "quarantine", operation_id = "getQuarantined",
    params(("id" = Uuid, Path, description = "The delivery")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryWhole),
        (status = 409, description = "It is not in quarantine", body = ProblemBody),
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
    caller.require_all()?;
    let detail = quarantined(&api, delivery_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(DeliveryWhole::from(detail)))
}

/// Reads a delivery again and applies what it says
///
/// With today's parser and settings. One that still cannot be read stays where it is.
#[utoipa::path(
    post, path = "/v1/quarantine/{id}/release", tag = "quarantine", operation_id = "releaseQuarantined",
    params(("id" = Uuid, Path, description = "The delivery")),
    responses(
        (status = 200, description = "Released", body = Resolved),
        (status = 409, description = "It is not in quarantine", body = ProblemBody),
        (status = 410, description = "Its bytes have been pruned", body = ProblemBody),
        (status = 422, description = "It still cannot be read", body = ProblemBody),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn release(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    caller.require_all()?;
    Params::read(&request, &[])?;
    let id = delivery_id(&id)?;
    quarantined(&api, id).await?;
    // In a task of its own: a client that hangs up drops this future, and what was begun must end.
    let released = tokio::spawn((api.release)(id)).await;
    match released.map_err(|error| Problem::Internal(format!("a release broke off: {error}")))? {
        Ok(appended) => Ok(HttpResponse::Ok().json(Resolved {
            outcome: appended.outcome.word(),
            delivery_id: id.0,
            changes: appended.changes.len(),
        })),
        // Looked up again: it may have been resolved, or pruned, since we looked.
        Err(ReleaseError::Unknown) => Err(no_longer(&api, id).await),
        Err(ReleaseError::NotQuarantined(outcome)) => Err(Problem::NotQuarantined { outcome }),
        Err(ReleaseError::Pruned) => Err(Problem::BodyPruned),
        Err(ReleaseError::Unreadable(why)) => Err(Problem::StillUnreadable { id, why }),
        Err(ReleaseError::Store(error)) => Err(error.into()),
    }
}

/// Drops a delivery
///
/// Ends its quarantine without applying anything; its bytes stay until they are pruned.
#[utoipa::path(
    post, path = "/v1/quarantine/{id}/drop", tag = "quarantine", operation_id = "dropQuarantined",
    params(("id" = Uuid, Path, description = "The delivery")),
    responses(
        (status = 200, description = "Dropped", body = Resolved),
        (status = 409, description = "It is not in quarantine", body = ProblemBody),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn discard(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Write)?;
    caller.require_all()?;
    Params::read(&request, &[])?;
    let id = delivery_id(&id)?;
    match api.store.resolve_quarantine(id, Resolution::Dropped, api.clock.now()).await? {
        Some(_) => {
            Ok(HttpResponse::Ok().json(Resolved { outcome: "dropped", delivery_id: id.0, changes: 0 }))
        }
        None => Err(no_longer(&api, id).await),
    }
}

/// The delivery, where it is in quarantine.
async fn quarantined(api: &Api, id: DeliveryId) -> Result<DeliveryDetail, Problem> {
    let detail = api.store.delivery(id).await?.ok_or(Problem::DeliveryUnknown)?;
    if detail.row.outcome == QUARANTINED {
        Ok(detail)
    } else {
        Err(Problem::NotQuarantined { outcome: detail.row.outcome })
    }
}

/// Why there was nothing to resolve.
async fn no_longer(api: &Api, id: DeliveryId) -> Problem {
    match quarantined(api, id).await {
        Ok(_) => Problem::Internal(format!("delivery {id} is in quarantine and was not found there")),
        Err(problem) => problem,
    }
}
