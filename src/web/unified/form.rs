//! Objects of the unified APIs in the format asked for.

use serde_json::{Map, Value};

use super::fields;
use super::query::{Format, Query};
use crate::unify::Item;
use crate::web::Problem;
use crate::web::problem::unified::Unified;

/// Refuses fields that none of the objects has: what they are is known by them alone where the reference is silent.
pub(super) fn check(items: &[Item], query: &Query) -> Result<(), Problem> {
    if items.is_empty() || query.named().next().is_none() {
        return Ok(());
    }
    let mut valid: Vec<String> =
        items.iter().flat_map(|item| object(&item.unified).into_iter()).map(first).collect();
    valid.push(fields::REMOTE_DATA.to_owned());
    valid.sort_unstable();
    valid.dedup();
    query.named().try_for_each(|name| fields::check(name, &valid))
}

fn first<A, B>(pair: (A, B)) -> A {
    pair.0
}

fn object(json: &str) -> Map<String, Value> {
    // Our own objects, or DocuSign's that were read as such before.
    serde_json::from_str(json).unwrap_or_default()
}

/// The objects as a JSON list.
pub(super) fn listed(items: &[Item], query: &Query, body: &mut String) {
    body.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            body.push(',');
        }
        write(item, query, body);
    }
    body.push(']');
}

/// The objects by a field of theirs, the last of those that have it alike. One without it is left out.
pub(super) fn keyed(items: &[Item], field: &str, query: &Query, body: &mut String) -> Result<(), Problem> {
    let bad = || {
        let why = format!("must be a field that is text, a number or a truth value: `{field}` is none");
        Err(Unified::Parameter { name: "truto_key_by".to_owned(), why }.into())
    };
    if field == fields::REMOTE_DATA {
        return bad();
    }
    let mut all = Map::new();
    for item in items {
        let unified = object(&item.unified);
        let value = match unified.get(field) {
            Some(value) => value.clone(),
            None => columns(unified).remove(field).unwrap_or_default(),
        };
        let key = match value {
            Value::String(text) => text,
            Value::Null => continue,
            Value::Object(_) | Value::Array(_) => return bad(),
            other => other.to_string(),
        };
        let mut written = String::new();
        write(item, query, &mut written);
        all.insert(key, serde_json::from_str(&written).unwrap_or_default());
    }
    body.push_str(&Value::Object(all).to_string());
    Ok(())
}

/// One object.
pub(super) fn write(item: &Item, query: &Query, out: &mut String) {
    let is_left_out = |name: &String| query.exclude.contains(name);
    match (query.format, &item.remote) {
        (Format::Raw, Some(remote)) => out.push_str(remote.get()),
        (Format::Normalized, _) => {
            let mut fields = object(&item.unified);
            fields.retain(|name, _| !is_left_out(name));
            let mut row = columns(fields);
            row.retain(|name, _| !is_left_out(name));
            out.push_str(&Value::Object(row).to_string());
        }
        _ if query.exclude.is_empty() => item.write(query.with_remote, out),
        _ => {
            let mut whole = String::new();
            item.write(query.with_remote, &mut whole);
            let mut fields = object(&whole);
            fields.retain(|name, _| !is_left_out(name));
            out.push_str(&Value::Object(fields).to_string());
        }
    }
}

/// An object as a row of a table. Where two columns would be called alike, the object's own field is the one.
fn columns(object: Map<String, Value>) -> Map<String, Value> {
    let mut row = Map::new();
    let mut within = vec![(String::new(), object)];
    while !within.is_empty() {
        let mut deeper = Vec::new();
        for (prefix, fields) in within {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name } else { format!("{prefix}_{name}") };
                match value {
                    Value::Object(fields) if !fields.is_empty() => deeper.push((name, fields)),
                    Value::Object(_) => drop(row.entry(name).or_insert(Value::Null)),
                    value => drop(row.entry(name).or_insert(value)),
                }
            }
        }
        within = deeper;
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_within_an_object_become_columns_and_its_own_fields_win() {
        let Value::Object(object) = json!({
            "id": "7", "status": {"id": "sent", "name": "Sent", "of": {"day": 1, "none": {}}}, "status_id": null,
            "collections": [{"id": "a"}], "kind": {}, "a_b": 1, "a": {"b": 2, "b_c": 3}, "a_b_c": {"x": true},
        }) else {
            unreachable!("an object")
        };
        let want = json!({
            "id": "7", "status_id": null, "status_name": "Sent", "status_of_day": 1, "status_of_none": null,
            "collections": [{"id": "a"}], "kind": null, "a_b": 1, "a_b_c": 3, "a_b_c_x": true,
        });
        assert_eq!(Value::Object(columns(object)), want);
    }
}
