//! The resources of the user directory: the people of an account, and what it pays for them.

pub(super) mod billing;
pub(super) mod licenses;
pub(super) mod roles;
pub(super) mod users;
pub(super) mod utilization;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Error;
use super::unifier::{AccountApi, object};
use crate::rest;

/// What DocuSign tells at a path below the account: as it was told, and as what it should be.
async fn told<T: DeserializeOwned>(
    api: &AccountApi<'_>,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<(Box<RawValue>, T), Error> {
    let raw = object(&api.get(path, query).await?)?;
    let read = serde_json::from_str(raw.get());
    let read = read.map_err(|_| rest::Error::Malformed("it is not as DocuSign describes it".to_owned()))?;
    Ok((raw, read))
}

/// One object of several that DocuSign told.
fn together(parts: &[(&str, Option<&RawValue>)]) -> Option<Box<RawValue>> {
    let parts: std::collections::BTreeMap<_, _> = parts.iter().copied().collect();
    // Texts and JSON as it was read, on which serde_json cannot fail.
    serde_json::value::to_raw_value(&parts).ok()
}
