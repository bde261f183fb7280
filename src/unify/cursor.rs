//! Cursors: places in lists, sealed, so that nobody can make or change one, and good for the list that gave them alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Asked, Error, Place};
use crate::base::AccountId;
use crate::base::digest::digest_of;
use crate::vault::Vault;

/// The list that a cursor is for: same resource, same account, same filters.
///
/// A resource is told by its schema: two APIs may have resources of one name.
pub(super) fn list(resource: &str, account: &AccountId, asked: &Asked) -> String {
    let remote = asked.remote_query.iter().map(|(name, value)| (name.as_str(), value));
    let own = asked.filters.iter().map(|(name, value)| (*name, value));
    let mut all: Vec<_> = own.chain(remote).collect();
    all.sort_unstable();
    let parts = all.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    let digest = URL_SAFE_NO_PAD.encode(digest_of(parts));
    format!("cursor {resource} {account} {digest}")
}

pub(super) fn seal(vault: &Vault, list: &str, place: &Place) -> String {
    // Numbers and texts, on which serde_json cannot fail.
    let text = SecretString::from(serde_json::to_string(place).unwrap_or_default());
    URL_SAFE_NO_PAD.encode(vault.seal(list, &text))
}

pub(super) fn open(vault: &Vault, list: &str, cursor: &str) -> Result<Place, Error> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor)?;
    let text = vault.open(list, &sealed).map_err(|_| Error::Cursor)?;
    serde_json::from_str(text.expose_secret()).map_err(|_| Error::Cursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Dice;

    #[test]
    fn a_cursor_is_good_for_its_own_list_and_as_it_was_given() {
        let vault = Vault::new(&SecretString::from("key"), None, Dice::seeded(1));
        let account = AccountId::new("8b411bfe");
        let filtered = Asked { filters: vec![("status", "sent".into())], ..Asked::default() };
        let own = list("templates", &account, &Asked::default());
        let place = Place { start: 7, anchors: vec!["a".into()], back: false };
        let cursor = seal(&vault, &own, &place);
        assert_eq!(open(&vault, &own, &cursor).unwrap(), place);
        for other in [
            list("users", &account, &Asked::default()),
            list("templates", &AccountId::new("other"), &Asked::default()),
            list("templates", &account, &filtered),
        ] {
            assert!(open(&vault, &other, &cursor).is_err(), "{other}");
        }
        let mut changed = cursor.clone();
        changed.replace_range(40..41, if &cursor[40..41] == "A" { "B" } else { "A" });
        for bad in ["x", "", &changed, &cursor[..cursor.len() - 2]] {
            assert!(open(&vault, &own, bad).is_err(), "{bad}");
        }
    }
}
