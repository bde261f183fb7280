//! The keyring of the configured user: one token, and all accounts that the user has.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::authority::Authority;
use super::keyring::{Access, Keyring, Promise, Token};
use super::oauth::OAuth;
use super::settings::address;
use super::userinfo::{Memory, Place, Places};
use super::{Error, Settings};
use crate::base::{AccountId, Clock, Dice};

/// The user whom the settings name.
pub struct User {
    authority: Authority,
    oauth: OAuth,
    base_uri: Option<Url>,
    places: Memory,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User")
    }
}

impl User {
    /// A keyring that makes no call yet.
    ///
    /// # Errors
    /// [`Error::Settings`] naming the setting that is missing or wrong.
    pub fn new(
        http: reqwest::Client,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Result<Self, Error> {
        let base_uri =
            settings.base_uri.as_deref().map(|text| address("docusign.base_uri", text)).transpose()?;
        let authority = Authority::new(http, settings, Arc::clone(&clock))?;
        let oauth = OAuth::new(authority.clone(), settings, Arc::clone(&clock), dice)?;
        Ok(Self { authority, oauth, base_uri, places: Memory::default(), clock })
    }

    async fn place(&self, account: &AccountId) -> Result<Place, Error> {
        match &self.base_uri {
            // No account told: which one is the user's is only known by asking.
            Some(base) if *account != AccountId::unknown() => Ok(Place::new(account.clone(), base.clone())),
            configured => {
                let place = self.places.place(account, self.clock.now(), self.userinfo()).await?;
                Ok(configured.as_ref().map_or(place.clone(), |base| Place::new(place.account, base.clone())))
            }
        }
    }

    async fn userinfo(&self) -> Result<Places, Error> {
        let token = self.oauth.token().await?;
        let info = match self.authority.userinfo(&token.secret).await {
            Err(Error::Unauthorized(_)) if self.oauth.forget(&token).await => {
                let Token { secret, .. } = self.oauth.token().await?;
                self.authority.userinfo(&secret).await
            }
            info => info,
        };
        Ok(Places::read(&info?))
    }
}

impl Keyring for User {
    fn access<'a>(&'a self, account: &'a AccountId) -> Promise<'a, Result<Access, Error>> {
        Box::pin(async move {
            let Place { account, base_uri } = self.place(account).await?;
            Ok(Access { account, base_uri, token: self.oauth.token().await? })
        })
    }

    fn host<'a>(&'a self, account: &'a AccountId) -> Promise<'a, Option<Url>> {
        Box::pin(async move {
            match &self.base_uri {
                Some(base) => Some(base.clone()),
                None => self.places.known(account).await.map(|place| place.base_uri),
            }
        })
    }

    fn refused<'a>(&'a self, access: &'a Access) -> Promise<'a, bool> {
        Box::pin(self.oauth.forget(&access.token))
    }

    fn accounts(&self) -> Promise<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(async move { Ok(self.userinfo().await?.accounts()) })
    }
}
