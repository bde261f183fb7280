//! `contacts`: the address book.

use futures_util::FutureExt as _;

use super::catalog::{Act, Method, Resource, Takes};
use super::told::lists;
use super::unifier::{AccountApi, Listing, object};
use super::walk::{self, Place, Row};
use super::{Asked, Error, Item, Page, Reply};
use crate::base::limits;
use crate::docusign::{self, is_id};
use crate::signing::map_person;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "contacts",
    schema: "UnifiedContact",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists the contacts of the account's user",
            calls: &["GET /contacts"],
            parameters: &[],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a contact",
            calls: &["GET /contacts/{id}"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

const CONTACTS: &str = "contacts";

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let (path, most) = (&[CONTACTS][..], limits::DOCUSIGN_PAGE_MAX);
    let rows = Listing { api, path, query: Vec::new(), list: CONTACTS, id: "contactId", most };
    walk::page(&rows, place, asked.limit, unified).await
}

async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    if !is_id(id) {
        return Err(Error::Unknown("contact"));
    }
    let answer = api.get(&[CONTACTS, id], &[]).await?;
    // A list of one.
    let json = lists(&object(&answer)?).remove(CONTACTS).and_then(|list| list.into_iter().next());
    let row = Row { id: id.to_owned(), json: json.ok_or(Error::Unknown("contact"))? };
    unified(&row, &answer.base).map(Reply::Item).ok_or(Error::Unknown("contact"))
}

fn unified(row: &Row, _: &str) -> Option<Item> {
    let contact: docusign::Contact = serde_json::from_str(row.json.get()).ok()?;
    Some(Item::new(&map_person::contact(&contact), Some(&row.json)))
}
