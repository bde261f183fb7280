//! Recipients of an envelope: who they are, what they are there for, and where they stand.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::Dice;

use super::envelope::Person;
use super::people;
use super::tab::Tab;

/// Where a recipient stands (connect.md §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecipientStatus {
    /// Not notified yet.
    Created,
    /// Notified.
    Sent,
    /// Opened it.
    Delivered,
    /// Finished.
    Completed,
    /// Declined.
    Declined,
    /// The notification bounced.
    AutoResponded,
}

impl RecipientStatus {
    /// As REST and JSON write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::AutoResponded => "autoresponded",
        }
    }
}

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident $list:literal $word:literal $xml:literal,)*) => {
        /// What a recipient is there for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// All roles.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The list that REST and JSON put such recipients in.
            pub fn list(self) -> &'static str {
                match self { $(Self::$variant => $list,)* }
            }

            /// Their `recipientType`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Their `Type` in legacy XML.
            pub fn xml_word(self) -> &'static str {
                match self { $(Self::$variant => $xml,)* }
            }
        }
    };
}

roles! {
    /// Signs.
    Signer "signers" "signer" "Signer",
    /// Names somebody who comes later.
    Agent "agents" "agent" "Agent",
    /// Changes the envelope before others get it.
    Editor "editors" "editor" "Editor",
    /// Passes it on to those who come later.
    Intermediary "intermediaries" "intermediary" "Intermediary",
    /// Gets a copy: created, sent, completed, and never delivered or signed.
    CarbonCopy "carbonCopies" "carboncopy" "CarbonCopy",
    /// Must open it, and signs nothing.
    CertifiedDelivery "certifiedDeliveries" "certifieddelivery" "CertifiedDelivery",
    /// Signs at a host's place.
    InPersonSigner "inPersonSigners" "inpersonsigner" "InPersonSigner",
    /// An electronic seal, which nobody has to set by hand.
    Seal "seals" "seal" "Seal",
    /// Signs as a witness of a signer.
    Witness "witnesses" "witness" "Witness",
    /// Signs as a notary.
    Notary "notaries" "notary" "Notary",
}

impl Role {
    /// Whether DocuSign has tabs for such a one at all.
    pub fn has_tabs(self) -> bool {
        !matches!(self, Self::Agent | Self::Editor | Self::Intermediary | Self::CertifiedDelivery)
    }

    /// True where such a recipient puts a signature under it.
    pub fn signs(self) -> bool {
        matches!(self, Self::Signer | Self::InPersonSigner | Self::Witness | Self::Notary)
    }

    /// True where the envelope waits until such a recipient has opened it at least.
    pub fn is_awaited(self) -> bool {
        !matches!(self, Self::CarbonCopy | Self::Seal)
    }
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The id that the sender chose, unique in the envelope.
    pub id: String,
    /// DocuSign's own id.
    pub guid: Uuid,
    /// What for.
    pub role: Role,
    /// Who.
    pub person: Person,
    /// At whose place an in-person signer signs.
    pub host: Option<Person>,
    /// The signing group, any member of which may act: its number and name.
    pub signing_group: Option<(String, String)>,
    /// From 1.
    pub routing_order: u32,
    /// The role's name in the sender's template.
    pub role_name: String,
    /// Set where the recipient signs inside the sender's own site.
    pub client_user_id: Option<String>,
    /// Where the recipient stands.
    pub status: RecipientStatus,
    /// When notified.
    pub sent_at: Option<Timestamp>,
    /// When opened.
    pub delivered_at: Option<Timestamp>,
    /// When signed.
    pub signed_at: Option<Timestamp>,
    /// When declined.
    pub declined_at: Option<Timestamp>,
    /// Why declined.
    pub declined_reason: Option<String>,
    /// What answered the notification.
    pub auto_responded_reason: Option<String>,
    /// When the access code was wrong too often.
    pub authentication_failed_at: Option<Timestamp>,
    /// Where the recipient opened it from.
    pub ip: Option<String>,
    /// Places in the documents. Shared by the envelope's versions, which are many.
    pub tabs: Arc<Vec<Tab>>,
}

impl Recipient {
    /// Somebody in an envelope that is not sent yet, without tabs.
    pub fn new(id: String, role: Role, person: Person, routing_order: u32, dice: &Dice) -> Self {
        let role_name = match role {
            Role::Signer => format!("Signer {id}"),
            Role::CarbonCopy => "Archive".to_owned(),
            _ => String::new(),
        };
        Self {
            guid: people::guid(dice),
            host: None,
            signing_group: None,
            client_user_id: None,
            status: RecipientStatus::Created,
            sent_at: None,
            delivered_at: None,
            signed_at: None,
            declined_at: None,
            declined_reason: None,
            auto_responded_reason: None,
            authentication_failed_at: None,
            ip: None,
            tabs: Arc::default(),
            id,
            role,
            person,
            routing_order,
            role_name,
        }
    }

    /// Gives the recipient a place to sign and one for the date, in a document.
    pub fn sign_in(&mut self, document_id: &str) {
        self.tabs = Arc::new(Tab::to_sign(self.guid, self.routing_order, document_id));
    }
}
