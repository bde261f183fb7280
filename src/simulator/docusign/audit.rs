//! The audit trail of an envelope.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::simulator::life::{Envelope, Occurrence};
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::envelopes::found;
use super::errors::Answer;

/// `GET …/envelopes/{envelope}/audit_events`.
pub(super) async fn audit_events(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let events: Vec<Value> =
        envelope.history.iter().map(|occurrence| audited(&envelope, occurrence)).collect();
    Ok(HttpResponse::Ok().json(json!({"auditEvents": events})))
}

fn audited(envelope: &Envelope, occurrence: &Occurrence) -> Value {
    let recipient = occurrence.recipient.and_then(|place| envelope.recipients.get(place));
    let person = recipient.map_or(&envelope.account.sender, |recipient| &recipient.person);
    let ip = recipient.map_or(Some(&envelope.account.sender_ip), |recipient| recipient.ip.as_ref());
    let action = match occurrence.event {
        "envelope-created" => "Registered",
        "envelope-sent" | "recipient-sent" | "recipient-resent" | "envelope-resent" => "Sent Invitations",
        "recipient-delivered" | "envelope-delivered" => "Viewed",
        "recipient-completed" => "Signed",
        "recipient-declined" | "envelope-declined" => "Declined",
        "envelope-voided" => "Voided",
        "envelope-corrected" => "Corrected",
        "envelope-completed" => "Completed",
        other => other,
    };
    let fields = [
        ("logTime", seven_digits(occurrence.at)),
        ("Source", "web".to_owned()),
        ("UserName", person.name.clone()),
        ("UserId", person.user_id.to_string()),
        ("Action", action.to_owned()),
        ("Message", format!("{}: {action}", person.name)),
        ("EnvelopeStatus", occurrence.status.word().to_owned()),
        ("ClientIPAddress", ip.cloned().unwrap_or_default()),
        ("Information", String::new()),
        ("InformationLocalized", String::new()),
        ("GeoLocation", String::new()),
        ("Language", "en".to_owned()),
    ];
    let fields: Vec<Value> =
        fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"eventFields": fields})
}
