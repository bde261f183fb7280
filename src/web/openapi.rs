//! The OpenAPI reference, generated from the paths themselves.

use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use super::message::{AccountMessage, ChangeMessage, EnrichedMessage, Message};
use super::problem::ProblemBody;
use super::{
    accounts, audit, books, budget, changes, connect, deliveries, docusign, health, proxy, quarantine,
    reconcile, replay, stream, timeline, tokens, unified, vault,
};

/// `/openapi.json`.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "countersign",
        description = "Takes in DocuSign Connect deliveries and tells what they change: as a feed here, and on RabbitMQ \
                       (see /asyncapi.yaml). Errors have one shape everywhere. Unknown parameters are errors.",
    ),
    paths(
        connect::receive_default, connect::receive_named,
        changes::list, stream::follow, changes::show, changes::replay,
        deliveries::list, deliveries::show, replay::replay,
        timeline::show,
        accounts::link, accounts::link_status, accounts::create, accounts::list, accounts::show, accounts::remove,
        accounts::refresh,
        quarantine::list, quarantine::show, quarantine::release, quarantine::discard,
        reconcile::list, reconcile::order, docusign::connect, docusign::register,
        proxy::forward, budget::show,
        audit::show, audit::list, vault::rotate,
        tokens::create, tokens::list, tokens::own, tokens::revoke,
        books::show, health::totals, health::live, health::ready, health::version, health::metrics,
    ),
    components(schemas(ProblemBody, Message, ChangeMessage, EnrichedMessage, AccountMessage)),
    tags(
        (name = "connect", description = "Where DocuSign delivers"),
        (name = "changes", description = "The feed of changes"),
        (name = "deliveries", description = "What Connect sent"),
        (name = "signing requests", description = "What is known of each"),
        (name = "quarantine", description = "Authentic deliveries that could not be read"),
        (name = "accounts", description = "Linked accounts"),
        (name = "docusign", description = "DocuSign's own API, called with our accounts; what Connect missed, and how Connect is set up"),
        (name = "e-signature", description = "The unified API of signing requests and all around them"),
        (name = "user-directory", description = "The unified API of an account's people, and what it pays for them"),
        (name = "tokens", description = "Who may ask what"),
        (name = "audit", description = "The chain of evidence"),
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
                "An API token: one made at `/v1/tokens`, or the configured one. Its scope is `read`, `write` or `admin`, \
                 each including those before; one that is for some accounts sees and uses those alone. Too many \
                 requests within ten seconds are answered 429 with `Retry-After`. Where there is no token at all, \
                 none is needed on the server's own machine.",
            ))
            .build();
        let signature = ApiKeyValue::with_description(
            "X-DocuSign-Signature-1",
            "base64(HMAC-SHA256(key, body)), as DocuSign Connect signs; any of the headers -1 to -100, by any key of \
             the source",
        );
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(signature)));
        every_method(openapi, proxy::PATH);
        unified::reference::add(openapi);
        for path in openapi.paths.paths.values_mut() {
            if let Some(post) = &mut path.post
                && post.tags.as_ref().is_some_and(|tags| tags.iter().any(|tag| tag == "connect"))
            {
                post.security = Some(vec![SecurityRequirement::new("signature", Vec::<String>::new())]);
            }
        }
    }
}

/// Tells of a path that takes whatever DocuSign does, once for each method: as it is told for GET.
fn every_method(openapi: &mut utoipa::openapi::OpenApi, path: &str) {
    let Some(item) = openapi.paths.paths.get_mut(path) else { return };
    let Some(get) = item.get.clone() else { return };
    let named = |name: &str| {
        let mut operation = get.clone();
        operation.operation_id = Some(format!("{name}DocuSign"));
        Some(operation)
    };
    (item.head, item.post, item.put) = (named("head"), named("post"), named("put"));
    (item.patch, item.delete) = (named("patch"), named("delete"));
}
