//! HTTP faces: the feed, deliveries, timelines, quarantine, health, references and the dashboard.
//!
//! The wiring makes one [`Api`] and calls [`configure`] (or [`configure_health`]) for each worker, within an application that is wrapped in
//! [`stamp()`]. Every path answers errors from the one table in [`problem`].

pub mod connect;
pub mod message;
pub mod problem;

mod accounts;
mod api;
mod audit;
#[cfg(test)]
#[path = "tests/bench.rs"]
mod bench;
mod books;
mod budget;
mod caller;
mod changes;
mod deliveries;
mod docusign;
mod health;
mod link;
mod openapi;
mod pages;
mod params;
mod proxy;
mod quarantine;
mod reconcile;
mod replay;
mod stamp;
mod stream;
mod timeline;
mod tokens;
mod unified;
mod vault;
mod wire;

pub use api::{
    Api, AskBroker, AskKeys, BrokerView, KeysView, Parts, Release, ReleaseError, Replay, TopologyFault,
    Version,
};
pub use caller::{Caller, Scope, Token, TokenInForce, Visitor};
pub use docusign::{Accounts, Docusign, Examine, Reconcile, Register, RegisterOrder};
pub use problem::{Problem, ProblemBody};
pub use stamp::{REQUEST_ID, stamp};
pub use wire::{Paced, Pulse};

use actix_web::error::{JsonPayloadError, PayloadError};
use actix_web::guard::{Any, Get, Guard, Head, Not, Post};
use actix_web::web::{self, Data, JsonConfig, PathConfig, ServiceConfig};
use actix_web::{Resource, Route};

use crate::base::limits;

/// Registers health, version and metrics, and the answers to what is at no path: for processes without the API.
pub fn configure_health(config: &mut ServiceConfig, api: Data<Api>) {
    config
        .app_data(api)
        .app_data(json())
        // What cannot be read as text is at no path of ours.
        .app_data(PathConfig::default().error_handler(|_, _| Problem::PathUnknown.into()))
        .default_service(web::to(async || Err::<String, _>(Problem::PathUnknown)))
        .service(reads("/livez").route(get().to(health::live)))
        .service(reads("/readyz").route(get().to(health::ready)))
        .service(reads("/version").route(get().to(health::version)))
        .service(reads("/metrics").route(get().to(health::metrics)))
        // Deliveries are posted, and their paths are registered elsewhere; what is not posted there ends here.
        .service(resource("/connect", "POST").guard(Not(Post())))
        .service(resource("/connect/{source}", "POST").guard(Not(Post())));
}

