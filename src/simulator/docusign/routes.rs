//! Which call is answered where.

use actix_web::web::{self, delete, get, post, put};

use super::errors::ApiError;
use super::{
    REST, audit, billing, changes, connect, consent, contacts, controls, documents, envelopes, folders,
    groups, members, oauth, profiles, recipients, tabs, templates, uploads, users, views,
};

/// Registers all calls.
pub(super) fn routes(app: &mut web::ServiceConfig) {
    let rest = web::scope(REST).configure(of_envelopes).configure(of_templates).configure(of_accounts);
    app.route("/oauth/auth", get().to(consent::authorize))
        .route("/oauth/auth", post().to(consent::decide))
        .route("/oauth/token", post().to(oauth::token))
        .route("/oauth/userinfo", get().to(oauth::userinfo))
        .route("/Signing/MTRedeem/v1/{token}", get().to(views::open))
        .route("/Signing/MTRedeem/v1/{token}", post().to(views::finish))
        .configure(controls::routes)
        .service(rest)
        .default_service(web::to(|| async { ApiError::no_such_call().answer() }));
}

fn of_envelopes(rest: &mut web::ServiceConfig) {
    rest.route("/envelopes", get().to(envelopes::list))
        .route("/envelopes", post().to(changes::create))
        .route("/envelopes/status", put().to(envelopes::status_of_set))
        .route("/envelopes/{envelope}", get().to(envelopes::get))
        .route("/envelopes/{envelope}", put().to(changes::update))
        .route("/envelopes/{envelope}/notification", get().to(envelopes::notification))
        .route("/envelopes/{envelope}/recipients", get().to(recipients::list))
        .route("/envelopes/{envelope}/recipients", post().to(recipients::add))
        .route("/envelopes/{envelope}/recipients", put().to(recipients::alter))
        .route("/envelopes/{envelope}/recipients", delete().to(recipients::remove))
        .route("/envelopes/{envelope}/recipients/{recipient}", delete().to(recipients::remove_one))
        .route("/envelopes/{envelope}/recipients/{recipient}/tabs", get().to(tabs::of_recipient))
        .route("/envelopes/{envelope}/recipients/{recipient}/tabs", post().to(tabs::add))
        .route("/envelopes/{envelope}/recipients/{recipient}/tabs", put().to(tabs::alter))
        .route("/envelopes/{envelope}/recipients/{recipient}/tabs", delete().to(tabs::remove))
        .route("/envelopes/{envelope}/documents", get().to(documents::documents))
        .route("/envelopes/{envelope}/documents", put().to(uploads::put_many))
        .route("/envelopes/{envelope}/documents", delete().to(uploads::delete))
        .route("/envelopes/{envelope}/documents/{document}", get().to(documents::download))
        .route("/envelopes/{envelope}/documents/{document}", put().to(uploads::put))
        .route("/envelopes/{envelope}/documents/{document}/tabs", get().to(tabs::of_document))
        .route("/envelopes/{envelope}/form_data", get().to(tabs::form_data))
        .route("/envelopes/{envelope}/audit_events", get().to(audit::audit_events))
        .route("/envelopes/{envelope}/views/recipient", post().to(views::recipient))
        .route("/envelopes/{envelope}/views/sender", post().to(views::sender));
}

fn of_templates(rest: &mut web::ServiceConfig) {
    rest.route("/templates", get().to(templates::list))
        .route("/templates/{template}", get().to(templates::get))
        .route("/templates/{template}/documents", get().to(templates::documents))
        .route("/templates/{template}/documents/{document}/tabs", get().to(tabs::of_draft))
        .route("/templates/{template}/recipients", get().to(templates::recipients))
        .route("/templates/{template}/recipients/{recipient}/tabs", get().to(tabs::of_role));
}

fn of_accounts(rest: &mut web::ServiceConfig) {
    rest.route("", get().to(billing::get))
        .route("/billing_plan", get().to(billing::plan))
        .route("/billing_charges", get().to(billing::charges))
        .route("/billing_invoices", get().to(billing::invoices))
        .route("/connect", get().to(connect::list))
        .route("/connect", post().to(connect::create))
        .route("/connect", put().to(connect::update))
        .route("/connect/envelopes/retry_queue", put().to(connect::retry))
        .route("/connect/envelopes/{envelope}/retry_queue", put().to(connect::retry_one))
        .route("/connect/{id}", get().to(connect::get))
        .route("/connect/{id}", delete().to(connect::delete))
        .route("/contacts", get().to(contacts::list))
        .route("/contacts/{contact}", get().to(contacts::get))
        .route("/folders", get().to(folders::list))
        .route("/folders/{folder}", get().to(folders::get))
        .route("/folders/{folder}", put().to(folders::put))
        .route("/groups", get().to(groups::list))
        .route("/groups/{group}/users", get().to(groups::users))
        .route("/permission_profiles", get().to(profiles::list))
        .route("/permission_profiles/{profile}", get().to(profiles::get))
        .route("/signing_groups", get().to(groups::signing_groups))
        .route("/signing_groups/{group}/users", get().to(groups::signing_users))
        .route("/users", get().to(users::list))
        .route("/users", post().to(members::create))
        .route("/users", put().to(members::update_many))
        .route("/users", delete().to(members::close))
        .route("/users/{user}", get().to(users::get))
        .route("/users/{user}", put().to(members::update));
}
