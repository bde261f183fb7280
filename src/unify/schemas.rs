//! The schemas of all unified objects and bodies, for the reference.

use utoipa::OpenApi;
use utoipa::openapi::Components;

use crate::{directory, signing};

#[derive(OpenApi)]
#[openapi(components(schemas(
    signing::collection::Collection,
    signing::contact::Contact,
    signing::document::Document,
    signing::document::DocumentField,
    signing::group::Group,
    signing::request::SigningRequest,
    signing::template::Template,
    signing::user::User,
    signing::draft::Draft,
    signing::draft::Changes,
    directory::Billing,
    directory::License,
    directory::Role,
    directory::User,
    directory::NewUser,
    directory::UserChange,
    directory::Utilization,
    super::DocumentFieldToCreate,
    super::documents::ToDownload,
    super::SigningRequestStatus,
    super::SigningRequestNamed,
    super::SigningRequestToDownload,
    super::Embedding,
    super::ParticipantsToRemove,
)))]
struct Schemas;

/// All that the catalog names, and what they are made of.
pub fn schemas() -> Components {
    Schemas::openapi().components.unwrap_or_default()
}
