//! From a signing request that a caller wants made, or changed, to what DocuSign is sent for it.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::base::limits;
use crate::base::nearest::nearest;
use crate::docusign::{Recipient, Template, is_id};

use super::draft::{Changes, Draft, Faults, NewCustomField, NewEmail, NewParticipant, Plain, Word};
use super::map_document::{documents, of_template};
use super::map_prefill::{self, Tabs};
use super::map_rest::PARTICIPANT_KINDS;

/// One who is to take part, as DocuSign is told.
pub(super) struct Taking<'a> {
    pub(super) told: &'a NewParticipant,
    /// The recipient's id.
    pub(super) id: String,
    /// The list in which such recipients stand.
    list: &'a str,
    /// The role of the template that this one takes.
    pub(super) role: Option<&'a Recipient>,
}

/// The definition of the envelope that a draft describes: from `template`, where it is made from one, which must tell
/// its recipients with their tabs, and its documents.
///
/// # Errors
/// All that is wrong with the draft.
pub fn definition(draft: &Draft, template: Option<&Template>, now: Timestamp) -> Result<Value, Faults> {
    let mut faults = Faults::default();
    let mut body = Map::new();
    body.insert("emailSubject".into(), json!(required(draft.name.as_deref(), "name", &mut faults)));
    body.insert(
        "emailBlurb".into(),
        json!(required(draft.description.as_deref(), "description", &mut faults)),
    );
    body.insert("status".into(), json!(status(draft.status.as_ref(), &["created", "sent"], &mut faults)));
    body.extend(notification(draft, now, &mut faults).map(|told| ("notification".into(), told)));
    let custom = custom_fields(&draft.custom_fields, &mut faults);
    let people = participants(draft, template, &mut faults);
    let documents = documents(draft, template, &mut faults);
    let known: Vec<String> =
        documents.iter().map(|one| one.id.clone()).chain(of_template(template)).collect();
    let tabs = map_prefill::tabs(draft, template, &people, &known, &mut faults);
    let documents: Vec<Value> = documents.into_iter().map(|one| one.json).collect();
    match (draft.template.as_ref(), template) {
        (Some(named), Some(_)) if documents.is_empty() && !tabs.places_new && all_roles(&people) => {
            let roles = people.iter().zip(&tabs.of).map(|(one, tabs)| recipient(one, tabs, true));
            body.insert("templateId".into(), json!(named.id.text()));
            body.insert("templateRoles".into(), roles.collect());
            body.extend(custom.map(|fields| ("customFields".into(), fields)));
        }
        (Some(named), _) => {
            // What stands beside a template is put together with it: one after the other, by their sequence.
            let mut inline = Map::new();
            inline.insert("sequence".into(), json!("2"));
            inline.insert("recipients".into(), lists(&people, &tabs.of));
            if !documents.is_empty() {
                inline.insert("documents".into(), json!(documents));
            }
            inline.extend(custom.map(|fields| ("customFields".into(), fields)));
            let server = json!({"sequence": "1", "templateId": named.id.text()});
            let composed = json!([{"compositeTemplateId": "1", "serverTemplates": [server], "inlineTemplates": [inline]}]);
            body.insert("compositeTemplates".into(), composed);
        }
        (None, _) => {
            body.insert("recipients".into(), lists(&people, &tabs.of));
            body.insert("documents".into(), json!(documents));
            body.extend(custom.map(|fields| ("customFields".into(), fields)));
        }
    }
    merge(&mut body, &draft.remote_data);
    faults.or(Value::Object(body))
}

/// What DocuSign is sent for changes.
///
/// # Errors
/// All that is wrong with them.
pub fn changes(told: &Changes) -> Result<Value, Faults> {
    let mut faults = Faults::default();
    let mut body = Map::new();
    let reason = told.cancellation_reason.as_deref().map(str::trim);
    let asked = told.status.as_ref().map(|_| status(told.status.as_ref(), &["sent", "voided"], &mut faults));
    match (asked.as_deref(), reason) {
        (None | Some("voided"), Some("")) | (Some("voided"), None) => faults.miss("cancellation_reason"),
        (None | Some("voided"), Some(reason)) => {
            body.insert("status".into(), json!("voided"));
            body.insert("voidedReason".into(), json!(reason));
        }
        (Some(_), Some(_)) => faults.wrong("status", "must be `voided` where a cancellation_reason is told"),
        (Some(word), None) => {
            body.insert("status".into(), json!(word));
        }
        (None, None) => {}
    }
    for (name, theirs, text) in
        [("name", "emailSubject", &told.name), ("description", "emailBlurb", &told.description)]
    {
        match text.as_deref().map(str::trim) {
            Some("") if name == "name" => faults.wrong(name, "must not be empty"),
            Some(text) => drop(body.insert(theirs.into(), json!(text))),
            None => {}
        }
    }
    merge(&mut body, &told.remote_data);
    if body.is_empty() && faults == Faults::default() {
        faults.wrong(
            "body",
            "changes nothing: valid are cancellation_reason, status, name, description and remote_data",
        );
    }
    faults.or(Value::Object(body))
}

