//! `groups`: groups of users, and groups any member of which may sign.

use futures_util::FutureExt as _;

use super::catalog::{Act, Method, Resource, Takes, optional};
use super::unifier::{AccountApi, Listing};
use super::walk::{self, Behind, Place, Row, Whole};
use super::{Asked, Error, Item, Page};
use crate::base::limits;
use crate::docusign;
use crate::signing::group::{Group, GroupKind};
use crate::signing::map_person;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "groups",
    schema: "UnifiedGroup",
    methods: &[Method {
        act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
        about: "Lists groups: signing groups, then groups of users",
        calls: &["GET /signing_groups", "GET /groups"],
        parameters: &[
            optional("type", "Only those of this type: `user_group` or `signing_group`"),
            optional("name", "Only those with this text in their name"),
        ],
        body: Takes::Nothing,
    }],
};

/// The sort of group that a parameter names.
pub(super) fn kind(name: &'static str, word: &str) -> Result<GroupKind, Error> {
    let why =
        || Error::Parameter { name: name.to_owned(), why: "must be user_group or signing_group".to_owned() };
    GroupKind::from_word(word).ok_or_else(why)
}

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let only = asked.text("type").map(|word| kind("type", word)).transpose()?;
    // They are told all at once, so that positions among the others are known.
    let front = match only {
        Some(GroupKind::UserGroup) => Whole { rows: Vec::new(), base: String::new() },
        _ => api.whole(&["signing_groups"], &[], "groups", SIGNING_ID).await?,
    };
    let query = asked.text("name").map(|text| ("search_text", text.to_owned())).into_iter().collect();
    let (path, most) = (&["groups"][..], limits::DOCUSIGN_PAGE_MAX);
    let users = Listing { api, path, query, list: "groups", id: "groupId", most };
    let other = (only != Some(GroupKind::SigningGroup)).then_some(&users);
    walk::page(&Behind { front, other }, place, asked.limit, |row, _| {
        let group = unified(row)?;
        let wanted = asked.names("name", group.name.as_deref());
        wanted.then(|| Item::new(&group, Some(&row.json)))
    })
    .await
}

const SIGNING_ID: &str = "signingGroupId";

fn unified(row: &Row) -> Option<Group> {
    let signing: docusign::SigningGroup = serde_json::from_str(row.json.get()).ok()?;
    if signing.signing_group_id.text().is_some() {
        return Some(map_person::signing_group(&signing));
    }
    Some(map_person::user_group(&serde_json::from_str(row.json.get()).ok()?))
}
