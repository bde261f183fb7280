//! `templates`: what signing requests are made from.

use futures_util::FutureExt as _;

use super::catalog::{Act, Method, Resource, Takes, optional};
use super::told::field;
use super::unifier::{AccountApi, Listing};
use super::walk::{self, Place, Row};
use super::{Asked, Error, Item, Page, Reply};
use crate::base::limits;
use crate::docusign::{self, is_id};
use crate::signing::map_template;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "templates",
    schema: "UnifiedTemplate",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists templates, by name",
            calls: &["GET /templates"],
            parameters: &[
                optional("name", "Only those with this text in their name"),
                optional("collection[id]", "Only those in this folder"),
                optional("updated_at[gt]", "Only those modified after this time"),
                optional("updated_at[lt]", "Only those modified before this time"),
            ],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a template",
            calls: &["GET /templates/{id}"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let mut query = vec![("order_by", "name".to_owned()), ("order", "asc".to_owned())];
    query.extend(asked.text("name").map(|text| ("search_text", text.to_owned())));
    query.extend(asked.text("collection[id]").map(|id| ("folder_ids", id.to_owned())));
    query.extend(asked.time("updated_at[gt]")?.map(|time| ("modified_from_date", time.to_string())));
    query.extend(asked.time("updated_at[lt]")?.map(|time| ("modified_to_date", time.to_string())));
    let most = limits::DOCUSIGN_PAGE_MAX;
    let path = &["templates"];
    let rows = Listing { api, path, query, list: "envelopeTemplates", id: "templateId", most };
    walk::page(&rows, place, asked.limit, |row, base| {
        // DocuSign finds the text elsewhere in a template too.
        let name = field(&row.json, "name");
        if asked.names("name", Some(&name)) { unified(row, base) } else { None }
    })
    .await
}

async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    if !is_id(id) {
        return Err(Error::Unknown("template"));
    }
    let answer = api.get(&["templates", id], &[]).await?;
    let json = super::unifier::object(&answer)?;
    let row = Row { id: id.to_owned(), json };
    unified(&row, &answer.base).map(Reply::Item).ok_or(Error::Unknown("template"))
}

fn unified(row: &Row, _: &str) -> Option<Item> {
    let template: docusign::Template = serde_json::from_str(row.json.get()).ok()?;
    Some(Item::new(&map_template::template(&template), Some(&row.json)))
}
