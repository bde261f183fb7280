//! Recipients in DocuSign's JSON.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::simulator::life::{Envelope, Recipient, Role};

use super::{Times, tabs_of};

/// All recipients of an envelope, by kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipients<'a> {
    signers: Vec<RecipientView<'a>>,
    agents: Vec<RecipientView<'a>>,
    editors: Vec<RecipientView<'a>>,
    intermediaries: Vec<RecipientView<'a>>,
    carbon_copies: Vec<RecipientView<'a>>,
    certified_deliveries: Vec<RecipientView<'a>>,
    in_person_signers: Vec<RecipientView<'a>>,
    seals: Vec<RecipientView<'a>>,
    witnesses: Vec<RecipientView<'a>>,
    notaries: Vec<RecipientView<'a>>,
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
    tabs: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_group_name: Option<&'a str>,
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

/// The recipients of an envelope.
pub fn recipients(envelope: &Envelope, tabs: bool, times: Times) -> Recipients<'_> {
    let of = |role| {
        let of_role = envelope.recipients.iter().filter(|r| r.role == role);
        of_role.map(|r| view(envelope, r, tabs, times)).collect()
    };
    Recipients {
        signers: of(Role::Signer),
        agents: of(Role::Agent),
        editors: of(Role::Editor),
        intermediaries: of(Role::Intermediary),
        carbon_copies: of(Role::CarbonCopy),
        certified_deliveries: of(Role::CertifiedDelivery),
        in_person_signers: of(Role::InPersonSigner),
        seals: of(Role::Seal),
        witnesses: of(Role::Witness),
        notaries: of(Role::Notary),
        recipient_count: envelope.recipients.len().to_string(),
        current_routing_order: envelope.current_routing_order().to_string(),
    }
}

fn view<'a>(envelope: &'a Envelope, recipient: &'a Recipient, tabs: bool, times: Times) -> RecipientView<'a> {
    let signer = recipient.role.signs();
    let in_person = recipient.role == Role::InPersonSigner;
    let seal = recipient.role == Role::Seal;
    let person = &recipient.person;
    let authentication = recipient.authentication_failed_at.map(|at| AuthenticationStatus {
        access_code_result: EventResult {
            status: "Failed",
            event_timestamp: times.write(at),
            failure_description: "Wrong access code",
        },
    });
    RecipientView {
        creation_reason: signer.then_some("sender"),
        is_bulk_recipient: (signer && !in_person).then_some("false"),
        tabs: (tabs && recipient.role.has_tabs()).then(|| tabs_of(envelope, recipient, |_| true)),
        name: (!in_person).then_some(person.name.as_str()),
        email: (!in_person && !seal).then_some(person.email.as_str()),
        host_name: recipient.host.as_ref().map(|host| host.name.as_str()),
        host_email: recipient.host.as_ref().map(|host| host.email.as_str()),
        signer_name: in_person.then_some(person.name.as_str()),
        signer_email: in_person.then_some(person.email.as_str()),
        signing_group_id: recipient.signing_group.as_ref().map(|(id, _)| id.as_str()),
        signing_group_name: recipient.signing_group.as_ref().map(|(_, name)| name.as_str()),
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
        total_tab_count: recipient.tabs.len().to_string(),
        recipient_type: recipient.role.word(),
    }
}
