//! Makes signing requests: in one call, which DocuSign carries out once however often it is made.

use serde_json::{Value, json};
use uuid::Uuid;

use super::outcome;
use crate::base::AccountId;
use crate::base::digest::uuid_of;
use crate::docusign::{Template, is_id};
use crate::rest::{self, Verb};
use crate::signing::draft::{Draft, Faults};
use crate::signing::map_draft;
use crate::unify::told::field;
use crate::unify::unifier::{AccountApi, object};
use crate::unify::{Asked, Error, Reply};

pub(super) async fn create(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let draft: Draft = asked.body()?;
    let template = match &draft.template {
        Some(named) => Some(template(api, &named.id.text()).await?),
        None => None,
    };
    let mut body = map_draft::definition(&draft, template.as_ref(), api.tools.clock.now())?;
    if let Value::Object(body) = &mut body {
        body.entry("transactionId").or_insert_with(|| json!(transaction(api, asked)));
    }
    let answer = api.send(Verb::POST, &["envelopes"], &api.asked(&[]), &body).await?;
    let id = field(&object(&answer)?, "envelopeId");
    Ok(Reply::Item(outcome(api, &id, &answer).await))
}

/// A template with its roles, the fields of each, and its documents.
async fn template(api: &AccountApi<'_>, id: &str) -> Result<Template, Error> {
    let none = || {
        let mut faults = Faults::default();
        faults.wrong("template.id", "is no template's");
        Error::from(faults)
    };
    if !is_id(id) {
        return Err(none());
    }
    let include = [("include", "recipients,tabs,documents".to_owned())];
    let answer = api.get(&["templates", id], &include).await.map_err(|error| match error {
        Error::Remote(rest::Error::NotFound(_)) => none(),
        Error::Remote(rest::Error::Refused(refused)) if refused.code.contains("TEMPLATE_ID") => none(),
        error => error,
    })?;
    let unreadable = |_| rest::Error::Malformed("it is no template".to_owned());
    Ok(serde_json::from_str(object(&answer)?.get()).map_err(unreadable)?)
}

/// The id under which DocuSign makes one signing request, however often it is asked within seven days (rest.md §2).
fn transaction(api: &AccountApi<'_>, asked: &Asked) -> String {
    let key = asked.idempotency_key.as_deref();
    let id = key.map_or_else(|| api.tools.dice.uuid(), |key| transaction_of(api.account, key));
    id.to_string()
}

/// The same for the same key of an account's caller.
fn transaction_of(account: &AccountId, key: &str) -> Uuid {
    uuid_of(["countersign.transaction.v1", account.as_str(), key].map(str::as_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_transaction_of_its_account_and_no_other_is() {
        let of = |account: &str, key: &str| transaction_of(&AccountId::new(account), key);
        assert_eq!(of("8b411bfe", "order-7"), of("8b411bfe", "order-7"));
        for (account, key) in [("8b411bfe", "order-8"), ("8b411bfe-2", "order-7"), ("8b411bfeo", "rder-7")] {
            assert_ne!(of(account, key), of("8b411bfe", "order-7"), "{account} {key}");
        }
    }
}
