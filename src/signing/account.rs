//! The change that tells where a linked account stands.

use jiff::Timestamp;

use crate::base::json::Object;
use crate::base::{AccountId, AccountState, ChangeId, Subject};

use super::change::{change_id, routing_key};

/// The CloudEvents `type` of a linked account's changes.
pub const ACCOUNT_TYPE: &str = "countersign.account.state_changed.v1";

/// A linked account came to a state, or was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange<'a> {
    /// DocuSign's id; [`AccountId::unknown`] until its user chose one.
    pub account: &'a AccountId,
    /// Ours.
    pub integrated: &'a str,
    /// Its name at DocuSign, where known.
    pub name: Option<&'a str>,
    /// Whose it is, in the words of whoever made the link token.
    pub tenant: &'a str,
    /// Where it stands; none once it is removed.
    pub state: Option<AccountState>,
    /// Where it stood.
    pub previous: Option<AccountState>,
    /// Why, where that is not plain.
    pub reason: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

impl AccountChange<'_> {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        Subject::IntegratedAccount(self.integrated.to_owned())
    }

    fn word(&self) -> &'static str {
        self.state.map_or("removed", AccountState::word)
    }

    /// Made of account, state and its place in the account's life, which may come to a state many times.
    pub fn id(&self, sequence: u64) -> ChangeId {
        change_id(self.account, &self.subject(), None, "account", self.word(), &sequence.to_be_bytes())
    }

    /// `account.<state>.<account>`.
    pub fn routing_key(&self) -> String {
        routing_key("account", self.word(), self.account)
    }

    /// The JSON body: a stable shape, documented in `/asyncapi.yaml`.
    pub fn body(&self, sequence: u64) -> String {
        let state = |body: &mut Object<'_>, key: &str, state: Option<(&str, &str)>| {
            body.maybe(key, state, |body, (id, name)| {
                body.text("id", id).text("name", name);
            });
        };
        let mut written = String::with_capacity(512);
        Object::write(&mut written, |body| {
            body.shown("id", Some(self.id(sequence))).bare("sequence", Some(sequence));
            body.text("verdict", "advance").text("origin", "account");
            body.shown("occurred_at", Some(self.at)).shown("received_at", Some(self.at));
            body.object("account", |account| {
                account.text("id", self.account.as_str()).text("integrated_account_id", self.integrated);
                account.text("name", self.name).text("tenant_id", self.tenant);
                let now = self.state.map_or(("removed", "Removed"), |state| (state.word(), state.name()));
                state(account, "state", Some(now));
                state(account, "previous_state", self.previous.map(|state| (state.word(), state.name())));
                account.text("reason", self.reason);
            });
        });
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_state_is_json_that_names_the_account_both_ways() {
        let account = AccountId::new("8B41");
        let change = AccountChange {
            account: &account,
            integrated: "0193",
            name: Some("Acme \"West\""),
            tenant: "t-1",
            state: Some(AccountState::NeedsReauth),
            previous: Some(AccountState::Active),
            reason: Some("invalid_grant"),
            at: "2026-11-23T10:00:00Z".parse().unwrap(),
        };
        let body: serde_json::Value = serde_json::from_str(&change.body(3)).unwrap();
        assert_eq!(change.routing_key(), "account.needs_reauth.8b41");
        assert_eq!(body["id"], change.id(3).to_string());
        assert_eq!(body["account"]["integrated_account_id"], "0193");
        assert_eq!(body["account"]["name"], "Acme \"West\"");
        assert_eq!(body["account"]["state"]["id"], "needs_reauth");
        assert_eq!(body["account"]["previous_state"]["id"], "active");
        assert_ne!(change.id(3), change.id(4));
    }
}
