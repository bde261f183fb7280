//! What a sender's program defines an envelope by: documents, recipients, custom fields, reminders, and templates,
//! alone or composed.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::life::{Account, Envelope, Person, Recipient, Reminders, Role};

use super::body::{filled, items, number, text};
use super::errors::ApiError;
use super::{Shared, lock, tabs, templates};

/// The draft that a definition describes.
pub(super) fn drafted(shared: &Shared, holder: Arc<Account>, asked: &Value) -> Result<Envelope, ApiError> {
    let subject = text(asked, "emailSubject").unwrap_or_default();
    let mut envelope = Envelope::draft(holder, subject, shared.clock.now(), &shared.dice);
    envelope.blurb = text(asked, "emailBlurb").unwrap_or_default();
    notification(&mut envelope, asked);
    documents(shared, &mut envelope, items(asked, &["documents"]))?;
    custom_fields(shared, &mut envelope, asked);
    for (role, recipient) in listed(asked) {
        add_recipient(shared, &mut envelope, recipient, role)?;
    }
    if let Some(id) = filled(asked, "templateId") {
        let roles = items(asked, &["templateRoles"]).iter().map(|role| (Role::Signer, role)).collect();
        from_template(shared, &mut envelope, (&id, true), roles)?;
    }
    for composite in items(asked, &["compositeTemplates"]) {
        compose(shared, &mut envelope, composite)?;
    }
    Ok(envelope)
}

/// The recipients in all lists of `recipients`, each with its role.
pub(super) fn listed(asked: &Value) -> Vec<(Role, &Value)> {
    let lists = Role::ALL.iter();
    lists
        .flat_map(|role| items(asked, &["recipients", role.list()]).iter().map(move |one| (*role, one)))
        .collect()
}

/// Expiry and reminders.
pub(super) fn notification(envelope: &mut Envelope, asked: &Value) {
    let asked = &asked["notification"];
    let expirations = &asked["expirations"];
    if let Some(days) = number(expirations, "expireAfter") {
        envelope.expire_after(days);
    }
    if let Some(days) = number(expirations, "expireWarn") {
        envelope.expire_warn = days;
    }
    let reminders = &asked["reminders"];
    match text(reminders, "reminderEnabled").as_deref() {
        Some("true") => {
            let days = |name| number(reminders, name).unwrap_or_default();
            let (delay, frequency) = (days("reminderDelay"), days("reminderFrequency"));
            envelope.reminders = Some(Reminders { delay, frequency });
        }
        Some(_) => envelope.reminders = None,
        None => {}
    }
}

/// Adds documents with their bytes, which come in base64.
pub(super) fn documents(shared: &Shared, envelope: &mut Envelope, asked: &[Value]) -> Result<(), ApiError> {
    for document in asked {
        let name = text(document, "name").unwrap_or_else(|| "Document".to_owned());
        let bytes = filled(document, "documentBase64").map(|base64| STANDARD.decode(base64)).transpose();
        let bytes = bytes.map_err(|_| {
            ApiError::bad(
                "UNABLE_TO_CONVERT_DOCUMENT",
                "System was unable to convert this document to a PDF.",
            )
        })?;
        put_document(shared, envelope, text(document, "documentId"), name, bytes.map(Bytes::from));
    }
    Ok(())
}

/// Puts a document into an envelope, in the place of one that has its id already.
pub(super) fn put_document(
    shared: &Shared,
    envelope: &mut Envelope,
    id: Option<String>,
    name: String,
    bytes: Option<Bytes>,
) {
    let known = id.as_ref().and_then(|id| envelope.documents.iter().position(|own| own.id == *id));
    let place = known.unwrap_or(envelope.documents.len());
    if known.is_none() {
        envelope.add_document(String::new(), &shared.dice);
    }
    let document = &mut envelope.documents[place];
    document.name = name;
    if let Some(id) = id {
        document.id = id;
    }
    if let Some(bytes) = bytes {
        document.guid = shared.dice.uuid();
        lock(&shared.papers).keep(document.guid, bytes);
    }
}

fn custom_fields(shared: &Shared, envelope: &mut Envelope, asked: &Value) {
    let told = |field: &Value, name| text(field, name).unwrap_or_default();
    for field in items(asked, &["customFields", "textCustomFields"]) {
        envelope.add_custom_field(&told(field, "name"), told(field, "value"), &shared.dice);
    }
    for field in items(asked, &["customFields", "listCustomFields"]) {
        let choices = items(field, &["listItems"]).iter().filter_map(super::body::scalar).collect();
        envelope.add_list_field(&told(field, "name"), told(field, "value"), choices, &shared.dice);
    }
}

fn required(asked: &Value, name: &str) -> Result<String, ApiError> {
    filled(asked, name).ok_or_else(|| ApiError::invalid(format!("A recipient's '{name}' is missing.")))
}

