//! Whether it lives, whether it can take deliveries, which version it is, and its numbers.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::books::{equations, imbalances};
use crate::store::{Backlog, Totals};
use crate::telemetry::Metric;

use super::caller::Caller;
use super::{Api, Problem, ProblemBody};

/// A plain word on health.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Live {
    /// Always `live`.
    #[schema(example = "live")]
    status: &'static str,
}

/// Is it alive?
///
/// Answers as long as the process can answer at all.
#[utoipa::path(
    get, path = "/livez", tag = "health", operation_id = "getLive", security(()),
    responses((status = 200, description = "Alive", body = Live)),
)]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Live { status: "live" })
}

/// Whether deliveries can be taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// `ready`, or `unready`: then deliveries would be answered 503.
    #[schema(pattern = "^(ready|unready)$")]
    status: &'static str,
    /// Each part, with `verbose`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    parts: Vec<Part>,
}

/// How one part stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    /// `store`, `broker`, `topology`, `keys`, `connect` (its configurations, as of the last look), `books` or `process`.
    #[schema(example = "store")]
    part: &'static str,
    /// `up`; `off` where it is not configured; `degraded`: something is wrong, but deliveries are taken; `down`:
    /// they are not.
    #[schema(pattern = "^(up|off|degraded|down)$")]
    status: &'static str,
    /// What is wrong; only for callers who show a token for all accounts (or are on this machine, where there is none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    why: Vec<String>,
}

/// Can it take deliveries?
///
/// An outage of the broker does not make it unready: deliveries are stored, and published later.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "getReady", security((), ("token" = [])),
    params(("verbose" = Option<bool>, Query, description = "Tell of each part")),
    responses(
        (status = 200, description = "Ready", body = Ready),
        (status = 503, description = "Not ready", body = Ready),
    ),
)]
pub(super) async fn ready(caller: Option<Caller>, request: HttpRequest, api: Data<Api>) -> HttpResponse {
    // Lenient: probes of all kinds add parameters of their own.
    let verbose = url::form_urlencoded::parse(request.query_string().as_bytes())
        .any(|(name, value)| name == "verbose" && value != "false" && value != "0");
    let mut parts = parts(&api).await;
    let ready = parts.iter().all(|part| part.status != "down");
    // They name sources, accounts and addresses.
    if caller.is_none_or(|caller| caller.accounts().is_some()) {
        parts.iter_mut().for_each(|part| part.why.clear());
    }
    if !verbose {
        parts.clear();
    }
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(Ready { status: if ready { "ready" } else { "unready" }, parts })
}

async fn parts(api: &Api) -> Vec<Part> {
    let part = |part, status, why: Vec<String>| Part { part, status, why };
    let store = match api.probe().await {
        Ok(()) => part("store", "up", Vec::new()),
        Err(error) => part("store", "down", vec![error.to_string()]),
    };
    let broker = (api.broker)();
    let told = match (broker.configured, broker.connected && !broker.blocked) {
        (false, _) => part("broker", "off", Vec::new()),
        (true, true) => part("broker", "up", Vec::new()),
        (true, false) => {
            let blocked =
                broker.blocked.then(|| "the broker blocks publishers: memory or disk alarm".to_owned());
            let apart = (!broker.connected).then(|| "not connected".to_owned());
            part("broker", "degraded", apart.into_iter().chain(blocked).chain(broker.error).collect())
        }
    };
    let mut faults: Vec<_> =
        broker.faults.iter().map(|fault| format!("{}: {}", fault.part, fault.why)).collect();
    if faults.is_empty() && !broker.connected {
        faults.push("not known while the broker is away".to_owned());
    }
    let topology = match (broker.configured, faults.is_empty()) {
        (false, _) => part("topology", "off", Vec::new()),
        (true, true) => part("topology", "up", Vec::new()),
        (true, false) => part("topology", "degraded", faults),
    };
    let keys = (api.keys)();
    let mut faulty: Vec<_> = keys
        .without_keys
        .iter()
        .map(|name| format!("source `{name}` has no key: it refuses everything"))
        .collect();
    if keys.sources == 0 {
        faulty.push("no source is configured".to_owned());
    }
    faulty.extend(keys.reload_error.map(|why| format!("the last reload failed: {why}")));
    let connect = match api.docusign.as_ref().map(|docusign| docusign.watched.faults()) {
        None => part("connect", "off", Vec::new()),
        Some(faults) if faults.is_empty() => part("connect", "up", faults),
        Some(faults) => part("connect", "degraded", faults),
    };
    let wrong = wrong_in_books(api).await;
    let stopping = api.stopping.is_cancelled();
    vec![
        store,
        told,
        topology,
        part("keys", if faulty.is_empty() { "up" } else { "degraded" }, faulty),
        connect,
        part("books", if wrong.is_empty() { "up" } else { "degraded" }, wrong),
        part(
            "process",
            if stopping { "down" } else { "up" },
            Vec::from_iter(stopping.then(|| "it is stopping".into())),
        ),
    ]
}

/// What does not balance, in words; also shown as metrics.
async fn wrong_in_books(api: &Api) -> Vec<String> {
    match api.books().await {
        Ok(counts) => {
            let all = equations(&counts);
            api.metrics.keep_books(&all);
            imbalances(&all).map(ToString::to_string).collect()
        }
        Err(error) => vec![format!("the books cannot be read: {error}")],
    }
}

