//! What a caller wants filled into a template's fields, and new fields, as the tabs that DocuSign is sent.
//!
//! DocuSign passes over labels that a template does not have, without a word: so they are looked for here, before
//! anything is made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::docusign::{Recipient, Tab, Template};

use super::draft::{Draft, Faults, NewField, Plain, Whose};
use super::map_draft::{Taking, none_such};
use super::map_rest::FIELD_KINDS;

/// Tabs by their lists.
pub type Tabs = BTreeMap<String, Vec<Value>>;

/// The tabs of those who take part.
pub(super) struct Placed {
    /// In the order of who takes part.
    pub(super) of: Vec<Tabs>,
    /// Whether there are new ones among them, which stand in no template.
    pub(super) places_new: bool,
}

/// Lists of what DocuSign itself writes, or what is only looked at: nothing can be filled in.
const NOT_TO_FILL: [&str; 13] = [
    "signHereTabs",
    "initialHereTabs",
    "dateSignedTabs",
    "fullNameTabs",
    "firstNameTabs",
    "lastNameTabs",
    "emailAddressTabs",
    "envelopeIdTabs",
    "approveTabs",
    "declineTabs",
    "viewTabs",
    "noteTabs",
    "formulaTabs",
];

/// Kinds of new fields by DocuSign's words, beside those that we have a word for. Choices are not among them: what can be
/// chosen has no place in the unified model.
const OTHER_KINDS: [&str; 14] = [
    "approve",
    "checkbox",
    "date",
    "decline",
    "envelopeId",
    "firstName",
    "lastName",
    "note",
    "number",
    "numerical",
    "phoneNumber",
    "ssn",
    "view",
    "zip",
];