/// Who a recipient is told to be, and the host or the group where it has one.
fn identify(
    shared: &Shared,
    recipient: &mut Recipient,
    account: Uuid,
    asked: &Value,
) -> Result<(), ApiError> {
    let somebody = |name: String, email: String| {
        if !email.is_empty() && !email.contains('@') {
            let message =
                format!("The email address for the recipient is invalid. The recipient Id follows. {email}");
            return Err(ApiError::bad("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", message));
        }
        Ok(Person { user_id: shared.dice.uuid(), name, email })
    };
    if let Some(id) = filled(asked, "signingGroupId") {
        let world = lock(&shared.world);
        let groups = world.estate(account).map(|estate| estate.signing_groups.as_slice()).unwrap_or_default();
        let group = groups.iter().find(|group| group.id.to_string() == id);
        let group = group.ok_or_else(ApiError::no_such_signing_group)?;
        recipient.person = somebody(group.name.clone(), group.email.clone())?;
        recipient.signing_group = Some((id, group.name.clone()));
        return Ok(());
    }
    match recipient.role {
        Role::InPersonSigner => {
            recipient.host = Some(somebody(required(asked, "hostName")?, required(asked, "hostEmail")?)?);
            let email = text(asked, "signerEmail").unwrap_or_default();
            recipient.person = somebody(required(asked, "signerName")?, email)?;
        }
        Role::Seal => recipient.person = somebody(text(asked, "name").unwrap_or_default(), String::new())?,
        _ => recipient.person = somebody(required(asked, "name")?, required(asked, "email")?)?,
    }
    Ok(())
}

/// Adds a recipient that stands in no template.
pub(super) fn add_recipient(
    shared: &Shared,
    envelope: &mut Envelope,
    asked: &Value,
    role: Role,
) -> Result<(), ApiError> {
    let free = (1..).find(|id: &usize| !envelope.recipients.iter().any(|own| own.id == id.to_string()));
    let id = filled(asked, "recipientId").unwrap_or_else(|| free.unwrap_or(1).to_string());
    if envelope.recipients.iter().any(|known| known.id == id) {
        let message = "The recipient_id is not unique within the envelope.";
        return Err(ApiError::bad("INVALID_RECIPIENT_ID", message));
    }
    let nobody = Person { user_id: Uuid::nil(), name: String::new(), email: String::new() };
    let order = number(asked, "routingOrder").unwrap_or(1);
    let mut recipient = Recipient::new(id, role, nobody, order, &shared.dice);
    identify(shared, &mut recipient, envelope.account.id, asked)?;
    recipient.client_user_id = filled(asked, "clientUserId");
    if let Some(name) = text(asked, "roleName") {
        recipient.role_name = name;
    }
    recipient.tabs = Arc::new(tabs::read(&asked["tabs"], envelope, &shared.dice)?);
    envelope.recipients.push(recipient);
    Ok(())
}

/// Lets a recipient be as it is told to be, in what is told.
pub(super) fn alter_recipient(
    shared: &Shared,
    envelope: &mut Envelope,
    who: usize,
    asked: &Value,
) -> Result<(), ApiError> {
    let mut recipient = envelope.recipients[who].clone();
    let (person, host) = (&recipient.person, recipient.host.as_ref());
    let whole = json!({
        "name": text(asked, "name").unwrap_or_else(|| person.name.clone()),
        "email": text(asked, "email").unwrap_or_else(|| person.email.clone()),
        "signerName": text(asked, "signerName").unwrap_or_else(|| person.name.clone()),
        "signerEmail": text(asked, "signerEmail").unwrap_or_else(|| person.email.clone()),
        "hostName": text(asked, "hostName").or_else(|| host.map(|host| host.name.clone())),
        "hostEmail": text(asked, "hostEmail").or_else(|| host.map(|host| host.email.clone())),
        "signingGroupId": text(asked, "signingGroupId")
            .or_else(|| recipient.signing_group.as_ref().map(|(id, _)| id.clone())),
    });
    let user_id = person.user_id;
    identify(shared, &mut recipient, envelope.account.id, &whole)?;
    recipient.person.user_id = user_id;
    if let Some(order) = number(asked, "routingOrder") {
        recipient.routing_order = order;
    }
    if asked.get("clientUserId").is_some() {
        recipient.client_user_id = filled(asked, "clientUserId");
    }
    if let Some(name) = text(asked, "roleName") {
        recipient.role_name = name;
    }
    envelope.recipients[who] = recipient;
    Ok(())
}

