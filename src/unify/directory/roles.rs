//! `roles`: what users may do, at DocuSign permission profiles.

use futures_util::FutureExt as _;

use crate::directory::map;
use crate::docusign::users::PermissionProfile;
use crate::unify::catalog::{Act, Method, Resource, Takes};
use crate::unify::unifier::AccountApi;
use crate::unify::walk::{self, Place, Row, Whole};
use crate::unify::{Asked, Error, Item, Page, Reply};

/// All about the resource.
pub(in crate::unify) const RESOURCE: Resource = Resource {
    name: "roles",
    schema: "UnifiedRole",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists roles",
            calls: &["GET /permission_profiles"],
            parameters: &[],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a role",
            calls: &["GET /permission_profiles"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

async fn profiles(api: &AccountApi<'_>) -> Result<Whole, Error> {
    api.whole(&["permission_profiles"], &[], "permissionProfiles", "permissionProfileId").await
}

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    walk::page(&profiles(api).await?, place, asked.limit, |row, _| unified(row)).await
}

/// One of all: the same single call, and it needs no word of DocuSign's for a role that there is not.
async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    let all = profiles(api).await?;
    let row = all.rows.iter().find(|row| row.id == id);
    row.and_then(unified).map(Reply::Item).ok_or(Error::Unknown("role"))
}

fn unified(row: &Row) -> Option<Item> {
    let profile: PermissionProfile = serde_json::from_str(row.json.get()).ok()?;
    Some(Item::new(&map::role(&profile), Some(&row.json)))
}
