//! The lists inside of what DocuSign told, each object as it came.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The lists that are fields of an object, by name. An empty one may be missing, or `{}`.
pub(super) fn lists(json: &RawValue) -> BTreeMap<String, Vec<Box<RawValue>>> {
    let objects = |json: &RawValue| -> Option<Vec<Box<RawValue>>> { serde_json::from_str(json.get()).ok() };
    fields(json).into_iter().filter_map(|(name, json)| Some((name, objects(json)?))).collect()
}

/// The fields of an object, by name.
pub(super) fn fields(json: &RawValue) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(json.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_objects_as_they_came_and_all_else_is_none() {
        let text = r#"{"b": [{"x":1.0}, 7], "a": [], "c": {}, "d": null, "e": "[]", "f": 3}"#;
        let json = RawValue::from_string(text.to_owned()).unwrap();
        let told: Vec<_> = lists(&json)
            .into_iter()
            .map(|(name, list)| (name, list.iter().map(|one| one.get().to_owned()).collect::<Vec<_>>()))
            .collect();
        let want =
            [("a".to_owned(), vec![]), ("b".to_owned(), vec![r#"{"x":1.0}"#.to_owned(), "7".to_owned()])];
        assert_eq!(told, want);
        assert!(lists(&RawValue::from_string("[1]".to_owned()).unwrap()).is_empty());
    }
}
