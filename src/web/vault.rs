//! Sealing stored credentials anew, after the vault's key was exchanged.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Caller, Scope};
use super::params::Params;
use super::{Api, Problem, ProblemBody};

/// What became of the stored credentials.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotated {
    /// Linked accounts whose credentials were sealed with the previous key, and now are with the present one.
    resealed: usize,
    /// Linked accounts whose credentials open with neither key: they have to be linked again.
    unreadable: usize,
}

/// Seals stored credentials with the present key
///
/// After `vault_key` was exchanged and the old one set as `vault_key_previous`. Once none is unreadable, the old key
/// is needed no longer.
#[utoipa::path(
    post, path = "/v1/vault/rotate", tag = "accounts", operation_id = "rotateVault",
    responses(
        (status = 200, description = "All were looked at", body = Rotated),
        (status = "4XX", description = "Not let in", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn rotate(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::Admin)?;
    caller.require_all()?;
    Params::read(&request, &[])?;
    let (resealed, unreadable) =
        api.linked.rotate().await.map_err(|why| Problem::StoreDown(why.to_string()))?;
    Ok(HttpResponse::Ok().json(Rotated { resealed, unreadable }))
}
