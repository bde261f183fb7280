//! Pages of lists: by `count` and `start_position`, with the sizes as strings and links that leave out what all of
//! REST begins with.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::base::limits;

use super::errors::ApiError;

/// What a query says, the last value of each name.
pub(super) type Query = HashMap<String, String>;

/// How a list is cut into pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging {
    /// Most rows of a page, and how many there are where nobody says.
    most: usize,
    default: usize,
    /// Whether the last page has an empty link; else it has none.
    empty_links: bool,
}

/// Envelopes and templates.
pub(super) const ENVELOPES: Paging =
    Paging { most: limits::SIMULATOR_PAGE_MAX, default: limits::SIMULATOR_PAGE_MAX, empty_links: true };
/// Users, groups and all else.
pub(super) const OTHERS: Paging = Paging {
    most: limits::SIMULATOR_SMALL_PAGE_MAX,
    default: limits::SIMULATOR_SMALL_PAGE_MAX,
    empty_links: false,
};
/// Folders.
pub(super) const FOLDERS: Paging = Paging { default: limits::SIMULATOR_FOLDERS_PAGE, ..OTHERS };

/// A value of a query that is there and not empty.
pub(super) fn given<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// Whether a query says `true`, in any case.
pub(super) fn says(query: &Query, name: &str) -> bool {
    query.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn number(query: &Query, name: &str, default: usize) -> Result<usize, ApiError> {
    given(query, name).map_or(Ok(default), |text| {
        text.parse().map_err(|_| ApiError::invalid(format!("'{name}' must be a number.")))
    })
}

/// The page that a query asks for, of all rows at `path` of an account: `rows` under `name`, with sizes and links.
pub(super) fn page<T>(
    (account, path): (Uuid, &str),
    query: &Query,
    paging: Paging,
    (name, rows): (&str, Vec<T>),
    view: impl Fn(T) -> Value,
) -> Result<Value, ApiError> {
    let count = number(query, "count", paging.default)?;
    if count == 0 || count > paging.most {
        return Err(ApiError::invalid(format!("'count' must be from 1 to {}.", paging.most)));
    }
    let start = number(query, "start_position", 0)?;
    let total = rows.len();
    let rows: Vec<Value> = rows.into_iter().skip(start).take(count).map(view).collect();
    let next = start.saturating_add(rows.len());
    let link = |start: usize| json!(link((account, path), query, start, count));
    let mut page = Map::new();
    let mut put = |name: &str, told: Value| page.insert(name.to_owned(), told);
    put("resultSetSize", json!(rows.len().to_string()));
    put("totalSetSize", json!(total.to_string()));
    put("startPosition", json!(start.to_string()));
    put("endPosition", json!(next.saturating_sub(1).to_string()));
    if next < total {
        put("nextUri", link(next));
    } else if paging.empty_links {
        put("nextUri", json!(""));
    }
    if start > 0 {
        put("previousUri", link(start.saturating_sub(count)));
    } else if paging.empty_links {
        put("previousUri", json!(""));
    }
    put(name, json!(rows));
    Ok(Value::Object(page))
}

fn link((account, path): (Uuid, &str), query: &Query, start: usize, count: usize) -> String {
    let mut kept: Vec<_> = query.iter().filter(|(name, _)| *name != "start_position").collect();
    kept.sort();
    let mut written = Serializer::new(String::new());
    written.append_pair("start_position", &start.to_string());
    if !query.contains_key("count") {
        written.append_pair("count", &count.to_string());
    }
    written.extend_pairs(kept);
    format!("/accounts/{account}{path}?{}", written.finish())
}

/// An object with a list in it; `{}` where that is empty, as DocuSign answers some of them.
pub(super) fn unless_empty(name: &str, rows: Vec<Value>) -> Value {
    if rows.is_empty() { json!({}) } else { json!({name: rows}) }
}