/// The tabs of `people`, whose documents have the ids of `documents`.
pub(super) fn tabs(
    draft: &Draft,
    template: Option<&Template>,
    people: &[Taking<'_>],
    documents: &[String],
    faults: &mut Faults,
) -> Placed {
    let mut of: Vec<Tabs> = people.iter().map(|_| Tabs::new()).collect();
    let mut places_new = false;
    for (place, field) in draft.document_fields.iter().enumerate() {
        let at = format!("document_fields[{place}]");
        if field.kind.is_some() {
            places_new = true;
            let who = one_of(field.participant.as_ref(), people, &at, faults);
            if let Some((list, mut tab)) = new_tab(field, &at, false, faults) {
                let document = tab.entry("documentId").or_insert_with(|| json!("1"));
                let known = document.as_str().is_some_and(|id| documents.iter().any(|own| own == id));
                // Documents may come by `remote_data` as well.
                if !known && !documents.is_empty() {
                    let valid = documents.iter().map(String::as_str);
                    let id = document.as_str().unwrap_or_default();
                    faults.wrong(format!("{at}.document.id"), none_such(id, valid));
                }
                who.into_iter().for_each(|who| of[who].entry(list.clone()).or_default().push(json!(tab)));
            }
        } else {
            fill(field, template, people, (&at, &mut of), faults);
        }
    }
    Placed { of, places_new }
}

/// Whose a field is: those of `people` whom it names.
fn named(whose: &Whose, people: &[Taking<'_>], at: &str, faults: &mut Faults) -> Vec<usize> {
    let (path, word, found): (_, _, Vec<usize>) = match (&whose.id, &whose.role) {
        (Some(id), _) => {
            let id = id.text();
            let found = people.iter().position(|one| one.id == id).into_iter().collect();
            (format!("{at}.participant.id"), id, found)
        }
        (None, Some(role)) => {
            let is_meant = |one: &Taking<'_>| one.told.role.as_deref().is_some_and(|own| alike(own, role));
            let found = (0..people.len()).filter(|place| is_meant(&people[*place])).collect();
            (format!("{at}.participant.role"), role.clone(), found)
        }
        (None, None) => {
            faults.miss(format!("{at}.participant.id"));
            return Vec::new();
        }
    };
    if found.is_empty() {
        let ids = people.iter().map(|one| one.id.as_str());
        let roles = people.iter().filter_map(|one| one.told.role.as_deref());
        let valid: Vec<_> = if whose.id.is_some() { ids.collect() } else { roles.collect() };
        faults.wrong(path, none_such(&word, valid.into_iter()));
    }
    found
}

fn one_of(whose: Option<&Whose>, people: &[Taking<'_>], at: &str, faults: &mut Faults) -> Option<usize> {
    match whose {
        Some(whose) => named(whose, people, at, faults).first().copied(),
        None if people.len() == 1 => Some(0),
        None => {
            faults.miss(format!("{at}.participant.id"));
            None
        }
    }
}

fn alike(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// A new field: the list in which it stands, and the tab. One that DocuSign puts where a text stands (`is_anchored`) needs
/// no position.
pub fn new_tab(
    field: &NewField,
    at: &str,
    is_anchored: bool,
    faults: &mut Faults,
) -> Option<(String, Map<String, Value>)> {
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let list = list(field.kind.as_deref().unwrap_or_default(), &path("type"), faults);
    let mut tab = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        tab.extend(value.map(|value| (name.to_owned(), Value::String(value))));
    };
    put("tabLabel", field.label.clone());
    put("value", field.value.as_ref().map(Plain::text));
    put("locked", field.is_read_only.map(|locked| locked.to_string()));
    let signs = list.as_deref().is_some_and(|list| matches!(list, "signHereTabs" | "initialHereTabs"));
    match field.is_required {
        Some(required) if signs => put("optional", Some((!required).to_string())),
        required => put("required", required.map(|required| required.to_string())),
    }
    let place = field.document.as_ref();
    put("documentId", place.and_then(|place| place.id.as_ref()).map(Plain::text));
    let page = place.and_then(|place| place.page_number.as_ref()).map_or_else(|| "1".to_owned(), Plain::text);
    if !page.parse::<u32>().is_ok_and(|page| page > 0) {
        faults.wrong(path("document.page_number"), "must be a whole number from 1");
    }
    put("pageNumber", Some(page));
    let position = place.and_then(|place| place.position.as_ref());
    let x = position.and_then(|position| position.x.as_ref());
    for (name, theirs, told) in
        [("x", "xPosition", x), ("y", "yPosition", position.and_then(|p| p.y.as_ref()))]
    {
        let name = path(&format!("document.position.{name}"));
        match told.map(Plain::text) {
            None if is_anchored => {}
            None => faults.miss(name),
            // DocuSign takes whole units.
            Some(told) if told.parse::<u32>().is_err() => faults.wrong(name, "must be a whole number from 0"),
            Some(told) => put(theirs, Some(told)),
        }
    }
    list.map(|list| (list, tab))
}

/// The list in which fields of a kind stand.
fn list(kind: &str, path: &str, faults: &mut Faults) -> Option<String> {
    let theirs = match kind {
        // Two of DocuSign's kinds are this one of ours: the participant's own address is what is meant beside a name.
        "email" => Some("emailAddress"),
        kind => FIELD_KINDS.iter().find(|(_, ours)| *ours == kind).map(|(theirs, _)| *theirs),
    };
    let other = || OTHER_KINDS.into_iter().find(|other| *other == kind);
    let Some(word) = theirs.or_else(other) else {
        let ours = FIELD_KINDS.iter().map(|(_, ours)| *ours).filter(|ours| *ours != "email");
        faults.wrong(path, none_such(kind, ours.chain(["email"]).chain(OTHER_KINDS)));
        return None;
    };
    Some(format!("{word}Tabs"))
}

/// Fills a field of the template in, for all whose it is.
fn fill(
    field: &NewField,
    template: Option<&Template>,
    people: &[Taking<'_>],
    (at, of): (&str, &mut [Tabs]),
    faults: &mut Faults,
) {
    let label = field.label.as_deref().map(str::trim).filter(|label| !label.is_empty());
    if label.is_none() {
        faults.miss(format!("{at}.label"));
    }
    if field.value.is_none() {
        faults.miss(format!("{at}.value"));
    }
    let (Some(label), Some(value)) = (label, &field.value) else { return };
    let Some(template) = template else {
        faults.wrong(format!("{at}.label"), "belongs to no template: a new field needs its `type`");
        return;
    };
    let whose = match &field.participant {
        Some(whose) => named(whose, people, at, faults),
        None => (0..people.len()).collect(),
    };
    let mut found = false;
    for who in whose.iter().copied() {
        let Some(role) = people[who].role else { continue };
        for (list, tab) in role.tabs.0.iter().filter(|(_, tab)| is_labelled(tab, label)) {
            found = true;
            if NOT_TO_FILL.contains(&list.as_str()) {
                faults.wrong(format!("{at}.label"), format!("`{label}` is nothing that can be filled in"));
            } else if let Some(filled) = filled(list, tab, &value.text(), at, faults) {
                let own = of[who].entry(list.clone()).or_default();
                if !own.contains(&filled) {
                    own.push(filled);
                }
            }
        }
    }
    // One whom nobody is was told as such; where nobody takes part at all, the label is what is left to tell of.
    if !found && (!whose.is_empty() || field.participant.is_none()) {
        faults.wrong(format!("{at}.label"), nowhere(label, template, people));
    }
}

/// Why a label was not found.
fn nowhere(label: &str, template: &Template, people: &[Taking<'_>]) -> String {
    let roles = template.recipients.0.iter().map(|(_, role)| role);
    let has_it = |role: &&Recipient| role.tabs.0.iter().any(|(_, tab)| is_labelled(tab, label));
    if let Some(role) = roles.clone().find(has_it) {
        let name = role.role_name.text().unwrap_or_default();
        let is_taken = people.iter().any(|one| one.role == Some(role));
        let whose = if is_taken { "not to this participant" } else { "which no participant takes" };
        return format!("belongs to the role `{name}`, {whose}");
    }
    let mut labels: Vec<_> = roles
        .flat_map(|role| role.tabs.0.iter())
        .filter(|(list, _)| list.ends_with("Tabs") && !NOT_TO_FILL.contains(&list.as_str()))
        .filter_map(|(_, tab)| tab.tab_label.text().or(tab.group_name.text()))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    none_such(label, labels.into_iter())
}

fn is_labelled(tab: &Tab, label: &str) -> bool {
    tab.tab_label.text().or(tab.group_name.text()).is_some_and(|own| alike(own, label))
}

/// A tab of the template with what is filled in, as a sender tells it; by the template's own spelling of the label.
fn filled(list: &str, tab: &Tab, value: &str, at: &str, faults: &mut Faults) -> Option<Value> {
    let path = format!("{at}.value");
    let label = tab.tab_label.text();
    match list {
        "checkboxTabs" => match value.to_ascii_lowercase().as_str() {
            flag @ ("true" | "false") => Some(json!({"tabLabel": label, "selected": flag})),
            _ => {
                faults.wrong(path, "must be true or false: it is a box to tick");
                None
            }
        },
        "radioGroupTabs" => {
            let choices = || tab.radios.0.iter().filter_map(|radio| radio.value.text());
            let value = choice(value, choices().collect(), &path, faults)?;
            let group = tab.group_name.text().or(label);
            Some(json!({"groupName": group, "radios": [{"value": value, "selected": "true"}]}))
        }
        "listTabs" => {
            let items = &tab.list_items.0;
            // People read the text of a choice, DocuSign takes its value.
            let by_text = items.iter().find(|item| item.text.text().is_some_and(|text| alike(text, value)));
            let value = by_text.and_then(|item| item.value.text()).unwrap_or(value);
            let value =
                choice(value, items.iter().filter_map(|item| item.value.text()).collect(), &path, faults)?;
            Some(json!({"tabLabel": label, "value": value}))
        }
        _ => Some(json!({"tabLabel": label, "value": value})),
    }
}

fn choice(value: &str, choices: Vec<&str>, path: &str, faults: &mut Faults) -> Option<String> {
    match choices.iter().find(|own| alike(own, value)) {
        Some(own) => Some((*own).to_owned()),
        // What is not told cannot be held against it.
        None if choices.is_empty() => Some(value.to_owned()),
        None => {
            faults.wrong(path, none_such(value, choices.into_iter()));
            None
        }
    }
}
