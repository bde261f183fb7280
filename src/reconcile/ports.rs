//! What reconciling needs of DocuSign, so that the flow can be tried without it.

use serde_json::Value;

use crate::base::AccountId;
use crate::rest::{Client, Error, Listed, Republished, StatusChanges};

/// DocuSign's part: see the methods of the same names on [`Client`].
pub trait Ask: Send + Sync + 'static {
    /// The accounts that can be looked at.
    fn accounts(&self) -> impl Future<Output = Result<Vec<AccountId>, Error>> + Send;

    /// A page of envelopes.
    fn status_changes(
        &self,
        account: &AccountId,
        asked: &StatusChanges,
    ) -> impl Future<Output = Result<Listed, Error>> + Send;

    /// Has Connect publish again what it has to tell about envelopes.
    fn republish(
        &self,
        account: &AccountId,
        envelope_ids: &[String],
    ) -> impl Future<Output = Result<Republished, Error>> + Send;

    /// An account's Connect configurations, each as DocuSign tells it.
    fn connect_configurations(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Vec<Value>, Error>> + Send;

    /// Writes one, a new one where it has no `connectId`; as it is then.
    fn write_connect_configuration(
        &self,
        account: &AccountId,
        configuration: &Value,
    ) -> impl Future<Output = Result<Value, Error>> + Send;
}

impl Ask for Client {
    async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        self.accounts().await
    }

    async fn status_changes(&self, account: &AccountId, asked: &StatusChanges) -> Result<Listed, Error> {
        self.status_changes(account, asked).await
    }

    async fn republish(&self, account: &AccountId, envelope_ids: &[String]) -> Result<Republished, Error> {
        self.republish(account, envelope_ids).await
    }

    async fn connect_configurations(&self, account: &AccountId) -> Result<Vec<Value>, Error> {
        self.connect_configurations(account).await
    }

    async fn write_connect_configuration(
        &self,
        account: &AccountId,
        configuration: &Value,
    ) -> Result<Value, Error> {
        self.write_connect_configuration(account, configuration).await
    }
}
