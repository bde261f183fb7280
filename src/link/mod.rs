//! Linked accounts: how a user lets us have one, and how its tokens are kept fresh from then on.
//!
//! A token is renewed ahead of its end by whoever needs it first. One at a time does so for each account: within this
//! process by a lock, among nodes by a claim in the store. The new pair is on disk before it is used, for DocuSign takes
//! the old refresh token for dead; a refusal counts as the user's only if the stored pair is still the one refused.

mod arrival;
mod credentials;
mod keyring;
mod links;
mod refresh;
mod upkeep;

pub use arrival::{Arrival, Callback, Choice, Done};
pub use keyring::{Linked, Tools};
pub use links::{Back, Departure, Error, Invitation, Links, Made, Returned, Wanted};
pub use upkeep::{Impersonated, Unfit};