/// Which program this is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(super) struct VersionView<'a> {
    /// Always `countersign`.
    #[schema(example = "countersign")]
    name: &'static str,
    /// Semantic version.
    #[schema(example = "0.1.0")]
    version: &'a str,
    /// The commit that it was built from, where known.
    #[schema(required = true)]
    commit: Option<&'a str>,
    /// When this process started.
    started_at: Timestamp,
}

/// Which version is it?
#[utoipa::path(
    get, path = "/version", tag = "health", operation_id = "getVersion", security(()),
    responses((status = 200, description = "The version", body = VersionView<'_>)),
)]
pub(super) async fn version(api: Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(VersionView {
        name: env!("CARGO_PKG_NAME"),
        version: &api.version.version,
        commit: api.version.commit.as_deref(),
        started_at: api.version.started_at,
    })
}

/// Its metrics
///
/// In the text format of Prometheus and OpenMetrics.
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "getMetrics",
    responses(
        (status = 200, description = "The metrics", content_type = "application/openmetrics-text", body = String),
        (status = "4XX", description = "Not let in", body = ProblemBody),
    ),
)]
pub(super) async fn metrics(caller: Caller, api: Data<Api>) -> Result<HttpResponse, Problem> {
    caller.require_all()?;
    match api.counts().await {
        Ok((totals, backlog)) => {
            refresh(&api, totals, backlog);
            wrong_in_books(&api).await;
            accounts(&api).await;
        }
        // The counters are true all the same, and an outage is when they are wanted most.
        Err(error) => tracing::warn!(%error, "gauges of the store are as of the last time that it answered"),
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(kind).body(api.metrics.render()))
}

fn refresh(api: &Api, totals: Totals, backlog: Backlog) {
    let gauge = |metric, value: u64| api.metrics.set(metric, "", i64::try_from(value).unwrap_or(i64::MAX));
    gauge(Metric::Backlog, backlog.changes);
    gauge(Metric::BacklogAge, backlog_age(api, backlog));
    gauge(Metric::Quarantined, totals.quarantined);
    gauge(Metric::EnrichPending, totals.enrichments);
}

/// How many linked accounts stand in each state: one whose user has to come back is seen before somebody misses it.
async fn accounts(api: &Api) {
    match api.store.accounts_by_state().await {
        Ok(counts) => counts.into_iter().for_each(|(state, count)| {
            api.metrics.set(Metric::Accounts, state.word(), i64::try_from(count).unwrap_or(i64::MAX));
        }),
        Err(error) => tracing::warn!(%error, "linked accounts could not be counted"),
    }
}

/// Seconds that the oldest unpublished change has waited.
fn backlog_age(api: &Api, backlog: Backlog) -> u64 {
    let waited = backlog.oldest_at.map_or(0, |oldest| api.clock.now().duration_since(oldest).as_secs());
    u64::try_from(waited).unwrap_or(0)
}

/// Counts for people: what stands in the store, and what this process did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Totals)]
pub(super) struct TotalsView {
    /// Deliveries accepted, ever.
    accepted: u64,
    /// Duplicates, ever.
    duplicates: u64,
    /// Deliveries in quarantine now.
    quarantined: u64,
    /// Signing requests known.
    signing_requests: u64,
    /// Changes stored, ever.
    changes: u64,
    /// Changes that the broker has confirmed.
    published: u64,
    /// Changes that wait to be published.
    backlog: u64,
    /// Seconds that the oldest of them has waited.
    backlog_age_seconds: u64,
    /// Signing requests that wait to be fetched.
    enrich_pending: u64,
    /// What this process did since it started.
    since_start: SinceStart,
    /// How the broker stands.
    broker: BrokerStanding,
    /// What does not balance in the books; `/v1/books` has all of them.
    imbalances: Vec<String>,
}

/// What this process did since it started.
#[derive(Debug, Serialize, ToSchema)]
struct SinceStart {
    /// When it started.
    at: Timestamp,
    /// Deliveries refused.
    refused: u64,
    /// Enriched changes stored.
    enriched: u64,
}

/// How the broker stands.
#[derive(Debug, Serialize, ToSchema)]
struct BrokerStanding {
    /// False with `broker = "none"`.
    configured: bool,
    /// Connected and able to publish.
    connected: bool,
    /// It blocks publishers (memory or disk alarm).
    blocked: bool,
    /// Parts of its topology that cannot be declared.
    topology_faults: usize,
}

/// Counts everything
///
/// For dashboards; anew at most once a second.
#[utoipa::path(
    get, path = "/v1/totals", tag = "health", operation_id = "getTotals",
    responses(
        (status = 200, description = "The counts", body = TotalsView),
        (status = "4XX", description = "Not let in", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn totals(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require_all()?;
    super::params::Params::read(&request, &[])?;
    let (totals, backlog) = api.counts().await?;
    refresh(&api, totals, backlog);
    let broker = (api.broker)();
    Ok(HttpResponse::Ok().json(TotalsView {
        accepted: totals.accepted,
        duplicates: totals.duplicates,
        quarantined: totals.quarantined,
        signing_requests: totals.signing_requests,
        changes: totals.changes,
        published: totals.changes.saturating_sub(backlog.changes),
        backlog: backlog.changes,
        backlog_age_seconds: backlog_age(&api, backlog),
        enrich_pending: totals.enrichments,
        since_start: SinceStart {
            at: api.version.started_at,
            refused: api.metrics.counted(Metric::Deliveries, "refused"),
            enriched: api.metrics.counted(Metric::Changes, "enriched"),
        },
        broker: BrokerStanding {
            configured: broker.configured,
            connected: broker.connected,
            blocked: broker.blocked,
            topology_faults: broker.faults.len(),
        },
        imbalances: wrong_in_books(&api).await,
    }))
}