/// Merges `more` into `body`: objects into objects; anything else takes the place of what stands there.
pub fn merge(body: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (body.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(more)) => merge(own, more),
            _ => drop(body.insert(name.clone(), value.clone())),
        }
    }
}

/// A text that must be there.
pub(super) fn required(told: Option<&str>, path: &str, faults: &mut Faults) -> String {
    let text = told.map(str::trim).filter(|text| !text.is_empty());
    if text.is_none() {
        faults.miss(path);
    }
    text.unwrap_or_default().to_owned()
}

fn status(told: Option<&Word>, valid: &[&'static str], faults: &mut Faults) -> String {
    let Some(word) = told.map(Word::text) else { return valid[0].to_owned() };
    if !valid.contains(&word.as_str()) {
        faults.wrong("status", none_such(&word, valid.iter().copied()));
    }
    word
}

/// That there is no such thing, which of those that there are is most like it, and some of these.
pub fn none_such<'a>(word: &str, valid: impl Iterator<Item = &'a str>) -> String {
    let valid: Vec<_> = valid.take(limits::UNIFY_NAMES_TOLD).collect();
    let near =
        nearest(word, valid.iter().copied()).map_or_else(String::new, |near| format!(", perhaps `{near}`"));
    let word: String = word.chars().take(64).collect();
    format!("has no `{word}`{near}: valid are {}", valid.join(", "))
}

fn notification(draft: &Draft, now: Timestamp, faults: &mut Faults) -> Option<Value> {
    let mut told = Map::new();
    if let Some(at) = draft.expires_at {
        let left = at.duration_since(now);
        let day = SignedDuration::from_hours(24);
        // Whole days: it must not expire before then.
        let days = (left.as_secs() + day.as_secs() - 1).div_euclid(day.as_secs());
        if left <= SignedDuration::ZERO {
            faults.wrong("expires_at", "must be a time to come");
        }
        told.insert("expirations".into(), json!({"expireEnabled": "true", "expireAfter": days.to_string()}));
    }
    if let Some(reminders) = &draft.reminders {
        let path = "reminders.first_after_days";
        match reminders.first_after_days {
            None => faults.miss(path),
            Some(0) => faults.wrong(path, "must be a number from 1"),
            Some(_) => {}
        }
        let (first, then) = (reminders.first_after_days, reminders.then_every_days);
        let days = |days: Option<u32>| days.unwrap_or_default().to_string();
        let (delay, frequency) = (days(first), days(then));
        let told_them =
            json!({"reminderEnabled": "true", "reminderDelay": delay, "reminderFrequency": frequency});
        told.insert("reminders".into(), told_them);
    }
    (!told.is_empty()).then_some(Value::Object(told))
}

fn custom_fields(told: &[NewCustomField], faults: &mut Faults) -> Option<Value> {
    let field = |(place, field): (usize, &NewCustomField)| {
        let at = format!("custom_fields[{place}]");
        let name = required(field.name.as_deref(), &format!("{at}.name"), faults);
        let value = field.value.as_ref().map(Plain::text);
        if value.is_none() {
            faults.miss(format!("{at}.value"));
        }
        json!({"name": name, "value": value, "show": "false", "required": "false"})
    };
    let fields: Vec<Value> = told.iter().enumerate().map(field).collect();
    (!fields.is_empty()).then(|| json!({"textCustomFields": fields}))
}

