//! A recipient, of whichever kind: the kinds differ in the list that they stand in, hardly in their fields.

use serde::Deserialize;

use super::tab::Tab;
use super::tolerant::{Lists, Scalar};

/// One recipient, of any kind.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Recipient {
    /// Chosen by the sender ("1"), unique in the envelope.
    pub recipient_id: Scalar,
    /// Name.
    pub name: Scalar,
    /// E-mail address.
    pub email: Scalar,
    /// In-person signers: who signs.
    pub signer_name: Scalar,
    /// In-person signers: the address of who signs.
    pub signer_email: Scalar,
    /// In-person signers: who hosts the signing.
    pub host_name: Scalar,
    /// In-person signers: the host's address.
    pub host_email: Scalar,
    /// Routing order, from 1.
    pub routing_order: Scalar,
    /// The role in a template.
    pub role_name: Scalar,
    /// Where the recipient stands.
    pub status: Scalar,
    /// When it was sent to this recipient.
    pub sent_date_time: Scalar,
    /// When this recipient opened it.
    pub delivered_date_time: Scalar,
    /// When this recipient signed.
    pub signed_date_time: Scalar,
    /// When this recipient declined.
    pub declined_date_time: Scalar,
    /// Why this recipient declined.
    pub declined_reason: Scalar,
    /// Why the notification bounced.
    pub auto_responded_reason: Scalar,
    /// The sender's own id of one who signs inside the sender's site.
    pub client_user_id: Scalar,
    /// GUID of the user who it is.
    pub user_id: Scalar,
    /// The signing group, any member of which may act.
    pub signing_group_id: Scalar,
    /// With `include=tabs`: by the names of their lists.
    pub tabs: Lists<Tab>,
}
