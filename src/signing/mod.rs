//! The unified e-signature words: signing requests, participants, the state machine and the published change.

pub mod account;
pub mod change;
pub mod collection;
pub mod contact;
pub mod document;
pub mod draft;
pub mod enriched;
pub mod group;
pub mod map;
pub mod map_carried;
pub mod map_collection;
pub mod map_document;
pub mod map_draft;
pub mod map_look;
pub mod map_person;
pub mod map_prefill;
pub mod map_rest;
pub mod map_template;
pub mod observation;
pub mod participant;
pub mod receipt;
pub mod replay;
pub mod request;
pub mod state;
pub mod status;
pub mod template;
pub mod user;

pub use account::AccountChange;
pub use change::{Change, ChangeKind, Entry, Origin, Verdict};
pub use enriched::{CarriedBy, Enriched, Failure};
pub use map_carried::{Carried, Told};
pub use observation::{Activity, Mark, Observation, Person};
pub use receipt::Receipt;
pub use request::SigningRequest;
pub use state::State;
pub use status::{ParticipantStatus, SigningRequestStatus};