fn all_roles(people: &[Taking<'_>]) -> bool {
    people.iter().all(|one| one.role.is_some())
}

fn participants<'a>(
    draft: &'a Draft,
    template: Option<&'a Template>,
    faults: &mut Faults,
) -> Vec<Taking<'a>> {
    if draft.participants.len() > limits::RECIPIENTS_MAX {
        faults.wrong("participants", format!("must be {} at most", limits::RECIPIENTS_MAX));
    }
    let told_ids: Vec<_> =
        draft.participants.iter().filter_map(|one| one.id.as_ref().map(Plain::text)).collect();
    let mut all: Vec<Taking<'a>> = Vec::new();
    for (place, told) in draft.participants.iter().enumerate().take(limits::RECIPIENTS_MAX) {
        let at = format!("participants[{place}]");
        let role = role(told, template, &all, &at, faults);
        let list = list(told, role, &at, faults);
        if told.routing_order.is_some_and(|order| !(1..=limits::ROUTING_ORDER_MAX).contains(&order)) {
            let why = format!("must be a whole number from 1 to {}", limits::ROUTING_ORDER_MAX);
            faults.wrong(format!("{at}.routing_order"), why);
        }
        identity(told, list, &at, faults);
        let role = role.map(|(_, role)| role);
        let free = |id: &String| !told_ids.contains(id) && all.iter().all(|own| own.id != *id);
        let id = match &told.id {
            Some(id) => {
                let id = id.text();
                if !is_id(&id) {
                    faults.wrong(format!("{at}.id"), "must be a number, or a GUID");
                } else if all.iter().any(|own| own.id == id) {
                    faults.wrong(format!("{at}.id"), "is another participant's as well");
                }
                id
            }
            None => {
                let of_role = role.and_then(|role| role.recipient_id.owned()).filter(free);
                of_role.or_else(|| (1..).map(|id: usize| id.to_string()).find(free)).unwrap_or_default()
            }
        };
        all.push(Taking { told, id, list, role });
    }
    all
}

/// The role that a participant takes, and the list in which it stands.
fn role<'a>(
    told: &NewParticipant,
    template: Option<&'a Template>,
    others: &[Taking<'a>],
    at: &str,
    faults: &mut Faults,
) -> Option<(&'a str, &'a Recipient)> {
    let name = told.role.as_deref()?;
    let path = format!("{at}.role");
    let Some(template) = template else {
        faults.wrong(path, "is told, but no template whose role it could be");
        return None;
    };
    let roles = &template.recipients.0;
    let is_meant =
        |role: &Recipient| role.role_name.text().is_some_and(|own| own.eq_ignore_ascii_case(name.trim()));
    let Some((list, role)) = roles.iter().find(|(_, role)| is_meant(role)) else {
        faults.wrong(path, none_such(name, roles.iter().filter_map(|(_, role)| role.role_name.text())));
        return None;
    };
    if others.iter().any(|other| other.role.is_some_and(is_meant)) {
        faults.wrong(path, "is another participant's as well");
    }
    Some((list, role))
}

fn list<'a>(
    told: &NewParticipant,
    role: Option<(&'a str, &'a Recipient)>,
    at: &str,
    faults: &mut Faults,
) -> &'a str {
    let of_role = role.map(|(list, _)| list);
    let Some(kind) = told.kind.as_deref() else { return of_role.unwrap_or("signers") };
    let path = format!("{at}.type");
    let Some((list, _)) = PARTICIPANT_KINDS.iter().find(|(_, ours)| *ours == kind) else {
        faults.wrong(path, none_such(kind, PARTICIPANT_KINDS.iter().map(|(_, ours)| *ours)));
        return of_role.unwrap_or("signers");
    };
    if let Some(of_role) = of_role.filter(|of_role| of_role != list) {
        let ours =
            PARTICIPANT_KINDS.iter().find(|(list, _)| *list == of_role).map_or(of_role, |(_, ours)| ours);
        faults.wrong(path, format!("must be `{ours}`, as the template's role is"));
    }
    list
}

