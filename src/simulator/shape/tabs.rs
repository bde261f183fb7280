//! Tabs in DocuSign's JSON: a list for each kind, and `{}` where there are none.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::simulator::life::{Envelope, Recipient, Tab, TabKind};

/// The tabs of a recipient that are wanted.
pub fn tabs_of(envelope: &Envelope, recipient: &Recipient, wanted: impl Fn(&Tab) -> bool) -> Value {
    let mut lists = Map::new();
    add(&mut lists, envelope, recipient, wanted);
    Value::Object(lists)
}

/// The tabs of all recipients that are wanted.
pub fn tabs_of_all(envelope: &Envelope, wanted: impl Fn(&Tab) -> bool) -> Value {
    let mut lists = Map::new();
    for recipient in &envelope.recipients {
        add(&mut lists, envelope, recipient, &wanted);
    }
    Value::Object(lists)
}

fn add(
    lists: &mut Map<String, Value>,
    envelope: &Envelope,
    recipient: &Recipient,
    wanted: impl Fn(&Tab) -> bool,
) {
    for one in recipient.tabs.iter().filter(|tab| wanted(tab)) {
        let list = lists.entry(one.kind.list).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(tab(envelope, recipient, one));
        }
    }
}

/// One tab as it stands.
pub fn tab(envelope: &Envelope, recipient: &Recipient, tab: &Tab) -> Value {
    let mut told = tab.traits.clone();
    let mut put = |name: &str, value: Value| told.insert(name.to_owned(), value);
    put("documentId", json!(tab.document_id));
    put("recipientId", json!(recipient.id));
    put("tabType", json!(tab.kind.word));
    if tab.kind == TabKind::RADIO_GROUP {
        put("groupName", json!(tab.label));
        return Value::Object(told);
    }
    put("tabLabel", json!(tab.label));
    put("tabId", json!(tab.id));
    if matches!(tab.kind, TabKind::SIGN_HERE | TabKind::INITIAL_HERE) {
        put("status", json!(if recipient.signed_at.is_some() { "signed" } else { "active" }));
    } else if let Some(value) = value(envelope, recipient, tab) {
        put("value", json!(value));
    }
    Value::Object(told)
}

/// What stands in a tab: what DocuSign writes into it by itself, or what somebody entered.
pub fn value(envelope: &Envelope, recipient: &Recipient, tab: &Tab) -> Option<String> {
    let name = &recipient.person.name;
    match tab.kind {
        TabKind::DATE_SIGNED => recipient.signed_at.map(|at| at.strftime("%-m/%-d/%Y").to_string()),
        TabKind::FULL_NAME => Some(name.clone()),
        TabKind::FIRST_NAME => name.split(' ').next().map(str::to_owned),
        TabKind::LAST_NAME => name.split_once(' ').map(|(_, last)| last.to_owned()),
        TabKind::EMAIL_ADDRESS => Some(recipient.person.email.clone()),
        TabKind::ENVELOPE_ID => Some(envelope.id.to_string()),
        _ => tab.value.clone(),
    }
}

/// The id of one button of a radio group: always the same one.
pub fn radio_id(group: Uuid, place: usize) -> Uuid {
    Uuid::from_u128(group.as_u128() ^ (0x10_000 + place as u128))
}