/// Puts a template's documents (where wanted), subject and roles into a draft: those roles that somebody is told for.
/// Who is told for no role of it is added as told.
fn from_template(
    shared: &Shared,
    envelope: &mut Envelope,
    (id, with_documents): (&str, bool),
    told: Vec<(Role, &Value)>,
) -> Result<(), ApiError> {
    let template = templates::named(shared, envelope.account.id, id)?;
    let draft = &template.draft;
    let mut renamed: HashMap<String, String> = HashMap::new();
    for document in draft.documents.iter().filter(|_| with_documents) {
        let taken = envelope.documents.iter().any(|own| own.id == document.id);
        envelope.add_document(document.name.clone(), &shared.dice);
        if let Some(added) = envelope.documents.last_mut() {
            if !taken {
                added.id.clone_from(&document.id);
            }
            renamed.insert(document.id.clone(), added.id.clone());
        }
    }
    if envelope.subject.is_empty() {
        envelope.subject.clone_from(&draft.subject);
    }
    if envelope.blurb.is_empty() {
        envelope.blurb.clone_from(&draft.blurb);
    }
    for (kind, asked) in told {
        let name = filled(asked, "roleName");
        let role = draft
            .recipients
            .iter()
            .find(|own| name.as_ref().is_some_and(|name| own.role_name.eq_ignore_ascii_case(name)));
        match role {
            Some(role) => cast(shared, envelope, role, asked, &renamed)?,
            None => add_recipient(shared, envelope, asked, kind)?,
        }
    }
    let now = shared.clock.now();
    if let Some(estate) = lock(&shared.world).estate_mut(envelope.account.id) {
        let used = estate.templates.iter_mut().find(|own| own.draft.id == draft.id);
        used.into_iter().for_each(|own| own.used_at = Some(now));
    }
    Ok(())
}

/// Puts somebody into a template's role, with its tabs filled in where the sender does so.
fn cast(
    shared: &Shared,
    envelope: &mut Envelope,
    role: &Recipient,
    asked: &Value,
    renamed: &HashMap<String, String>,
) -> Result<(), ApiError> {
    let dice = &shared.dice;
    let taken = |id: &str| envelope.recipients.iter().any(|own| own.id == id);
    let wished = filled(asked, "recipientId").unwrap_or_else(|| role.id.clone());
    let free = || (1..).map(|id: usize| id.to_string()).find(|id| !taken(id)).unwrap_or_default();
    let id = if taken(&wished) { free() } else { wished };
    let order = number(asked, "routingOrder").unwrap_or(role.routing_order);
    let mut recipient = Recipient::new(id, role.role, role.person.clone(), order, dice);
    identify(shared, &mut recipient, envelope.account.id, asked)?;
    recipient.client_user_id = filled(asked, "clientUserId");
    recipient.role_name.clone_from(&role.role_name);
    let mut tabs = role.tabs.as_ref().clone();
    for tab in &mut tabs {
        tab.id = dice.uuid();
        if let Some(document) = renamed.get(&tab.document_id) {
            tab.document_id.clone_from(document);
        }
    }
    tabs::prefill(&mut tabs, &asked["tabs"]);
    recipient.tabs = Arc::new(tabs);
    envelope.recipients.push(recipient);
    Ok(())
}

/// One of the composite templates: templates of the server in their sequence, what the sender tells beside them, and
/// a document that takes the place of theirs.
fn compose(shared: &Shared, envelope: &mut Envelope, asked: &Value) -> Result<(), ApiError> {
    let in_sequence = |list: &str| {
        let mut all: Vec<&Value> = items(asked, &[list]).iter().collect();
        all.sort_by_key(|one| number::<i64>(one, "sequence").unwrap_or_default());
        all
    };
    let (server, inline) = (in_sequence("serverTemplates"), in_sequence("inlineTemplates"));
    let own = asked.get("document").filter(|document| document.is_object());
    documents(shared, envelope, own.map(std::slice::from_ref).unwrap_or_default())?;
    for one in &inline {
        documents(shared, envelope, items(one, &["documents"]))?;
        custom_fields(shared, envelope, one);
    }
    let mut told: Vec<(Role, &Value)> = inline.iter().flat_map(|one| listed(one)).collect();
    // Each template gets those who are told for its roles; the last one all who are left.
    for (place, one) in server.iter().enumerate() {
        let id = text(one, "templateId").unwrap_or_default();
        let draft = templates::named(shared, envelope.account.id, &id)?.draft;
        let fits = |asked: &Value| {
            let name = filled(asked, "roleName");
            draft
                .recipients
                .iter()
                .any(|own| name.as_ref().is_some_and(|name| own.role_name.eq_ignore_ascii_case(name)))
        };
        let last = place + 1 == server.len();
        let (here, rest) = told.into_iter().partition(|(_, asked)| last || fits(asked));
        told = rest;
        from_template(shared, envelope, (&id, own.is_none()), here)?;
    }
    for (role, asked) in told {
        add_recipient(shared, envelope, asked, role)?;
    }
    Ok(())
}
