//! Words that every floor shares: ids, time, randomness, outcomes and the bounds on everything.

pub mod account;
pub mod books;
pub mod clock;
pub mod dice;
pub mod digest;
pub mod html;
pub mod id;
pub mod json;
pub mod limits;
pub mod moment;
pub mod nearest;
pub mod outcome;
pub mod scope;

pub use account::{AccountState, Grant};
pub use clock::{Clock, SystemClock};
pub use dice::Dice;
pub use html::Escaped;
pub use id::{
    AccountId, ChangeId, DeliveryId, ParticipantId, Position, SigningRequestId, SourceName, Subject,
};
pub use moment::Moment;
pub use outcome::{Outcome, Refusal};
pub use scope::Scope;
