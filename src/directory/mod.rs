//! The unified user-directory words: users, roles, licenses, billing and utilization, and the mapping from DocuSign's.

pub mod billing;
pub mod license;
pub mod map;
pub mod map_billing;
pub mod map_utilization;
pub mod money;
pub mod role;
pub mod user;
pub mod utilization;

pub use billing::Billing;
pub use license::License;
pub use money::Amount;
pub use role::Role;
pub use user::{NewUser, Unfit, User, UserChange};
pub use utilization::{Report, Utilization};
