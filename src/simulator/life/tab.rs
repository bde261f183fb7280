//! Tabs: the places in documents that recipients sign or fill in.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A kind of tab: the list that REST puts it in, and its `tabType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabKind {
    /// The list.
    pub list: &'static str,
    /// The type.
    pub word: &'static str,
}

macro_rules! kinds {
    ($($name:ident $list:literal $word:literal,)*) => {
        impl TabKind {
            $(
                #[doc = concat!("`", $list, "`.")]
                pub const $name: Self = Self { list: $list, word: $word };
            )*
            /// All kinds that are known here.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

kinds! {
    SIGN_HERE "signHereTabs" "signhere",
    INITIAL_HERE "initialHereTabs" "initialhere",
    DATE_SIGNED "dateSignedTabs" "datesigned",
    TEXT "textTabs" "text",
    CHECKBOX "checkboxTabs" "checkbox",
    LIST "listTabs" "list",
    RADIO_GROUP "radioGroupTabs" "radiogroup",
    FULL_NAME "fullNameTabs" "fullname",
    FIRST_NAME "firstNameTabs" "firstname",
    LAST_NAME "lastNameTabs" "lastname",
    EMAIL_ADDRESS "emailAddressTabs" "emailaddress",
    EMAIL "emailTabs" "email",
    COMPANY "companyTabs" "company",
    TITLE "titleTabs" "title",
    DATE "dateTabs" "date",
    NUMBER "numberTabs" "number",
    NUMERICAL "numericalTabs" "numerical",
    SSN "ssnTabs" "ssn",
    ZIP "zipTabs" "zip",
    PHONE_NUMBER "phoneNumberTabs" "phonenumber",
    NOTE "noteTabs" "note",
    FORMULA "formulaTabs" "formula",
    ENVELOPE_ID "envelopeIdTabs" "envelopeid",
    APPROVE "approveTabs" "approve",
    DECLINE "declineTabs" "decline",
    VIEW "viewTabs" "view",
}

impl TabKind {
    /// The kind of a list.
    pub fn of_list(list: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.list == list)
    }

    /// True where DocuSign itself writes what stands in it.
    pub fn is_written_by_docusign(self) -> bool {
        [
            Self::SIGN_HERE,
            Self::INITIAL_HERE,
            Self::DATE_SIGNED,
            Self::FULL_NAME,
            Self::FIRST_NAME,
            Self::LAST_NAME,
            Self::EMAIL_ADDRESS,
            Self::ENVELOPE_ID,
            Self::APPROVE,
            Self::DECLINE,
            Self::VIEW,
            Self::NOTE,
        ]
        .contains(&self)
    }
}

/// One tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// Its id. Radio groups tell none; their buttons have ids of their own.
    pub id: Uuid,
    /// What it is for.
    pub kind: TabKind,
    /// Its label, by which a template's are filled in; a radio group's name.
    pub label: String,
    /// The document that it stands in.
    pub document_id: String,
    /// What stands in it, where it has a value.
    pub value: Option<String>,
    /// All else that the sender told, as DocuSign tells it again: texts, and the lists of buttons and choices.
    pub traits: Map<String, Value>,
}

impl Tab {
    /// A tab at a place of a document's first page.
    pub fn at(id: Uuid, kind: TabKind, label: &str, document_id: &str, (x, y): (u32, u32)) -> Self {
        let place =
            [("pageNumber", "1".to_owned()), ("xPosition", x.to_string()), ("yPosition", y.to_string())];
        let traits = place.into_iter().map(|(name, told)| (name.to_owned(), Value::String(told))).collect();
        Self { id, kind, label: label.to_owned(), document_id: document_id.to_owned(), value: None, traits }
    }

    /// The same, with something more told of it.
    pub fn with(mut self, name: &str, told: Value) -> Self {
        self.traits.insert(name.to_owned(), told);
        self
    }

    /// What every invented signer has: a place to sign and one for the date.
    pub(super) fn to_sign(of: Uuid, routing_order: u32, document_id: &str) -> Vec<Self> {
        let y = 600 - 40 * routing_order.min(10);
        let id = |mark| Uuid::from_u128(of.as_u128() ^ mark);
        vec![
            Self::at(id(1), TabKind::SIGN_HERE, "Sign Here", document_id, (72, y))
                .with("optional", json!("false")),
            Self::at(id(2), TabKind::DATE_SIGNED, "Date Signed", document_id, (72, y)),
        ]
    }
}
