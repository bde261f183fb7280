//! `signing_requests`: what is to be signed, by whom, and where it stands.

mod acts;
mod change;
mod create;
mod list;
mod stored;

pub use acts::{Embedding, ParticipantsToRemove, SigningRequestNamed, SigningRequestToDownload, Whom};

use futures_util::FutureExt as _;
use serde_json::value::RawValue;

use super::catalog::{Act, Method, Resource, Takes, optional};
use super::unifier::{self, AccountApi};
use super::{Asked, Error, Item, Reply};
use crate::docusign::is_id;
use crate::rest::{self, Answer, Include};
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
                stored::SOURCE,
            ],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, asked, _| get(api, id, asked).boxed()),
            about: "Gets a signing request with all that belongs to it",
            calls: &["GET /envelopes/{id}"],
            parameters: &[stored::SOURCE],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Create(|api, _, asked, _| create::create(api, asked).boxed()),
            about: "Makes a signing request from documents or from a template: a draft, or sent at once",
            calls: &["GET /templates/{id}", "POST /envelopes", "GET /envelopes/{id}"],
            parameters: &[],
            body: Takes::Json("UnifiedSigningRequestCreate"),
        },
        Method {
            act: Act::Update(|api, id, asked, _| change::update(api, id, asked).boxed()),
            about: "Voids a signing request, sends a draft, or changes its name and its text",
            calls: &["PUT /envelopes/{id}", "GET /envelopes/{id}"],
            parameters: &[],
            body: Takes::Json("UnifiedSigningRequestUpdate"),
        },
        Method {
            act: Act::Delete(|api, id, _, _| change::delete(api, id).boxed()),
            about: "Throws a signing request into the bin; one that is under way is voided by that",
            calls: &["PUT /folders/recyclebin"],
            parameters: &[],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Custom("download", |api, _, asked, _| acts::download(api, asked).boxed()),
            about: "Downloads all its documents in one PDF or in a zip, or its certificate",
            calls: &["GET /envelopes/{id}/documents/combined"],
            parameters: &[],
            body: Takes::Json("UnifiedSigningRequestToDownload"),
        },
        Method {
            act: Act::Custom("get_embed_url", |api, _, asked, _| acts::get_embed_url(api, asked).boxed()),
            about: "Gives an address at which a participant signs inside your site: good once, for some minutes",
            calls: &["GET /envelopes/{id}", "POST /envelopes/{id}/views/recipient"],
            parameters: &[],
            body: Takes::Json("UnifiedEmbedding"),
        },
        Method {
            act: Act::Custom("remove_participants", |api, _, asked, _| {
                acts::remove_participants(api, asked).boxed()
            }),
            about: "Takes participants out of a signing request who have not done their part",
            calls: &["GET /envelopes/{id}", "DELETE /envelopes/{id}/recipients"],
            parameters: &[],
            body: Takes::Json("UnifiedParticipantsToRemove"),
        },
        Method {
            act: Act::Custom("resend", |api, _, asked, _| acts::resend(api, asked).boxed()),
            about: "Has DocuSign write once more to all whose turn it is",
            calls: &["PUT /envelopes/{id}?resend_envelope=true"],
            parameters: &[],
            body: Takes::Json("UnifiedSigningRequestNamed"),
        },
    ],
};

async fn get(api: &AccountApi<'_>, id: &str, asked: &Asked) -> Result<Reply, Error> {
    if stored::is_asked_for(asked)? {
        return stored::get(&api.tools.store, api.account, checked(id)?).await;
    }
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

/// A signing request after something was done with it. Where it cannot be had then, what DocuSign answered to that stands
/// for it: it was done all the same.
async fn outcome(api: &AccountApi<'_>, id: &str, done: &Answer) -> Item {
    match whole(api, id, &Include::ALL).await {
        Ok((request, json)) => Item::new(&request, Some(&json)),
        Err(error) => {
            tracing::warn!(%error, "a signing request cannot be read after it was made or changed");
            let told = unifier::object(done).ok();
            let known = told.as_ref().and_then(|told| map_rest::signing_request(told.get(), &done.base).ok());
            let mut known = known.unwrap_or_default();
            id.clone_into(&mut known.id);
            known.is_partial_response = true;
            Item::new(&known, told.as_deref())
        }
    }
}

/// An id that can be one.
fn checked(id: &str) -> Result<&str, Error> {
    if is_id(id) { Ok(id) } else { Err(Error::Unknown("signing request")) }
}
