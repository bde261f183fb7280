//! Connect's configurations: shown, examined, brought in order, and watched, for DocuSign disables those that fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::base::AccountId;
use crate::docusign::ConnectConfiguration;
use crate::docusign::connect_configuration::{Here, Mend, mended};
use crate::docusign::connect_lint::{Finding, Severity, lint};
use crate::rest::Error;
use crate::telemetry::Metric;

use super::{Ask, Reconciler};

/// An account's configurations, and what is wrong with those that publish here.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// Each as DocuSign tells it, and whether it publishes here.
    pub configurations: Vec<(Value, bool)>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What registering did.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// DocuSign's number for the configuration; none of one that would only be made.
    pub connect_id: Option<String>,
    /// True where there was none.
    pub new: bool,
    /// What was given another value; nothing where all was as it should be.
    pub mends: Vec<Mend>,
}

/// What watching found wrong, by account, in words; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Mutex<BTreeMap<AccountId, Seen>>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// Whether a configuration was ever seen that publishes here.
    ours: bool,
    faults: Vec<String>,
}

impl Watched {
    /// What is wrong now.
    pub fn faults(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |(account, seen): (&AccountId, &Seen)| {
            seen.faults.iter().map(|fault| format!("account {account}: {fault}")).collect::<Vec<_>>()
        };
        seen.iter().flat_map(told).collect()
    }

    /// Takes in what was found; how many faults there are, and those that are new.
    fn take(&self, account: &AccountId, examined: &Examined) -> (usize, Vec<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(account.clone()).or_default();
        let ours = examined.configurations.iter().any(|(_, ours)| *ours);
        // None that publishes here is a fault only where there was one: envelopes may name their own webhook.
        let counts = |finding: &&Finding| finding.severity == Severity::Fault && (ours || seen.ours);
        let told = |finding: &Finding| {
            let which = finding.connect_id.as_deref().map(|id| format!("configuration {id}: "));
            format!("{}{}: {}", which.unwrap_or_default(), finding.what, finding.cost)
        };
        let faults: Vec<String> = examined.findings.iter().filter(counts).map(told).collect();
        let new = faults.iter().filter(|fault| !seen.faults.contains(fault)).cloned().collect();
        seen.ours |= ours;
        seen.faults = faults;
        (seen.faults.len(), new)
    }
}

impl<D: Ask> Reconciler<D> {
    /// An account's configurations, examined.
    ///
    /// # Errors
    /// What DocuSign says.
    pub async fn connect(&self, account: &AccountId, here: &Here) -> Result<Examined, Error> {
        let configurations = self.docusign.connect_configurations(account).await?;
        let read: Vec<ConnectConfiguration> = configurations.iter().map(read).collect();
        let ours =
            |one: &ConnectConfiguration| one.url_to_publish_to.text().is_some_and(|url| here.takes(url));
        let configurations = configurations.into_iter().zip(&read).map(|(told, one)| (told, ours(one)));
        Ok(Examined { configurations: configurations.collect(), findings: lint(&read, here) })
    }

    /// Makes the configuration that publishes to `url`, or mends it where it is there. Done twice, the second time
    /// changes nothing.
    ///
    /// # Errors
    /// What DocuSign says; nothing is half done.
    pub async fn register(
        &self,
        account: &AccountId,
        url: &str,
        name: &str,
        dry_run: bool,
    ) -> Result<Registered, Error> {
        let all = self.docusign.connect_configurations(account).await?;
        let publishes = |told: &&Value| {
            read(told).url_to_publish_to.text().is_some_and(|own| own.eq_ignore_ascii_case(url))
        };
        let existing = all.iter().find(publishes);
        let (configuration, mends) = mended(existing, url, name);
        let mut connect_id = existing.and_then(|told| read(told).connect_id.owned());
        if !dry_run && !mends.is_empty() {
            let written = self.docusign.write_connect_configuration(account, &configuration).await?;
            connect_id = connect_id.or(read(&written).connect_id.owned());
        }
        Ok(Registered { connect_id, new: existing.is_none(), mends })
    }

    /// Looks whether the configurations that publish here are still there and in order.
    pub(super) async fn watch(&self, account: &AccountId) {
        let examined = match self.connect(account, &self.plan.here).await {
            Ok(examined) => examined,
            // Only who administers the account may look; that is no fault of the configurations.
            Err(error) => {
                tracing::debug!(%account, %error, "the account's Connect configurations cannot be looked at");
                return;
            }
        };
        let (count, new) = self.watched.take(account, &examined);
        self.metrics.set(Metric::ConnectFaults, account.as_str(), i64::try_from(count).unwrap_or(i64::MAX));
        for fault in new {
            tracing::warn!(%account, %fault, "Connect is not configured as it should be: see `countersign connect lint`");
        }
    }
}

/// A configuration as far as it can be read: what cannot is absent.
fn read(told: &Value) -> ConnectConfiguration {
    serde_json::from_value(told.clone()).unwrap_or_default()
}
