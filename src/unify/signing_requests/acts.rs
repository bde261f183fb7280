//! What else is done with signing requests: downloaded, sent once more, signed inside the caller's site, and rid of
//! participants.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{checked, whole};
use crate::docusign::{self, Recipient, is_id};
use crate::rest::{self, Include, Verb};
use crate::signing::draft::{Faults, Plain};
use crate::signing::map_draft::{merge, none_such};
use crate::signing::request::Url;
use crate::unify::told::field;
use crate::unify::unifier::{AccountApi, object};
use crate::unify::{Asked, Error, Reply};

/// A signing request by its id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedSigningRequestNamed)]
pub struct SigningRequestNamed {
    /// Its id.
    #[schema(required = true, nullable = false)]
    id: Option<String>,
}

/// What to download.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedSigningRequestToDownload)]
pub struct SigningRequestToDownload {
    /// The signing request.
    #[schema(required = true, nullable = false)]
    id: Option<String>,
    /// `combined`, which is the default: all in one PDF; `certificate`: the certificate of completion; `archive`: all in a
    /// zip.
    what: Option<String>,
}

/// A participant of a signing request, who is to sign inside the caller's site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedEmbedding)]
pub struct Embedding {
    /// The signing request, which must have been sent.
    #[schema(required = true, nullable = false)]
    id: Option<String>,
    /// The participant, who must have a `client_user_id` and be whose turn it is.
    #[schema(required = true, nullable = false)]
    participant: Option<Whom>,
    /// Where the browser goes afterwards, with what came of it as its parameter `event`.
    #[schema(required = true, nullable = false)]
    return_url: Option<String>,
    /// How the caller made sure who it is: `None`, which is the default, `Password`, `Email`, … as DocuSign writes it
    /// into the certificate.
    authentication_method: Option<String>,
    /// Anything else, in DocuSign's words: merged as it is into what DocuSign is sent.
    #[serde(default)]
    remote_data: Map<String, Value>,
}

/// A participant by the id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedWhom)]
pub struct Whom {
    /// The id.
    #[schema(required = true, nullable = false)]
    id: Option<Plain>,
}

impl Whom {
    fn id(&self) -> Option<String> {
        self.id.as_ref().map(Plain::text).filter(|id| !id.is_empty())
    }
}

/// Participants to be removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedParticipantsToRemove)]
pub struct ParticipantsToRemove {
    /// The signing request.
    #[schema(required = true, nullable = false)]
    id: Option<String>,
    /// Those who are removed.
    #[serde(default)]
    #[schema(required = true)]
    participants: Vec<Whom>,
}

/// The signing request that a body names.
fn id(told: Option<&str>, faults: &mut Faults) -> String {
    let id = told.map(str::trim).unwrap_or_default();
    if id.is_empty() {
        faults.miss("id");
    }
    id.to_owned()
}

/// Any of the bytes that belong to it, as they arrive.
pub(super) async fn download(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    const WHAT: [&str; 3] = ["combined", "certificate", "archive"];
    let told: SigningRequestToDownload = asked.body()?;
    let mut faults = Faults::default();
    let id = id(told.id.as_deref(), &mut faults);
    let what = told.what.as_deref().unwrap_or(WHAT[0]);
    if !WHAT.contains(&what) {
        faults.wrong("what", none_such(what, WHAT.into_iter()));
    }
    faults.or(())?;
    checked(&id)?;
    api.file(&["envelopes", &id, "documents", what], &[]).await.map(Reply::File)
}

/// Has DocuSign write once more to all whose turn it is.
pub(super) async fn resend(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let told: SigningRequestNamed = asked.body()?;
    let mut faults = Faults::default();
    let id = id(told.id.as_deref(), &mut faults);
    faults.or(())?;
    checked(&id)?;
    let query = [("resend_envelope", "true".to_owned())];
    api.send(Verb::PUT, &["envelopes", &id], &query, &json!({})).await?;
    Ok(Reply::Result(json!({ "id": id })))
}

/// The recipients of a signing request with their lists.
fn recipients(json: &str) -> Result<Vec<(String, Recipient)>, Error> {
    let unreadable = |_| rest::Error::Malformed("it is no envelope".to_owned());
    let envelope: docusign::Envelope = serde_json::from_str(json).map_err(unreadable)?;
    Ok(envelope.recipients.0)
}

fn is_of(recipient: &Recipient, id: &str) -> bool {
    recipient.recipient_id.text() == Some(id)
}

