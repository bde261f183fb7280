//! Reconciling, and what the faces ask of it.

use std::sync::Arc;

use crate::config::{Role, Settings};
use crate::docusign::connect_configuration::Here;
use crate::receive::Receiver;
use crate::reconcile::{Plan, Reconciler};
use crate::rest::Client;
use crate::{base::limits, web};

/// The reconciler and where Connect reaches us; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Reconciling {
    pub(super) reconciler: Arc<Reconciler<Client>>,
    here: Here,
}

impl Reconciling {
    /// Over a client's accounts. It looks at nothing yet.
    pub(super) fn new(settings: &Settings, roles: &[Role], with: &Receiver, client: Client) -> Self {
        let (clock, dice, metrics) = (Arc::clone(&with.clock), with.dice.clone(), with.metrics.clone());
        let sources = settings.sources.iter().map(|source| source.name.as_str().to_owned()).collect();
        let here = Here { url: settings.public_url.clone(), sources };
        let allowed = with.sources.clone();
        let plan = Plan {
            // What is asked for is done by any node; by itself only one looks that calls DocuSign anyway.
            every: settings.reconcile_every.filter(|_| roles.contains(&Role::Enrich)),
            page: limits::RECONCILE_PAGE,
            wants: Arc::new(move |account| allowed.all().values().any(|source| source.allows(account))),
            here: here.clone(),
        };
        let store = with.store.clone();
        let reconciler = Arc::new(Reconciler::new(client, store, plan, metrics, clock, dice));
        Self { reconciler, here }
    }

    /// What the faces ask of it.
    pub(super) fn face(&self) -> web::Docusign {
        let with = || Arc::clone(&self.reconciler);
        let (asking, ordering, examining, registering) = (with(), with(), with(), with());
        web::Docusign {
            accounts: Arc::new(move |named| {
                let reconciler = Arc::clone(&asking);
                Box::pin(async move { reconciler.accounts(named.as_ref()).await })
            }),
            reconcile: Arc::new(move |order| {
                let reconciler = Arc::clone(&ordering);
                Box::pin(async move { reconciler.order(order).await })
            }),
            desk: self.reconciler.desk().clone(),
            watched: self.reconciler.watched().clone(),
            examine: Arc::new(move |account, here| {
                let reconciler = Arc::clone(&examining);
                Box::pin(async move { reconciler.connect(&account, &here).await })
            }),
            register: Arc::new(move |account, order| {
                let reconciler = Arc::clone(&registering);
                Box::pin(async move {
                    reconciler.register(&account, &order.url, &order.name, order.dry_run).await
                })
            }),
            here: self.here.clone(),
        }
    }
}
