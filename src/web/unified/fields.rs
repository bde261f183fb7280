//! Which fields the objects of a resource have, as the reference tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;
use utoipa::OpenApi as _;

use crate::unify::{CATALOG, Resource};
use crate::web::Problem;
use crate::web::openapi::Reference;
use crate::web::problem::unified::Unified;

/// What DocuSign told, beside all fields of ours.
pub(super) const REMOTE_DATA: &str = "remote_data";

/// The fields of a resource's objects, in the order of their names; none where the reference does not tell.
pub(super) fn of(resource: &Resource) -> Option<&'static [String]> {
    static KNOWN: OnceLock<BTreeMap<&'static str, Vec<String>>> = OnceLock::new();
    KNOWN.get_or_init(known).get(resource.schema).map(Vec::as_slice)
}

fn known() -> BTreeMap<&'static str, Vec<String>> {
    let reference = serde_json::to_value(Reference::openapi()).unwrap_or_default();
    let schemas = &reference["components"]["schemas"];
    let resources = CATALOG.iter().flat_map(|api| api.resources.iter());
    let told = resources.filter_map(|resource| {
        let mut names = BTreeSet::new();
        collect(schemas, schemas.get(resource.schema)?, 0, &mut names);
        if names.is_empty() {
            return None;
        }
        names.insert(REMOTE_DATA.to_owned());
        Some((resource.schema, names.into_iter().collect()))
    });
    told.collect()
}

/// Takes in a schema's fields, those of the parts that it is made of among them.
fn collect(schemas: &Value, schema: &Value, depth: usize, names: &mut BTreeSet<String>) {
    /// Parts of parts: ours have two.
    const DEEPEST: usize = 8;
    if depth == DEEPEST {
        return;
    }
    names.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(schemas, part, depth + 1, names);
    }
    let named = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    if let Some(schema) = named.and_then(|name| schemas.get(name)) {
        collect(schemas, schema, depth + 1, names);
    }
}

/// Refuses a name that is no field, and no column that a field becomes in the format `normalized`.
pub(super) fn check(name: &str, valid: &[String]) -> Result<(), Problem> {
    let column = |field: &String| name.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with('_'));
    if valid.iter().any(|field| field == name || column(field)) {
        return Ok(());
    }
    Err(Unified::unknown("field", name, valid.iter().map(String::as_str)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_all_parts_of_a_schema_are_known_and_a_circle_of_parts_ends() {
        let schemas = json!({
            "A": {"allOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"id": {}}}]},
            "B": {"properties": {"name": {}}, "allOf": [{"$ref": "#/components/schemas/A"}]},
        });
        let mut names = BTreeSet::new();
        collect(&schemas, &schemas["A"], 0, &mut names);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["id", "name"]);
    }

    #[test]
    fn a_column_of_a_field_is_named_by_it() {
        let valid = ["id".to_owned(), "status".to_owned()];
        for (name, is_one) in [
            ("id", true),
            ("status_id", true),
            ("statusid", false),
            ("stat", false),
            ("", false),
            ("ID", false),
        ] {
            assert_eq!(check(name, &valid).is_ok(), is_one, "{name}");
        }
    }
}
