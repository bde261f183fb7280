//! DocuSign's side of a server with credentials: one client, and what is done with it beside enriching.

use std::sync::Arc;

use crate::config::{Role, Settings};
use crate::docusign::connect_configuration::Here;
use crate::receive::Receiver;
use crate::reconcile::{Plan, Reconciler};
use crate::rest::Client;
use crate::{base::limits, web};

use super::Error;

/// The client and the reconciler; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Docusign {
    pub(super) client: Client,
    pub(super) reconciler: Arc<Reconciler<Client>>,
    here: Here,
}

impl Docusign {
    /// What the settings' credentials allow; none without any.
    pub(super) fn build(settings: &Settings, roles: &[Role], with: &Receiver) -> Result<Option<Self>, Error> {
        let Some(rest) = settings.for_rest() else { return Ok(None) };
        let (clock, dice, metrics) = (Arc::clone(&with.clock), with.dice.clone(), with.metrics.clone());
        let client = Client::new(rest, Arc::clone(&clock), dice.clone(), metrics.clone())
            .map_err(|e| Error::Part { what: "the client for DocuSign's REST API", why: e.to_string() })?;
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
        let reconciler = Arc::new(Reconciler::new(client.clone(), store, plan, metrics, clock, dice));
        Ok(Some(Self { client, reconciler, here }))
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
