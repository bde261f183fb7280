//! What is asked of DocuSign's side: runs of reconciling and Connect configurations, over a stand-in of two answers.

use std::sync::{Arc, Mutex};

use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, Dice};
use countersign::docusign::connect_configuration::Here;
use countersign::reconcile::{Ask, Next, Plan, Reconciler};
use countersign::rest::{Error, Listed, RateLimit, Republished, StatusChanges};
use countersign::store::Store;
use countersign::telemetry::Metrics;
use countersign::web::Docusign;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench};

/// DocuSign with one account, nothing in it, and what configurations it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Empty(Arc<Mutex<Vec<Value>>>);

impl Ask for Empty {
    async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        Ok(vec![AccountId::new(ACCOUNT)])
    }

    async fn status_changes(&self, _: &AccountId, _: &StatusChanges) -> Result<Listed, Error> {
        Ok(Listed { envelopes: Vec::new(), total: Some(0), more: false, rate: RateLimit::default() })
    }

    async fn republish(&self, _: &AccountId, _: &[String]) -> Result<Republished, Error> {
        Ok(Republished { queued: 0, refused: None, rate: RateLimit::default() })
    }

    async fn connect_configurations(&self, _: &AccountId) -> Result<Vec<Value>, Error> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn write_connect_configuration(&self, _: &AccountId, written: &Value) -> Result<Value, Error> {
        let mut written = written.clone();
        written["connectId"] = json!("7");
        written["password"] = json!("a-hash");
        *self.0.lock().unwrap() = vec![written.clone()];
        Ok(written)
    }
}

pub(crate) type Flow = Arc<Reconciler<Empty>>;

/// A flow that nothing turns but the test, and its face.
pub(crate) fn side(store: &Store, clock: &Arc<ManualClock>) -> (Flow, Docusign) {
    let here = Here { url: Some("https://hooks.example.com".into()), sources: vec!["default".into()] };
    let plan = Plan { every: None, page: 10, wants: Arc::new(|_| true), here: here.clone() };
    let (metrics, dice) = (Metrics::default(), Dice::seeded(12));
    let flow = Reconciler::new(Empty::default(), store.clone(), plan, metrics, clock.clone(), dice);
    let flow = Arc::new(flow);
    let with = || Arc::clone(&flow);
    let (asking, ordering, examining, registering) = (with(), with(), with(), with());
    let face = Docusign {
        accounts: Arc::new(move |named| {
            let flow = asking.clone();
            Box::pin(async move { flow.accounts(named.as_ref()).await })
        }),
        reconcile: Arc::new(move |order| {
            let flow = ordering.clone();
            Box::pin(async move { flow.order(order).await })
        }),
        desk: flow.desk().clone(),
        watched: flow.watched().clone(),
        examine: Arc::new(move |account, here| {
            let flow = examining.clone();
            Box::pin(async move { flow.connect(&account, &here).await })
        }),
        register: Arc::new(move |account, order| {
            let flow = registering.clone();
            Box::pin(async move { flow.register(&account, &order.url, &order.name, order.dry_run).await })
        }),
        here,
    };
    (flow, face)
}

#[actix_web::test]
async fn a_run_is_queued_then_made_and_its_report_is_kept() {
    let bench = Bench::new();
    let ordered = bench.post("/v1/reconcile", Some(json!({"from": "2026-11-20T00:00:00Z"}))).await;
    assert_eq!(ordered.status, 202);
    let id = ordered.json()["result"][0]["id"].clone();
    let open = bench.get("/v1/reconcile").await.json();
    assert_eq!((&open["result"][0]["id"], &open["result"][0]["state"]), (&id, &json!("queued")));
    while bench.flow.step().await == Next::Now {}
    let ended = bench.get("/v1/reconcile").await.json();
    assert_eq!((&ended["result"][0]["id"], &ended["result"][0]["state"]), (&id, &json!("done")));
    assert_eq!(ended["result"].as_array().unwrap().len(), 1, "{ended}");
}

#[actix_web::test]
async fn a_run_over_what_cannot_be_is_refused_with_the_reason() {
    let bench = Bench::new();
    for (order, status, says) in [
        (json!({"account": "0000-other"}), 404, "no such account"),
        (json!({"account": "../x"}), 400, "`account` must be"),
        (json!({"from": "2027-01-01T00:00:00Z"}), 400, "ends before it begins"),
        (json!({"from": "yesterday"}), 400, "cannot be read"),
        (json!({"form": "2026-01-01T00:00:00Z"}), 400, "form"),
    ] {
        let answer = bench.post("/v1/reconcile", Some(order.clone())).await;
        assert_eq!(answer.status, status, "{order}");
        assert!(answer.message().contains(says), "{order}: {}", answer.message());
    }
}

#[actix_web::test]
async fn a_configuration_is_registered_and_shown_without_its_secrets() {
    let bench = Bench::new();
    let made = bench.post("/v1/connect/register", Some(json!({}))).await.json();
    assert_eq!(made["result"][0]["url"], "https://hooks.example.com/connect");
    assert_eq!(made["result"][0]["done"], "created");
    let shown = bench.get("/v1/connect").await;
    assert!(!String::from_utf8_lossy(&shown.bytes).contains("a-hash"));
    assert_eq!(shown.json()["result"][0]["configurations"][0]["ours"], true);
    let again = bench.post("/v1/connect/register", Some(json!({}))).await.json();
    assert_eq!(again["result"][0]["done"], "unchanged");
    for url in ["http://hooks.example.com/connect", "nonsense"] {
        assert_eq!(bench.post("/v1/connect/register", Some(json!({"url": url}))).await.status, 400, "{url}");
    }
    assert_eq!(bench.get("/v1/connect?public_url=ftp://x").await.status, 400);
}
