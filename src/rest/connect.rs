//! Connect over REST: an account's configurations, and asking for messages to be published again.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, Client, Error, RateLimit};
use crate::base::AccountId;
use crate::docusign::tolerant::{List, Scalar};

/// What became of asking Connect to publish again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Republished {
    /// Messages that DocuSign says it queued.
    pub queued: u64,
    /// What it says of the first that it did not.
    pub refused: Option<String>,
    /// What DocuSign told about our calls.
    pub rate: RateLimit,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RetryQueue {
    retry_queue: List<Queued>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Queued {
    status: Scalar,
    status_message: Scalar,
}

impl Client {
    /// The account's Connect configurations, each as DocuSign wrote it. Needs a user who administers the account.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect_configurations(&self, account: &AccountId) -> Result<Vec<Value>, Error> {
        let mut answer = object(&self.call(account, &Call::get(&["connect"])).await?)?;
        match answer.get_mut("configurations").map(Value::take) {
            Some(Value::Array(all)) => Ok(all.into_iter().filter(Value::is_object).collect()),
            // An account without any may leave the list out.
            _ => Ok(Vec::new()),
        }
    }

    /// Writes a configuration: a new one, or with its `connectId` one that is there. The configuration as it is then.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write_connect_configuration(
        &self,
        account: &AccountId,
        configuration: &Value,
    ) -> Result<Value, Error> {
        let method = if configuration.get("connectId").is_some() { Method::PUT } else { Method::POST };
        object(&self.call(account, &Call::sending(method, &["connect"], configuration)).await?)
    }

    /// Asks Connect to publish again what it has to tell about envelopes. Needs a user who administers the account.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn republish(
        &self,
        account: &AccountId,
        envelope_ids: &[String],
    ) -> Result<Republished, Error> {
        // DocuSign answers an error where `synchronous` is anything else than this text.
        let body = json!({"envelopeIds": envelope_ids, "synchronous": "false"});
        let path = &["connect", "envelopes", "retry_queue"];
        let answer = self.call(account, &Call::sending(Method::PUT, path, &body)).await?;
        let queue: RetryQueue = serde_json::from_slice(&answer.body).unwrap_or_default();
        let failed = |one: &&Queued| {
            one.status.text().is_some_and(|status| status.to_ascii_lowercase().contains("fail"))
        };
        let refused =
            queue.retry_queue.into_iter().find(failed).map(|one| {
                one.status_message.owned().unwrap_or_else(|| "DocuSign does not say why".to_owned())
            });
        let queued = queue.retry_queue.into_iter().filter(|one| !failed(one)).count() as u64;
        Ok(Republished { queued, refused, rate: answer.rate })
    }
}

fn object(answer: &Answer) -> Result<Value, Error> {
    let unreadable = || Error::Malformed("it is not a JSON object".to_owned());
    serde_json::from_slice(&answer.body).ok().filter(Value::is_object).ok_or_else(unreadable)
}
