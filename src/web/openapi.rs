//! The OpenAPI reference, generated from the paths themselves.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::message::{ChangeMessage, EnrichedMessage, Message};
use super::problem::ProblemBody;
use super::{changes, deliveries, health, quarantine, stream, timeline};

/// `/openapi.json`.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "countersign",
        description = "Takes in DocuSign Connect deliveries and tells what they change: as a feed here, and on RabbitMQ \
                       (see /asyncapi.yaml). Errors have one shape everywhere. Unknown parameters are errors.",
    ),
    paths(
        changes::list, stream::follow, changes::show, changes::replay,
        deliveries::list, deliveries::show,
        timeline::show,
        quarantine::list, quarantine::show, quarantine::release, quarantine::discard,
        health::totals, health::live, health::ready, health::version, health::metrics,
    ),
    components(schemas(ProblemBody, Message, ChangeMessage, EnrichedMessage)),
    tags(
        (name = "changes", description = "The feed of changes"),
        (name = "deliveries", description = "What Connect sent"),
        (name = "signing requests", description = "What is known of each"),
        (name = "quarantine", description = "Authentic deliveries that could not be read"),
        (name = "health", description = "How it fares"),
    ),
    security(("token" = [])),
    modifiers(&Schemes),
)]
pub(super) struct Reference;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The API token. Where none is configured, none is needed on the server's own machine.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
    }
}
