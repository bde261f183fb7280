//! DocuSign's own words: the shapes of its REST JSON, as far as we read them.
//!
//! Every field may be absent, scalars may come as text, numbers or booleans, lists as `{}`, and fields that we
//! do not know are passed over (see [`tolerant`]). The names are held against DocuSign's API description and its
//! current SDKs by a test.

pub mod billing;
pub mod connect_configuration;
pub mod connect_lint;
mod contact;
mod envelope;
mod errors;
mod group;
mod recipient;
mod tab;
mod template;
pub mod tolerant;
pub mod users;

pub use connect_configuration::{ConnectConfiguration, ConnectEventData};
pub use contact::{Contact, ContactPhoneNumber};
pub use envelope::{CustomField, CustomFields, Envelope, EnvelopeDocument, Folder, UserInfo};
pub use errors::ErrorDetails;
pub use group::{Group, SigningGroup};
pub use recipient::Recipient;
pub use tab::{ListItem, Radio, Tab};
pub use template::Template;

/// Whether a text can be an id of DocuSign's (a GUID, or a number). What cannot is the name of nothing, and has no place in
/// an address.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests;
