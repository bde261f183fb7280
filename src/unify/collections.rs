//! `collections`: the folders of an account, those inside of others too.

use std::collections::HashMap;

use futures_util::FutureExt as _;
use serde_json::value::RawValue;

use super::catalog::{Act, Method, Resource, Takes, optional};
use super::told::{field, lists};
use super::unifier::{AccountApi, Listing, object};
use super::walk::{self, Place, Row, Whole};
use super::{Asked, Error, Item, Page, Reply};
use crate::base::limits;
use crate::docusign::{self, is_id};
use crate::signing::collection::Collection;
use crate::signing::map_collection;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "collections",
    schema: "UnifiedCollection",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists folders of signing requests and of templates, each right before those inside of it",
            calls: &["GET /folders?sub_folder_depth=-1"],
            parameters: &[
                optional("name", "Only those with this text in their name"),
                optional("type", "Only those of this type, in DocuSign's words: draft, inbox, normal, …"),
                optional("parent[id]", "Only those right inside of this folder"),
            ],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a folder",
            calls: &["GET /folders/{id}"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

const FOLDERS: &str = "folders";
const ID: &str = "folderId";

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let kinds = "envelope_folders,template_folders,shared_template_folders";
    // Without that depth, DocuSign tells the outermost ones alone.
    let query = vec![("include", kinds.to_owned()), ("sub_folder_depth", "-1".to_owned())];
    let (path, most) = (&[FOLDERS][..], limits::DOCUSIGN_PAGE_MAX);
    let outermost = Listing { api, path, query, list: FOLDERS, id: ID, most }.all().await?;
    let Flat { rows, around } = Flat::of(outermost.rows);
    let rows = Whole { rows, base: outermost.base };
    walk::page(&rows, place, asked.limit, |row, base| {
        let told = unified(&row.json, base, around.get(&row.id).map(String::as_str))?;
        let inside = told.parent.as_ref().map(|parent| parent.id.as_str());
        let is = |name, own: Option<&str>| {
            asked.text(name).is_none_or(|wanted| own.is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
        };
        let wanted = asked.names("name", told.name.as_deref())
            && is("type", told.kind.as_deref())
            && is("parent[id]", inside);
        wanted.then(|| Item::new(&told, Some(&row.json)))
    })
    .await
}

async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    if !is_id(id) {
        return Err(Error::Unknown("collection"));
    }
    let answer = api.get(&[FOLDERS, id], &[("include_items", "false".to_owned())]).await?;
    let json = lists(&object(&answer)?).remove(FOLDERS).and_then(|list| list.into_iter().next());
    let json = json.ok_or(Error::Unknown("collection"))?;
    let told = unified(&json, &answer.base, None).ok_or(Error::Unknown("collection"))?;
    Ok(Reply::Item(Item::new(&told, Some(&json))))
}

fn unified(json: &RawValue, base: &str, around: Option<&str>) -> Option<Collection> {
    let folder: docusign::Folder = serde_json::from_str(json.get()).ok()?;
    Some(map_collection::collection(&folder, base, around))
}

/// Folders, each right before those inside of it.
struct Flat {
    rows: Vec<Row>,
    /// The folder around each that is inside of one, by its id.
    around: HashMap<String, String>,
}

impl Flat {
    fn of(outermost: Vec<Row>) -> Self {
        let mut flat = Self { rows: Vec::new(), around: HashMap::new() };
        let mut seen = std::collections::HashSet::new();
        let mut waiting: Vec<(Row, usize)> = outermost.into_iter().rev().map(|row| (row, 1)).collect();
        while let Some((row, depth)) = waiting.pop() {
            // One that is shared may be told more than once.
            if row.id.is_empty() || !seen.insert(row.id.clone()) {
                continue;
            }
            let inside = lists(&row.json).remove(FOLDERS).filter(|_| depth < limits::UNIFY_DEPTH_MAX);
            for json in inside.into_iter().flatten().rev() {
                let inner = Row { id: field(&json, ID), json };
                flat.around.entry(inner.id.clone()).or_insert_with(|| row.id.clone());
                waiting.push((inner, depth + 1));
            }
            flat.rows.push(row);
        }
        flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_each_once_right_before_those_inside_of_them() {
        let text = r#"[{"folderId":"a","folders":[{"folderId":"b","folders":[{"folderId":"c","folders":{}}]},{"folderId":"d"}]},
            {"folderId":"e","folders":[{"folderId":"b"},{"name":"none"}]}]"#;
        let outermost: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
        let flat = Flat::of(outermost.into_iter().map(|json| Row { id: field(&json, ID), json }).collect());
        let ids: Vec<_> = flat.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d", "e"]);
        assert_eq!((flat.around["b"].as_str(), flat.around["c"].as_str()), ("a", "b"));
    }

    #[test]
    fn folders_that_lie_deeper_than_any_are_not_gone_into() {
        let depth = 2 * limits::UNIFY_DEPTH_MAX;
        let text = (0..depth)
            .fold(String::from("[]"), |inner, n| format!(r#"[{{"folderId":"f{n}","folders":{inner}}}]"#));
        let json: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
        let flat = Flat::of(json.into_iter().map(|json| Row { id: field(&json, ID), json }).collect());
        assert_eq!(flat.rows.len(), limits::UNIFY_DEPTH_MAX);
    }
}
