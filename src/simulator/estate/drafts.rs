//! Invented templates, with labelled tabs of many kinds for each role.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::Dice;
use crate::simulator::life::{Account, Envelope, Person, Recipient, Role, Tab, TabKind};
use crate::simulator::shape::radio_id;

use super::{Estate, Template, after};

/// The templates of every account, always under the same ids in it.
pub(super) fn templates(account: &Arc<Account>, estate: &Estate) -> Vec<Template> {
    let lease = template(account, estate, 0x1ea5e, ("Lease", "A flat or a floor, for a year"), |recipient| {
        let mut tabs = vec![text("Rent", 200, recipient), text("Address", 240, recipient)];
        tabs.extend(choices(recipient));
        tabs.extend(told_by_docusign(recipient));
        tabs.extend(signing(recipient));
        tabs
    });
    let offer = template(account, estate, 0x0ffe7, ("Offer", ""), |recipient| {
        let mut tabs = vec![text("Price", 200, recipient).with("required", json!("true"))];
        tabs.extend(signing(recipient));
        tabs
    });
    vec![with_landlord(lease, &estate.dice), offer]
}

/// One more template.
pub(super) fn further(account: &Arc<Account>, estate: &Estate, number: usize, dice: &Dice) -> Template {
    let mark = u128::from(dice.below(u64::MAX));
    template(account, estate, mark, (&format!("Form {number}"), ""), signing)
}

fn template(
    account: &Arc<Account>,
    estate: &Estate,
    mark: u128,
    (name, description): (&str, &str),
    tabs: impl Fn(&Recipient) -> Vec<Tab>,
) -> Template {
    let dice = &estate.dice;
    let created_at = after(estate.founded, 100);
    let mut draft = Envelope::draft(Arc::clone(account), format!("{name} to sign"), created_at, dice);
    draft.id = Uuid::from_u128(account.id.as_u128() ^ (mark << 64));
    draft.modified_at = after(created_at, i64::try_from(dice.below(500)).unwrap_or(0));
    draft.add_document(format!("{name}.pdf"), dice);
    let mut tenant = role("1", Role::Signer, "Tenant", 1, dice);
    tenant.tabs = Arc::new(tabs(&tenant));
    draft.recipients.push(tenant);
    let folder = estate.folders.iter().find(|folder| folder.of_templates);
    Template {
        draft: Arc::new(draft),
        name: name.to_owned(),
        description: description.to_owned(),
        folder: folder.map_or(account.id, |folder| folder.id),
        shared: dice.chance(0.5),
        used_at: None,
    }
}

/// A second role, and a copy for whoever keeps them.
fn with_landlord(mut template: Template, dice: &Dice) -> Template {
    let draft = Arc::make_mut(&mut template.draft);
    let mut landlord = role("2", Role::Signer, "Landlord", 2, dice);
    landlord.tabs = Arc::new(signing(&landlord));
    draft.recipients.push(landlord);
    draft.recipients.push(role("3", Role::CarbonCopy, "Archive", 3, dice));
    template
}

fn role(id: &str, role: Role, name: &str, order: u32, dice: &Dice) -> Recipient {
    // A role has nobody in it yet.
    let nobody = Person { user_id: Uuid::nil(), name: String::new(), email: String::new() };
    let mut recipient = Recipient::new(id.to_owned(), role, nobody, order, dice);
    name.clone_into(&mut recipient.role_name);
    recipient
}

fn place(recipient: &Recipient, kind: TabKind, label: &str, y: u32) -> Tab {
    let digest = label.bytes().fold(u128::from(y), |sum, byte| (sum * 31 + u128::from(byte)) % (1 << 30));
    Tab::at(Uuid::from_u128(recipient.guid.as_u128() ^ digest), kind, label, "1", (72, y))
}

fn text(label: &str, y: u32, recipient: &Recipient) -> Tab {
    let mut tab = place(recipient, TabKind::TEXT, label, y);
    tab.value = Some(String::new());
    tab.with("required", json!("false")).with("locked", json!("false")).with("width", json!("120"))
}

/// Things to choose among.
fn choices(recipient: &Recipient) -> Vec<Tab> {
    let mut term = place(recipient, TabKind::LIST, "Term", 280);
    term.value = Some("12".to_owned());
    let item =
        |text: &str, value: &str, selected: &str| json!({"text": text, "value": value, "selected": selected});
    let items = json!([item("A year", "12", "true"), item("Two years", "24", "false")]);
    let pets = place(recipient, TabKind::CHECKBOX, "Pets", 320).with("selected", json!("false"));
    let mut heating = place(recipient, TabKind::RADIO_GROUP, "Heating", 360);
    heating.traits.clear();
    let radio = |(number, value): (usize, &&str)| {
        json!({
            "pageNumber": "1", "xPosition": (72 + 40 * number).to_string(), "yPosition": "360", "value": value,
            "selected": "false", "tabId": radio_id(heating.id, number), "required": "false", "locked": "false",
        })
    };
    let radios: Vec<Value> = ["gas", "wood", "none"].iter().enumerate().map(radio).collect();
    let heating = heating.with("radios", json!(radios));
    vec![term.with("listItems", items), pets, heating]
}

/// What DocuSign writes in by itself, and what the recipient enters about oneself.
fn told_by_docusign(recipient: &Recipient) -> Vec<Tab> {
    let mut company = place(recipient, TabKind::COMPANY, "Company", 440).with("required", json!("true"));
    company.value = Some(String::new());
    let mut note = place(recipient, TabKind::NOTE, "Note", 460);
    note.value = Some("Please read the house rules.".to_owned());
    vec![
        place(recipient, TabKind::FULL_NAME, "Name", 400),
        place(recipient, TabKind::EMAIL_ADDRESS, "Mail", 420),
        company,
        note,
    ]
}

fn signing(recipient: &Recipient) -> Vec<Tab> {
    vec![
        place(recipient, TabKind::SIGN_HERE, "Sign Here", 600).with("optional", json!("false")),
        place(recipient, TabKind::INITIAL_HERE, "Initial Here", 560).with("optional", json!("true")),
        place(recipient, TabKind::DATE_SIGNED, "Date Signed", 640),
    ]
}
