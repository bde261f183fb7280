//! `users`: the members of a group. The whole account's users are a resource of the user directory.

use futures_util::FutureExt as _;

use super::catalog::{Act, Method, Resource, Takes, required};
use super::groups;
use super::unifier::{AccountApi, Listing};
use super::walk::{self, Place, Row};
use super::{Asked, Error, Item, Page};
use crate::base::limits;
use crate::docusign;
use crate::signing::group::GroupKind;
use crate::signing::map_person;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "users",
    schema: "UnifiedUser",
    methods: &[Method {
        act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
        about: "Lists the members of a group",
        calls: &["GET /groups/{id}/users", "GET /signing_groups/{id}/users"],
        parameters: &[
            required("group[id]", "The group"),
            required("group[type]", "Which it is: `user_group` or `signing_group`"),
        ],
        body: Takes::Nothing,
    }],
};

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let kind = groups::kind("group[type]", asked.required("group[type]")?)?;
    let id = asked.id("group[id]", "group")?;
    match kind {
        GroupKind::UserGroup => {
            let (path, most) = (&["groups", id, "users"][..], limits::DOCUSIGN_PAGE_MAX);
            let rows = Listing { api, path, query: Vec::new(), list: "users", id: "userId", most };
            walk::page(&rows, place, asked.limit, unified).await
        }
        GroupKind::SigningGroup => {
            let rows = api.whole(&["signing_groups", id, "users"], &[], "users", "email").await?;
            walk::page(&rows, place, asked.limit, unified).await
        }
    }
}

fn unified(row: &Row, _: &str) -> Option<Item> {
    let user: docusign::UserInfo = serde_json::from_str(row.json.get()).ok()?;
    Some(Item::new(&map_person::member(&user), Some(&row.json)))
}
