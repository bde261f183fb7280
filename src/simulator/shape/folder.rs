//! The folders that envelopes lie in.

use serde::Serialize;
use uuid::Uuid;

use crate::simulator::life::{Account, Envelope, EnvelopeStatus};

/// A folder that an envelope lies in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder<'a> {
    name: &'a str,
    r#type: &'static str,
    owner: Owner<'a>,
    folder_id: Uuid,
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner<'a> {
    user_id: Uuid,
    email: &'a str,
}

/// The folder as an envelope names it.
pub(super) fn folder(envelope: &Envelope) -> Folder<'_> {
    let sender = &envelope.account.sender;
    let (folder_id, name, kind) = lies_in(envelope);
    Folder {
        name,
        r#type: kind,
        owner: Owner { user_id: sender.user_id, email: &sender.email },
        folder_id,
        uri: format!("/folders/{folder_id}"),
    }
}

/// The folder that an envelope lies in: its id, name and type. Whatever is deleted lies among the deleted items.
pub fn lies_in(envelope: &Envelope) -> (Uuid, &str, &'static str) {
    let own = match envelope.status {
        EnvelopeStatus::Deleted => SystemFolder::RECYCLE_BIN,
        EnvelopeStatus::Created => SystemFolder::DRAFTS,
        _ => SystemFolder::SENT_ITEMS,
    };
    match &envelope.filed {
        Some(filed) if envelope.status != EnvelopeStatus::Deleted => (filed.id, &filed.name, "normal"),
        _ => (own.id(&envelope.account), own.name, own.word),
    }
}

/// A folder that every account has. Its id comes out of the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemFolder {
    mark: u128,
    /// Its name.
    pub name: &'static str,
    /// Its type, by which REST finds it too.
    pub word: &'static str,
}

impl SystemFolder {
    /// Drafts.
    pub const DRAFTS: Self = Self { mark: 1, name: "Drafts", word: "draft" };
    /// What was deleted.
    pub const RECYCLE_BIN: Self = Self { mark: 2, name: "Deleted Items", word: "recyclebin" };
    /// What was sent.
    pub const SENT_ITEMS: Self = Self { mark: 3, name: "Sent Items", word: "sentitems" };
    /// What others sent.
    pub const INBOX: Self = Self { mark: 4, name: "Inbox", word: "inbox" };
    /// All of them, as REST lists them.
    pub const ALL: [Self; 4] = [Self::DRAFTS, Self::INBOX, Self::RECYCLE_BIN, Self::SENT_ITEMS];

    /// Its id in an account.
    pub fn id(self, account: &Account) -> Uuid {
        Uuid::from_u128(account.id.as_u128() ^ (self.mark << 64))
    }
}
