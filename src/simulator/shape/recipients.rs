//! Recipients and their tabs in DocuSign's JSON.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::simulator::life::{Envelope, Recipient, Role, TextTab};

use super::Times;

/// All recipients of an envelope, by kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipients<'a> {
    signers: Vec<RecipientView<'a>>,
    agents: [Value; 0],
    editors: [Value; 0],
    intermediaries: [Value; 0],
    carbon_copies: Vec<RecipientView<'a>>,
    certified_deliveries: [Value; 0],
    in_person_signers: [Value; 0],
    seals: [Value; 0],
    witnesses: [Value; 0],
    notaries: [Value; 0],
    recipient_count: String,
    current_routing_order: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecipientView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_bulk_recipient: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tabs: Option<Tabs<'a>>,
    name: &'a str,
    email: &'a str,
    recipient_id: &'a str,
    recipient_id_guid: Uuid,
    require_id_lookup: &'static str,
    user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_user_id: Option<&'a str>,
    routing_order: String,
    note: &'static str,
    role_name: &'a str,
    status: &'static str,
    completed_count: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_responded_reason: Option<&'a str>,
    delivery_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_authentication_status: Option<AuthenticationStatus>,
    total_tab_count: String,
    recipient_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationStatus {
    access_code_result: EventResult,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventResult {
    status: &'static str,
    event_timestamp: String,
    failure_description: &'static str,
}

/// The tabs of a recipient. Where there are none, `{}` and no lists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tabs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_here_tabs: Option<[Tab<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_signed_tabs: Option<[Tab<'a>; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    text_tabs: Vec<Tab<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tab<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    optional: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    tab_label: &'a str,
    document_id: &'a str,
    recipient_id: &'a str,
    page_number: &'static str,
    x_position: &'static str,
    y_position: String,
    tab_id: Uuid,
    tab_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// The recipients of an envelope.
pub fn recipients(envelope: &Envelope, tabs: bool, times: Times) -> Recipients<'_> {
    let of = |role| {
        let of_role = envelope.recipients.iter().filter(|r| r.role == role);
        of_role.map(|r| view(envelope, r, tabs, times)).collect()
    };
    Recipients {
        signers: of(Role::Signer),
        agents: [],
        editors: [],
        intermediaries: [],
        carbon_copies: of(Role::CarbonCopy),
        certified_deliveries: [],
        in_person_signers: [],
        seals: [],
        witnesses: [],
        notaries: [],
        recipient_count: envelope.recipients.len().to_string(),
        current_routing_order: envelope.current_routing_order().to_string(),
    }
}

fn view<'a>(envelope: &'a Envelope, recipient: &'a Recipient, tabs: bool, times: Times) -> RecipientView<'a> {
    let signer = recipient.role == Role::Signer;
    let authentication = recipient.authentication_failed_at.map(|at| AuthenticationStatus {
        access_code_result: EventResult {
            status: "Failed",
            event_timestamp: times.write(at),
            failure_description: "Wrong access code",
        },
    });
    RecipientView {
        creation_reason: signer.then_some("sender"),
        is_bulk_recipient: signer.then_some("false"),
        tabs: tabs.then(|| tabs_of(envelope, recipient)),
        name: &recipient.person.name,
        email: &recipient.person.email,
        recipient_id: &recipient.id,
        recipient_id_guid: recipient.guid,
        require_id_lookup: "false",
        user_id: recipient.person.user_id,
        client_user_id: recipient.client_user_id.as_deref(),
        routing_order: recipient.routing_order.to_string(),
        note: "",
        role_name: &recipient.role_name,
        status: recipient.status.word(),
        completed_count: if recipient.signed_at.is_some() { "1" } else { "0" },
        signed_date_time: times.maybe(recipient.signed_at),
        delivered_date_time: times.maybe(recipient.delivered_at),
        sent_date_time: times.maybe(recipient.sent_at),
        declined_date_time: times.maybe(recipient.declined_at),
        declined_reason: recipient.declined_reason.as_deref(),
        auto_responded_reason: recipient.auto_responded_reason.as_deref(),
        delivery_method: "email",
        recipient_authentication_status: authentication,
        total_tab_count: (if signer { 2 + recipient.texts.len() } else { 0 }).to_string(),
        recipient_type: if signer { "signer" } else { "carboncopy" },
    }
}

/// The tabs of a recipient.
pub fn tabs_of<'a>(envelope: &'a Envelope, recipient: &'a Recipient) -> Tabs<'a> {
    let document = envelope.documents.first().filter(|_| recipient.role == Role::Signer);
    let Some(document) = document else {
        return Tabs { sign_here_tabs: None, date_signed_tabs: None, text_tabs: Vec::new() };
    };
    let tab = |mark: u128, tab_label: &'a str, tab_type| Tab {
        optional: None,
        value: None,
        tab_label,
        document_id: &document.id,
        recipient_id: &recipient.id,
        page_number: "1",
        x_position: "72",
        y_position: (600 - 40 * recipient.routing_order.min(10)).to_string(),
        tab_id: Uuid::from_u128(recipient.guid.as_u128() ^ mark),
        tab_type,
        status: None,
    };
    let signed = recipient.signed_at;
    let sign_here = Tab {
        optional: Some("false"),
        status: Some(if signed.is_some() { "signed" } else { "active" }),
        ..tab(1, "Sign Here", "signhere")
    };
    let value = signed.map(|at| at.strftime("%-m/%-d/%Y").to_string());
    let date_signed = Tab { value, ..tab(2, "Date Signed", "datesigned") };
    let text = |(place, text): (usize, &'a TextTab)| Tab {
        value: Some(text.value.clone()),
        ..tab(0x100 + place as u128, &text.label, "text")
    };
    let text_tabs = recipient.texts.iter().enumerate().map(text).collect();
    Tabs { sign_here_tabs: Some([sign_here]), date_signed_tabs: Some([date_signed]), text_tabs }
}