/// Whether it is told who it is: a name and an address, a group, or who signs and who hosts.
fn identity(told: &NewParticipant, list: &str, at: &str, faults: &mut Faults) {
    if told.group.is_some() {
        if told.name.is_some() || !told.emails.is_empty() {
            faults.wrong(
                format!("{at}.group"),
                "has its own name and addresses: leave out `name` and `emails`",
            );
        }
        return;
    }
    let in_person = list == "inPersonSigners";
    if list != "seals" {
        required(told.name.as_deref(), &format!("{at}.name"), faults);
    }
    email(&told.emails, !in_person && list != "seals", at, faults);
    match &told.host {
        Some(host) if in_person => {
            required(host.name.as_deref(), &format!("{at}.host.name"), faults);
            email(&host.emails, true, &format!("{at}.host"), faults);
        }
        Some(_) => faults.wrong(format!("{at}.host"), "is told, but only an in_person_signer has one"),
        None if in_person => faults.miss(format!("{at}.host")),
        None => {}
    }
}

fn email(told: &[NewEmail], needed: bool, at: &str, faults: &mut Faults) {
    match told {
        [] if needed => faults.miss(format!("{at}.emails[0].email")),
        [] => {}
        [one] if one.email.contains('@') => {}
        [_] => faults.wrong(format!("{at}.emails[0].email"), "must be an e-mail address"),
        _ => faults.wrong(format!("{at}.emails"), "must be one: DocuSign takes one address for each"),
    }
}

/// A recipient in the words of either place where one can stand: a role of a template is told without an id.
fn recipient(one: &Taking<'_>, tabs: &Tabs, is_role: bool) -> Value {
    let told = one.told;
    let mut json = Map::new();
    let address = |emails: &[NewEmail]| emails.first().map(|own| own.email.trim().to_owned());
    let mut put = |name: &str, value: Option<String>| {
        json.extend(value.map(|value| (name.to_owned(), Value::String(value))));
    };
    put("recipientId", (!is_role).then(|| one.id.clone()));
    put("roleName", one.role.and_then(|role| role.role_name.owned()));
    put("routingOrder", told.routing_order.map(|order| order.to_string()));
    put("clientUserId", told.client_user_id.as_ref().map(Plain::text));
    put("accessCode", told.access_code.as_ref().map(|code| code.expose_secret().to_owned()));
    put("signingGroupId", told.group.as_ref().map(|group| group.id.text()));
    let (name, email) = (told.name.clone(), address(&told.emails));
    match &told.host {
        Some(host) if is_role => {
            put("inPersonSignerName", name);
            put("name", host.name.clone());
            put("email", address(&host.emails));
        }
        Some(host) => {
            put("signerName", name);
            put("signerEmail", email);
            put("hostName", host.name.clone());
            put("hostEmail", address(&host.emails));
        }
        None => {
            put("name", name);
            put("email", email);
        }
    }
    if !tabs.is_empty() {
        json.insert("tabs".into(), json!(tabs));
    }
    Value::Object(json)
}

fn lists(people: &[Taking<'_>], tabs: &[Tabs]) -> Value {
    let mut lists: Map<String, Value> = Map::new();
    for (one, tabs) in people.iter().zip(tabs) {
        let list = lists.entry(one.list).or_insert_with(|| json!([]));
        list.as_array_mut().into_iter().for_each(|list| list.push(recipient(one, tabs, false)));
    }
    Value::Object(lists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_merged_goes_into_objects_and_takes_the_place_of_all_else() {
        let mut body = json!({"a": {"b": 1, "c": [1]}, "d": "x"}).as_object().cloned().unwrap_or_default();
        let more = json!({"a": {"c": [2], "e": null}, "d": {"f": 1}, "g": 2});
        merge(&mut body, more.as_object().unwrap());
        assert_eq!(json!(body), json!({"a": {"b": 1, "c": [2], "e": null}, "d": {"f": 1}, "g": 2}));
    }

    #[test]
    fn days_until_it_expires_are_counted_whole() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let days = |at: &str| {
            let mut faults = Faults::default();
            let draft = Draft { expires_at: Some(at.parse().unwrap()), ..Draft::default() };
            let told = notification(&draft, now, &mut faults).unwrap();
            (told["expirations"]["expireAfter"].as_str().unwrap().to_owned(), faults.wrong.len())
        };
        for (at, want, faults) in [
            ("2026-11-23T10:00:01Z", "1", 0),
            ("2026-11-24T10:00:00Z", "1", 0),
            ("2026-11-24T10:00:01Z", "2", 0),
            ("2026-11-23T10:00:00Z", "0", 1),
            ("2025-11-23T10:00:00Z", "-365", 1),
        ] {
            assert_eq!(days(at), (want.to_owned(), faults), "{at}");
        }
    }
}
