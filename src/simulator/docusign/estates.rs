//! What an account has beside envelopes, as calls get at it: who asks, and who may.

use actix_web::{HttpMessage as _, HttpRequest};
use uuid::Uuid;

use crate::simulator::estate::{Estate, Growth};

use super::envelopes::account;
use super::errors::ApiError;
use super::world::World;
use super::{Docusign, Settings, Shared, lock};

/// In whose name a call is made; nobody's in particular where absent, who may do anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking(pub(super) Option<Uuid>);

/// The accounts that a stand-in is set up with, whose users are among those that it tells of.
pub(super) fn peopled(settings: &Settings) -> World {
    let mut world = World::default();
    settings.accounts.iter().for_each(|account| world.open(account));
    for user in &settings.users {
        for account in &user.accounts {
            world.estate_mut(*account).into_iter().for_each(|estate| estate.admit(&user.person));
        }
    }
    world
}

impl Shared {
    /// Looks at what the account in a path has.
    pub(super) fn with_estate<T>(
        &self,
        named: &str,
        look: impl FnOnce(Uuid, &Estate) -> T,
    ) -> Result<T, ApiError> {
        let account = account(self, named)?;
        let world = lock(&self.world);
        let estate = world.estate(account).ok_or_else(ApiError::no_such_account)?;
        Ok(look(account, estate))
    }

    /// Changes what the account in a path has.
    pub(super) fn change_estate<T>(
        &self,
        named: &str,
        change: impl FnOnce(Uuid, &mut Estate) -> T,
    ) -> Result<T, ApiError> {
        let account = account(self, named)?;
        let mut world = lock(&self.world);
        let estate = world.estate_mut(account).ok_or_else(ApiError::no_such_account)?;
        Ok(change(account, estate))
    }

    /// Lets nobody but the administrators of the account in a path go on.
    pub(super) fn only_administrators(&self, request: &HttpRequest, named: &str) -> Result<(), ApiError> {
        let asking = request.extensions().get::<Asking>().and_then(|asking| asking.0);
        let Some(user) = asking else { return Ok(()) };
        let administers = self.with_estate(named, |_, estate| estate.administers(user))?;
        if administers { Ok(()) } else { Err(ApiError::lacks_permissions()) }
    }
}

impl Docusign {
    /// Lets an account grow by invented users, groups, folders and so on; false where it would have too many, or
    /// there is no such account.
    pub fn grow(&self, account: Uuid, by: Growth) -> bool {
        lock(&self.0.world).grow(account, by)
    }

    /// Looks at what an account has beside envelopes; none where there is no such account.
    pub fn look<T>(&self, account: Uuid, look: impl FnOnce(&Estate) -> T) -> Option<T> {
        lock(&self.0.world).estate(account).map(look)
    }
}
