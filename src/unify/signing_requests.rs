//! `signing_requests`: what is to be signed, by whom, and where it stands.

mod list;

use futures_util::FutureExt as _;
use serde_json::value::RawValue;

use super::catalog::{Act, Method, Resource, Takes, optional};
use super::unifier::{self, AccountApi};
use super::{Error, Item, Reply};
use crate::docusign::is_id;
use crate::rest::{self, Include};
use crate::signing::{SigningRequest, map_rest};

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "signing_requests",
    schema: "UnifiedSigningRequest",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list::list(api, asked, place).boxed()),
            about: "Lists signing requests, the newest first; by modification where `updated_at` is asked for",
            calls: &["GET /envelopes"],
            parameters: &[
                optional("created_at[gt]", "Only those made after this time"),
                optional("created_at[lt]", "Only those made before this time"),
                optional("updated_at[gt]", "Only those modified after this time"),
                optional("updated_at[lt]", "Only those modified before this time"),
                optional("status", "Only those of this status, or of one of several with commas between"),
                optional("collections[id]", "Only those in this folder"),
                optional(
                    "search",
                    "Only those with this text in their name, or in a participant's name or address",
                ),
                optional("custom_field", "Only those with this custom field: `name=value`"),
            ],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a signing request with all that belongs to it",
            calls: &["GET /envelopes/{id}"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    let (request, json) = whole(api, id, &Include::ALL).await?;
    Ok(Reply::Item(Item::new(&request, Some(&json))))
}

/// A signing request with these parts of it, and DocuSign's answer.
async fn whole(
    api: &AccountApi<'_>,
    id: &str,
    include: &[Include],
) -> Result<(SigningRequest, Box<RawValue>), Error> {
    checked(id)?;
    let answer = api.get(&["envelopes", id], &[("include", Include::words(include))]).await?;
    let json = unifier::object(&answer)?;
    let request = map_rest::signing_request(json.get(), &answer.base).map_err(rest::Error::Malformed)?;
    Ok((request, json))
}

/// An id that can be one.
fn checked(id: &str) -> Result<&str, Error> {
    if is_id(id) { Ok(id) } else { Err(Error::Unknown("signing request")) }
}
