//! Changes signing requests, and does away with them.

use serde_json::json;

use super::{checked, outcome};
use crate::rest::Verb;
use crate::signing::draft::Changes;
use crate::signing::map_draft;
use crate::unify::unifier::AccountApi;
use crate::unify::{Asked, Error, Reply};

pub(super) async fn update(api: &AccountApi<'_>, id: &str, asked: &Asked) -> Result<Reply, Error> {
    checked(id)?;
    let told: Changes = asked.body()?;
    let body = map_draft::changes(&told)?;
    let answer = api.send(Verb::PUT, &["envelopes", id], &api.asked(&[]), &body).await?;
    Ok(Reply::Item(outcome(api, id, &answer).await))
}

/// Throws it into the bin, as users do: one that is under way is voided by that.
pub(super) async fn delete(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    checked(id)?;
    let body = json!({"envelopeIds": [id]});
    match api.send(Verb::PUT, &["folders", "recyclebin"], &[], &body).await {
        Ok(_) => Ok(Reply::Deleted(id.to_owned())),
        Err(Error::Items(items))
            if items.iter().all(|item| item.refused.code == "ENVELOPE_DOES_NOT_EXIST") =>
        {
            Err(Error::Unknown("signing request"))
        }
        Err(error) => Err(error),
    }
}
