//! The stand-in's own calls, for those who drive it over HTTP: faults, counts, what users take back, and accounts that
//! grow.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::simulator::estate::Growth;

use super::errors::ApiError;
use super::faults::Fault;
use super::grants::TokenKind;
use super::{Shared, lock};

/// Registers the calls.
pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/simulator/faults", web::get().to(list_faults))
        .route("/simulator/faults", web::post().to(add_fault))
        .route("/simulator/faults", web::delete().to(clear_faults))
        .route("/simulator/growth", web::post().to(grow))
        .route("/simulator/calls", web::get().to(list_calls))
        .route("/simulator/users", web::get().to(list_users))
        .route("/simulator/consent", web::post().to(set_consent))
        .route("/simulator/tokens", web::delete().to(end_tokens));
}

async fn list_faults(shared: web::Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(lock(&shared.faults).all())
}

async fn add_fault(fault: web::Json<Fault>, shared: web::Data<Shared>) -> HttpResponse {
    if lock(&shared.faults).add(fault.into_inner()) {
        HttpResponse::NoContent().finish()
    } else {
        ApiError::invalid("There are too many faults: clear them with DELETE.").answer()
    }
}

async fn clear_faults(shared: web::Data<Shared>) -> HttpResponse {
    lock(&shared.faults).clear();
    HttpResponse::NoContent().finish()
}

/// An account, and by how much it grows.
#[derive(Debug, Deserialize)]
struct Growing {
    account: Uuid,
    #[serde(flatten)]
    by: Growth,
}

async fn grow(growing: web::Json<Growing>, shared: web::Data<Shared>) -> HttpResponse {
    if lock(&shared.world).grow(growing.account, growing.by) {
        HttpResponse::NoContent().finish()
    } else {
        ApiError::invalid("There is no such account, or it would have too much.").answer()
    }
}

async fn list_calls(shared: web::Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(lock(&shared.calls).all())
}

async fn list_users(shared: web::Data<Shared>) -> HttpResponse {
    let controls = lock(&shared.controls);
    let users = shared.users();
    let told = users.iter().map(|user| {
        json!({
            "user_id": user.person.user_id,
            "name": user.person.name,
            "email": user.person.email,
            "accounts": user.accounts,
            "default": user.default,
            "consented": controls.consents.has(user.person.user_id),
        })
    });
    HttpResponse::Ok().json(told.collect::<Vec<_>>())
}

/// A user's consent, given or taken back.
#[derive(Debug, Deserialize)]
struct Consent {
    user_id: Uuid,
    consented: bool,
}

async fn set_consent(consent: web::Json<Consent>, shared: web::Data<Shared>) -> HttpResponse {
    if consent.consented {
        lock(&shared.controls).consents.set(consent.user_id, true);
    } else {
        shared.revoke(consent.user_id);
    }
    HttpResponse::NoContent().finish()
}

/// Which tokens end: `access`, `refresh` or `code`, of all kinds where absent; of one user, or of all.
#[derive(Debug, Deserialize)]
struct Ending {
    kind: Option<String>,
    user_id: Option<Uuid>,
}

async fn end_tokens(ending: web::Query<Ending>, shared: web::Data<Shared>) -> HttpResponse {
    let kind = match ending.kind.as_deref().map(TokenKind::parse) {
        Some(None) => return ApiError::invalid("kind must be access, refresh or code.").answer(),
        kind => kind.flatten(),
    };
    let ended = lock(&shared.tokens).end(kind, ending.user_id);
    HttpResponse::Ok().json(json!({"ended": ended}))
}
