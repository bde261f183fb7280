//! Which accounts the user has and where each one's REST API is: asked once and remembered.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::answer::later;
use super::settings::address;
use super::{Error, Raw, Refused};
use crate::base::{AccountId, limits};
use crate::docusign::tolerant::{List, Scalar};

/// An account's REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The account as its API is to be asked for it.
    pub(super) account: AccountId,
    pub(super) base_uri: Url,
}

impl Place {
    pub(super) fn new(account: AccountId, base_uri: Url) -> Self {
        Self { account, base_uri }
    }
}

/// The answer to `GET /oauth/userinfo`, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UserInfo {
    sub: Scalar,
    accounts: List<UserAccount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UserAccount {
    account_id: Scalar,
    account_name: Scalar,
    is_default: Scalar,
    base_uri: Scalar,
}

/// Who the user of a token is, and which accounts they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's GUID, where told.
    pub user_id: Option<String>,
    /// Their accounts that can be called, as many as are looked at.
    pub accounts: Vec<Membership>,
}

/// An account of a user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The account.
    pub account: AccountId,
    /// Its name, where told.
    pub name: Option<String>,
    /// The host of its API.
    pub base_uri: Url,
    /// Whether the user calls it the default.
    pub is_default: bool,
}

impl From<&UserInfo> for Identity {
    fn from(info: &UserInfo) -> Self {
        let membership = |account: &UserAccount| {
            Some(Membership {
                account: AccountId::new(account.account_id.text()?),
                name: account.account_name.owned(),
                base_uri: address("base_uri", account.base_uri.text()?).ok()?,
                is_default: account.is_default.flag() == Some(true),
            })
        };
        let accounts =
            info.accounts.0.iter().filter_map(membership).take(limits::USER_ACCOUNTS_MAX).collect();
        Self { user_id: info.sub.owned(), accounts }
    }
}

/// The user's accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// The account that the user calls the default, else the first.
    default: Option<usize>,
}

impl Places {
    /// What can be used of an answer.
    pub(super) fn read(info: &UserInfo) -> Self {
        let mut places = Self::default();
        for account in &info.accounts {
            let (Some(id), Some(base)) = (account.account_id.text(), account.base_uri.text()) else {
                continue;
            };
            let Ok(base) = address("base_uri", base) else { continue };
            if account.is_default.flag() == Some(true) || places.default.is_none() {
                places.default = Some(places.all.len());
            }
            places.all.push(Place::new(AccountId::new(id), base));
        }
        places
    }

    /// All accounts.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        self.all.iter().map(|place| place.account.clone()).collect()
    }

    /// The place of an account. Legacy XML tells an account by a number that is on no list, or not at all: the
    /// number is looked for where the default account is, and no account at all means that one.
    fn find(&self, account: &AccountId) -> Option<Place> {
        if let Some(place) = self.all.iter().find(|place| place.account == *account) {
            return Some(place.clone());
        }
        let default = &self.all[self.default?];
        let number = !account.as_str().is_empty() && account.as_str().bytes().all(|b| b.is_ascii_digit());
        if *account == AccountId::unknown() {
            Some(default.clone())
        } else {
            number.then(|| Place::new(account.clone(), default.base_uri.clone()))
        }
    }
}

/// The user's accounts, remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Mutex<Known>,
    /// Requests answered so far, well or ill: who waited for one shares its answer.
    answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest answer, and when it came.
    places: Option<(Places, Timestamp)>,
    /// What became of the last request, where it failed.
    failed: Option<Error>,
}

impl Memory {
    /// The place of `account` as the newest answer told it, however old that is: base addresses hardly ever change.
    pub(super) async fn known(&self, account: &AccountId) -> Option<Place> {
        self.known.lock().await.places.as_ref()?.0.find(account)
    }

    /// The place of `account`; asks by `ask` where that is not known or was asked long ago. One request at a time.
    pub(super) async fn place(
        &self,
        account: &AccountId,
        now: Timestamp,
        ask: impl Future<Output = Result<Places, Error>>,
    ) -> Result<Place, Error> {
        let answered_before = self.answered.load(Ordering::Acquire);
        let mut known = self.known.lock().await;
        if let Some((places, asked_at)) = &known.places {
            let found = places.find(account);
            let age_max = if found.is_some() { limits::USERINFO_AGE_MAX } else { limits::USERINFO_AGE_MIN };
            // A clock that went back far asks anew as well.
            if (*asked_at..later(*asked_at, age_max)).contains(&now) {
                return found.ok_or_else(not_granted);
            }
        }
        let waited = self.answered.load(Ordering::Acquire) > answered_before;
        let asked = match &known.failed {
            Some(error) if waited => Err(error.clone()),
            _ => {
                let asked = ask.await;
                self.answered.fetch_add(1, Ordering::AcqRel);
                asked
            }
        };
        known.failed = asked.as_ref().err().cloned();
        let old = known.places.as_ref().and_then(|(places, _)| places.find(account));
        match asked {
            // An old answer is better than none: base addresses hardly ever change.
            Err(error) => old.ok_or(error),
            Ok(places) => {
                let found = places.find(account);
                known.places = Some((places, now));
                found.ok_or_else(not_granted)
            }
        }
    }
}