/// Registers every path but the deliveries' own.
pub fn configure(config: &mut ServiceConfig, api: Data<Api>) {
    configure_health(config, api);
    config
        .service(reads("/v1/changes").route(get().to(changes::list)))
        .service(resource("/v1/changes/stream", "GET").route(web::get().to(stream::follow)))
        .service(resource("/v1/changes/replay", "POST").route(web::post().to(changes::replay)))
        .service(reads("/v1/changes/{position_or_id}").route(get().to(changes::show)))
        .service(reads("/v1/deliveries").route(get().to(deliveries::list)))
        .service(reads("/v1/deliveries/{id}").route(get().to(deliveries::show)))
        .service(resource("/v1/replay", "POST").route(web::post().to(replay::replay)))
        .service(reads("/v1/signing-requests/{id}/timeline").route(get().to(timeline::show)))
        .service(reads("/v1/quarantine").route(get().to(quarantine::list)))
        .service(reads("/v1/quarantine/{id}").route(get().to(quarantine::show)))
        .service(resource("/v1/quarantine/{id}/release", "POST").route(web::post().to(quarantine::release)))
        .service(resource("/v1/quarantine/{id}/drop", "POST").route(web::post().to(quarantine::discard)))
        .service(reads("/v1/audit").route(get().to(audit::show)))
        .service(reads("/v1/audit/records").route(get().to(audit::list)))
        .service(
            resource("/v1/tokens", "GET, HEAD, POST")
                .route(get().to(tokens::list))
                .route(web::post().to(tokens::create)),
        )
        .service(reads("/v1/tokens/self").route(get().to(tokens::own)))
        .service(resource("/v1/tokens/{id}", "DELETE").route(web::delete().to(tokens::revoke)))
        .service(resource("/v1/vault/rotate", "POST").route(web::post().to(vault::rotate)))
        .service(
            resource("/v1/reconcile", "GET, HEAD, POST")
                .route(get().to(reconcile::list))
                .route(web::post().to(reconcile::order)),
        )
        .service(reads("/v1/connect").route(get().to(docusign::connect)))
        .service(resource("/v1/connect/register", "POST").route(web::post().to(docusign::register)))
        .service(reads("/v1/totals").route(get().to(health::totals)))
        .service(reads("/v1/books").route(get().to(books::show)))
        .service(proxy::resource())
        .service(unified::resource())
        .service(reads("/v1/accounts/{id}/budget").route(get().to(budget::show)))
        .service(resource("/link-token", "POST").route(web::post().to(accounts::link)))
        .service(resource("/link-token/status", "POST").route(web::post().to(accounts::link_status)))
        .service(
            resource("/integrated-account", "GET, HEAD, POST")
                .route(get().to(accounts::list))
                .route(web::post().to(accounts::create)),
        )
        .service(
            resource("/integrated-account/refresh-credentials", "POST")
                .route(web::post().to(accounts::refresh)),
        )
        .service(
            resource("/integrated-account/{id}", "GET, HEAD, DELETE")
                .route(get().to(accounts::show))
                .route(web::delete().to(accounts::remove)),
        )
        .service(
            resource("/connect-account", "GET, HEAD, POST")
                .route(get().to(link::show))
                .route(web::post().to(link::begin)),
        )
        .service(resource("/connect-account/choose", "POST").route(web::post().to(link::choose)))
        .service(resource("/oauth/callback", "GET").route(web::get().to(link::callback)))
        .service(reads("/").route(get().to(pages::dashboard)))
        .service(reads("/assets/app.js").route(get().to(pages::dashboard_script)))
        .service(reads("/assets/style.css").route(get().to(pages::style)))
        .service(reads("/assets/icon.svg").route(get().to(pages::icon)))
        .service(reads("/assets/docs.js").route(get().to(pages::reference_script)))
        .service(reads("/docs").route(get().to(pages::reference)))
        .service(reads("/openapi.json").route(get().to(pages::openapi)))
        .service(reads("/asyncapi.yaml").route(get().to(pages::asyncapi)));
}

/// A path that is read.
fn reads(path: &'static str) -> Resource {
    resource(path, "GET, HEAD")
}

/// GET, and HEAD for those who want the headers alone.
fn get() -> Route {
    web::route().guard(read_guard())
}

fn read_guard() -> impl Guard {
    Any(Get()).or(Head())
}

/// A path; other methods than those `allowed` are told so.
fn resource(path: &'static str, allowed: &'static str) -> Resource {
    let other = web::to(move || async move { Err::<String, _>(Problem::MethodUnknown(allowed)) });
    web::resource(path).default_service(other)
}

/// How JSON bodies are read, and what is said of those that cannot be.
fn json() -> JsonConfig {
    JsonConfig::default().limit(limits::API_BODY_BYTES_MAX).error_handler(|error, _| {
        let problem = match &error {
            JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
                Problem::BodyTooLarge
            }
            JsonPayloadError::ContentType => Problem::BodyNotJson,
            JsonPayloadError::Deserialize(why) => Problem::BodyBad(why.to_string()),
            JsonPayloadError::Payload(PayloadError::Overflow) => Problem::BodyTooLarge,
            _ => Problem::BodyBad("it did not arrive whole".into()),
        };
        problem.into()
    })
}