fn nobody(path: &str, id: &str, all: &[(String, Recipient)], faults: &mut Faults) {
    faults.wrong(path, none_such(id, all.iter().filter_map(|(_, own)| own.recipient_id.text())));
}

/// An address at which a participant signs inside the caller's site: good once, for some minutes.
pub(super) async fn get_embed_url(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let told: Embedding = asked.body()?;
    let mut faults = Faults::default();
    let id = id(told.id.as_deref(), &mut faults);
    let participant = told.participant.as_ref().and_then(Whom::id).unwrap_or_default();
    let return_url = told.return_url.as_deref().map(str::trim).unwrap_or_default();
    if participant.is_empty() {
        faults.miss("participant.id");
    }
    if return_url.is_empty() {
        faults.miss("return_url");
    } else if url::Url::parse(return_url).is_err() {
        faults.wrong("return_url", "must be an address such as https://app.example.com/signed");
    }
    faults.or(())?;
    let (mut request, json) = whole(api, &id, &[Include::Recipients]).await?;
    let all = recipients(json.get())?;
    let Some((list, who)) = all.iter().find(|(_, own)| is_of(own, &participant)) else {
        let mut faults = Faults::default();
        nobody("participant.id", &participant, &all, &mut faults);
        return Err(faults.into());
    };
    let told_who = |name: &str| told.remote_data.contains_key(name);
    if who.client_user_id.text().is_none() && !told_who("clientUserId") && !told_who("userId") {
        let mut faults = Faults::default();
        faults.wrong("participant.id", "is of one to whom DocuSign writes, who has no `client_user_id`");
        return Err(faults.into());
    }
    // Who signs in person does so at the host's place, whom DocuSign lets in.
    let (name, email) = if list == "inPersonSigners" && who.host_email.text().is_some() {
        (&who.host_name, &who.host_email)
    } else {
        (&who.name, &who.email)
    };
    let mut body = Map::new();
    body.insert("returnUrl".into(), json!(return_url));
    body.insert(
        "authenticationMethod".into(),
        json!(told.authentication_method.as_deref().unwrap_or("None")),
    );
    for (word, scalar) in [
        ("recipientId", &who.recipient_id),
        ("userName", name),
        ("email", email),
        ("clientUserId", &who.client_user_id),
    ] {
        body.extend(scalar.text().map(|text| (word.to_owned(), json!(text))));
    }
    merge(&mut body, &told.remote_data);
    let answer = api.send(Verb::POST, &["envelopes", &id, "views", "recipient"], &[], &body).await?;
    let url = field(&object(&answer)?, "url");
    if url.is_empty() {
        return Err(rest::Error::Malformed("it has no url".to_owned()).into());
    }
    request.urls.insert(0, Url { url, kind: "public_view" });
    Ok(Reply::Result(json!(request)))
}

/// Takes participants out; what is left is told.
pub(super) async fn remove_participants(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let told: ParticipantsToRemove = asked.body()?;
    let mut faults = Faults::default();
    let id = id(told.id.as_deref(), &mut faults);
    if told.participants.is_empty() {
        faults.miss("participants[0].id");
    }
    let ids: Vec<_> = told.participants.iter().map(|one| one.id().unwrap_or_default()).collect();
    for (place, _) in ids.iter().enumerate().filter(|(_, id)| id.is_empty()) {
        faults.miss(format!("participants[{place}].id"));
    }
    faults.or(())?;
    let (mut request, json) = whole(api, &id, &[Include::Recipients]).await?;
    let all = recipients(json.get())?;
    let mut faults = Faults::default();
    let mut lists: Map<String, Value> = Map::new();
    for (place, id) in ids.iter().enumerate() {
        // DocuSign looks for each in the list of its kind.
        match all.iter().find(|(_, own)| is_of(own, id)).filter(|_| is_id(id)) {
            Some((list, _)) => {
                let list = lists.entry(list.as_str()).or_insert_with(|| json!([]));
                let one = json!({ "recipientId": id });
                list.as_array_mut().into_iter().for_each(|list| list.push(one.clone()));
            }
            None => nobody(&format!("participants[{place}].id"), id, &all, &mut faults),
        }
    }
    faults.or(())?;
    api.send(Verb::DELETE, &["envelopes", &id, "recipients"], &[], &lists).await?;
    request.participants.retain(|one| one.id.as_ref().is_none_or(|id| !ids.contains(id)));
    Ok(Reply::Result(json!(request)))
}