/// Our code for an account that the user whom we act for cannot open.
pub const NOT_GRANTED: &str = "ACCOUNT_NOT_GRANTED";

fn not_granted() -> Error {
    Error::Unauthorized(Refused {
        status: None,
        code: NOT_GRANTED.to_owned(),
        message: "the user whom we act for is no member of this account".to_owned(),
        trace_token: None,
        raw: Raw::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = r#"{"sub":"u","accounts":[
        {"account_id":"AAAA-1","is_default":false,"account_name":"One","base_uri":"https://na1.docusign.net"},
        {"account_id":"bbbb-2","is_default":true,"account_name":"Two","base_uri":"https://eu.docusign.net"},
        {"account_id":"cccc-3","is_default":"false","base_uri":"not an address"},
        {"account_id":"dddd-4"}, 7]}"#;

    fn places() -> Places {
        Places::read(&serde_json::from_str(INFO).unwrap())
    }

    fn found(account: &str) -> Option<String> {
        places().find(&AccountId::new(account)).map(|place| format!("{}{}", place.base_uri, place.account))
    }

    #[test]
    fn each_account_is_asked_where_it_lives() {
        assert_eq!(found("aaaa-1").unwrap(), "https://na1.docusign.net/aaaa-1");
        assert_eq!(found("BBBB-2").unwrap(), "https://eu.docusign.net/bbbb-2");
    }

    #[test]
    fn a_user_is_told_with_the_accounts_that_can_be_called() {
        let identity = Identity::from(&serde_json::from_str::<UserInfo>(INFO).unwrap());
        let told: Vec<_> =
            identity.accounts.iter().map(|one| (one.name.as_deref(), one.is_default)).collect();
        assert_eq!(identity.user_id.as_deref(), Some("u"));
        assert_eq!(told, [(Some("One"), false), (Some("Two"), true)]);
    }

    #[test]
    fn accounts_told_by_number_or_not_at_all_are_looked_for_at_the_default_account() {
        assert_eq!(found("4197223").unwrap(), "https://eu.docusign.net/4197223");
        assert_eq!(found("unknown").unwrap(), "https://eu.docusign.net/bbbb-2");
    }

    #[test]
    fn an_account_of_somebody_else_is_nowhere() {
        for account in ["eeee-5", "cccc-3", "dddd-4", ""] {
            assert_eq!(found(account), None, "{account}");
        }
        let nobody = Places::read(&UserInfo::default());
        assert!(nobody.find(&AccountId::unknown()).is_none());
    }

    #[tokio::test]
    async fn the_list_is_asked_for_once_a_day_and_sooner_for_an_account_that_is_not_on_it() {
        let memory = Memory::default();
        let mut asked = 0;
        for (hour, minute, account, want) in [
            (0, 0, "aaaa-1", 1),
            (0, 0, "bbbb-2", 1),
            (0, 1, "eeee-5", 1),
            (0, 6, "eeee-5", 2),
            (0, 7, "eeee-5", 2),
            (23, 59, "aaaa-1", 2),
            (24, 6, "aaaa-1", 3),
        ] {
            let now = later(
                "2026-11-23T00:00:00Z".parse().unwrap(),
                std::time::Duration::from_secs(hour * 3600 + minute * 60),
            );
            let result = memory
                .place(&AccountId::new(account), now, async {
                    asked += 1;
                    Ok(places())
                })
                .await;
            assert_eq!(result.is_ok(), account != "eeee-5", "{hour}:{minute} {account}");
            assert_eq!(asked, want, "{hour}:{minute} {account}");
        }
    }

    #[tokio::test]
    async fn an_old_list_serves_while_no_new_one_is_to_be_had() {
        let memory = Memory::default();
        let account = AccountId::new("aaaa-1");
        let down = async { Err(Error::Connection("down".into())) };
        assert!(memory.place(&account, "2026-11-23T00:00:00Z".parse().unwrap(), down).await.is_err());
        let up = async { Ok(places()) };
        assert!(memory.place(&account, "2026-11-23T00:00:00Z".parse().unwrap(), up).await.is_ok());
        let down = async { Err(Error::Connection("down".into())) };
        assert!(memory.place(&account, "2026-11-25T00:00:00Z".parse().unwrap(), down).await.is_ok());
    }
}
