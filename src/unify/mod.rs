//! The unified APIs: one request in our words becomes calls to DocuSign, and their answers become unified objects.
//!
//! [`CATALOG`] says which resources and methods there are. Each resource has a file of its own: a [`Resource`] that names
//! its methods, what each takes and which calls it makes, and beside it the functions that make them. Shapes and words
//! are mapped by `signing::map_*` and `directory::map`; lists are walked by [`walk`], whose places survive inserts.

mod asked;
mod catalog;
mod collections;
mod contacts;
mod cursor;
mod directory;
mod document_field_writes;
mod document_fields;
mod document_writes;
mod documents;
mod error;
mod groups;
mod item;
mod schemas;
mod signing_request_statuses;
mod signing_requests;
mod templates;
mod told;
mod unifier;
mod users;
mod walk;

pub use asked::{Asked, ById};
pub use catalog::{Act, Api, CATALOG, Method, Parameter, Resource, Takes, table};
pub use document_field_writes::{DocumentFieldToCreate, Owner};
pub use error::Error;
pub use item::{Item, Page, Reply};
pub use schemas::schemas;
pub use signing_request_statuses::SigningRequestStatus;
pub use signing_requests::{
    Embedding, ParticipantsToRemove, SigningRequestNamed, SigningRequestToDownload, Whom,
};
pub use unifier::{Tools, Unifier};
pub use walk::Place;
