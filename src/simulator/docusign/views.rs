//! Views: addresses at which a recipient signs inside the sender's own site, or the sender edits. Each is good once and
//! for some minutes, and behind a recipient's there is a page at which somebody, or a test, signs.

use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::life::{Act, Envelope, EnvelopeStatus, RecipientStatus};

use super::body::{filled, object};
use super::consent::document;
use super::envelopes::found;
use super::errors::{Answer, ApiError};
use super::{Shared, later, lock};

/// How long an address is good.
const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// An address that was given out.
#[derive(Debug, Clone)]
struct View {
    token: String,
    account: Uuid,
    envelope: Uuid,
    recipient: Uuid,
    return_url: String,
    until: Timestamp,
    opened: bool,
}

/// The addresses that were given out last.
#[derive(Debug, Default)]
pub(super) struct Views(VecDeque<View>);

impl Views {
    fn keep(&mut self, view: View) {
        self.0.push_back(view);
        while self.0.len() > limits::SIMULATOR_VIEWS_MAX {
            self.0.pop_front();
        }
    }
}

type Path = web::Path<(String, String)>;

fn return_url(asked: &Value) -> Result<String, ApiError> {
    let url = filled(asked, "returnUrl").filter(|url| Url::parse(url).is_ok());
    url.ok_or_else(|| ApiError::invalid("'returnUrl' is required, and must be a URL."))
}

/// `POST …/envelopes/{envelope}/views/recipient`.
pub(super) async fn recipient(
    path: Path,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let (account, envelope) = found(&shared, &path.0, &path.1)?;
    let asked = object(&body)?;
    let return_url = return_url(&asked)?;
    if filled(&asked, "authenticationMethod").is_none() {
        return Err(ApiError::invalid("'authenticationMethod' is required."));
    }
    use EnvelopeStatus as S;
    if !matches!(envelope.status, S::Sent | S::Delivered | S::Completed) {
        return Err(ApiError::invalid_status("The envelope is not one of: Sent, Delivered, Completed."));
    }
    let who = meant(&envelope, &asked).ok_or_else(ApiError::no_such_embedded_recipient)?;
    let recipient = &envelope.recipients[who];
    if recipient.status == RecipientStatus::Created {
        let message = "The token for an out of sequence recipient cannot be generated.";
        return Err(ApiError::bad("RECIPIENT_NOT_IN_SEQUENCE", message));
    }
    let token = shared.dice.uuid().simple().to_string();
    let until = later(shared.clock.now(), LIFE);
    let url = format!("{}/Signing/MTRedeem/v1/{token}", shared.base_uri(&request));
    let (envelope, recipient) = (envelope.id, recipient.guid);
    let view = View { token, account, envelope, recipient, return_url, until, opened: false };
    lock(&shared.views).keep(view);
    Ok(HttpResponse::Created().json(json!({"url": url})))
}

/// Which recipient is meant: by number or user, or by name and address exactly as the envelope has them. The client's
/// own id must be the recipient's; one who has none signs at DocuSign.
fn meant(envelope: &Envelope, asked: &Value) -> Option<usize> {
    let client = filled(asked, "clientUserId");
    let id = filled(asked, "recipientId");
    let user = filled(asked, "userId").and_then(|id| id.parse::<Uuid>().ok());
    let (name, email) = (filled(asked, "userName"), filled(asked, "email"));
    envelope.recipients.iter().position(|own| {
        let person = &own.person;
        let named = || {
            name.as_ref().is_some_and(|name| *name == person.name)
                && email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&person.email))
        };
        let by_number = || id.as_ref().is_none_or(|id| *id == own.id || *id == own.guid.to_string());
        let somebody = match (user, &id) {
            (Some(user), _) => person.user_id == user,
            (None, Some(_)) if name.is_none() && email.is_none() => true,
            _ => named(),
        };
        own.role.signs() && somebody && by_number() && own.client_user_id == client
    })
}

/// `POST …/envelopes/{envelope}/views/sender`: for a draft.
pub(super) async fn sender(
    path: Path,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    return_url(&object(&body)?)?;
    if envelope.status != EnvelopeStatus::Created {
        return Err(ApiError::invalid_status("The envelope is not one of: Created."));
    }
    let token = shared.dice.uuid().simple();
    let url = format!("{}/Member/StartInSession.aspx?t={token}", shared.base_uri(&request));
    Ok(HttpResponse::Created().json(json!({"url": url})))
}

fn back(url: &str, event: &str) -> HttpResponse {
    let Ok(mut url) = Url::parse(url) else { return HttpResponse::BadRequest().finish() };
    url.query_pairs_mut().append_pair("event", event);
    HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
}

fn expired() -> HttpResponse {
    document(StatusCode::GONE, "<h1>This link has expired.</h1>")
}

/// The envelope of a view as it stands now, and whose turn it is.
fn subject(shared: &Shared, view: &View) -> Option<(Envelope, usize)> {
    let envelope = lock(&shared.world).envelope(view.account, view.envelope)?;
    let who = envelope.recipients.iter().position(|own| own.guid == view.recipient)?;
    Some((Arc::unwrap_or_clone(envelope), who))
}

/// `GET /Signing/MTRedeem/v1/{token}`: the envelope is opened. Whoever comes again or late is sent back.
pub(super) async fn open(token: web::Path<String>, shared: web::Data<Shared>) -> HttpResponse {
    let now = shared.clock.now();
    let view = {
        let mut views = lock(&shared.views);
        let Some(view) = views.0.iter_mut().find(|view| view.token == *token) else { return expired() };
        let fresh = !view.opened && view.until > now;
        view.opened = true;
        if fresh { Ok(view.clone()) } else { Err(view.return_url.clone()) }
    };
    let view = match view {
        Ok(view) => view,
        Err(return_url) => return back(&return_url, "ttl_expired"),
    };
    let Some((mut envelope, who)) = subject(&shared, &view) else { return expired() };
    shared.perform(&mut envelope, &[Act::Open(who)]);
    document(
        StatusCode::OK,
        "<h1>Simulated DocuSign: sign</h1><form method=post>\
         <button id=sign name=event value=signing_complete>Finish</button> \
         <button id=later name=event value=cancel>Finish later</button> \
         <button id=decline name=event value=decline>Decline to sign</button></form>",
    )
}

/// `POST /Signing/MTRedeem/v1/{token}`: what the recipient chose at the page.
pub(super) async fn finish(token: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let event = form_urlencoded::parse(&body).find(|(name, _)| name == "event");
    let event = event.map(|(_, event)| event.into_owned()).unwrap_or_default();
    let view = {
        let mut views = lock(&shared.views);
        let place = views.0.iter().position(|view| view.token == *token && view.opened);
        place.and_then(|place| views.0.remove(place))
    };
    let Some(view) = view else { return expired() };
    let Some((mut envelope, who)) = subject(&shared, &view) else { return expired() };
    let act = match event.as_str() {
        "signing_complete" => Act::Sign(who),
        "decline" => Act::Decline(who),
        _ => Act::FinishLater(who),
    };
    shared.perform(&mut envelope, &[act]);
    back(&view.return_url, &event)
}
