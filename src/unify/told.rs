//! The lists inside of what DocuSign told, each object as it came.
//!
//! An answer with a list may have megabytes: it is gone over once for the list and once for its objects, and each object
//! once for its id, without a copy of what is not looked for.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::docusign::tolerant::Scalar;

/// What an answer tells of the page that it is.
#[derive(Debug, Default)]
pub(super) struct Told {
    total_set_size: Scalar,
    /// Where what comes next is; none where nothing does.
    pub(super) next_uri: Scalar,
}

impl Told {
    /// How many objects there are in all, where that is told.
    pub(super) fn total(&self) -> Option<u64> {
        self.total_set_size.text()?.parse().ok()
    }
}

/// The objects in a list of an answer, with what it tells of its page; or what is wrong with it. An empty list may be
/// missing, or `{}`.
pub(super) fn page(body: &[u8], list: &str) -> Result<(Vec<Box<RawValue>>, Told), &'static str> {
    let mut read = serde_json::Deserializer::from_slice(body);
    let found = Page { list }.deserialize(&mut read).and_then(|found| read.end().map(|()| found));
    let (listed, told) = found.map_err(|_| "is in no JSON object")?;
    let objects = match listed.map_or("", |listed| listed.get().trim()) {
        "" | "{}" | "null" => Vec::new(),
        // A list that cannot be read must not be taken for an empty one.
        listed => serde_json::from_str(listed).map_err(|_| "is no list")?,
    };
    Ok((objects, told))
}

/// A field of an object, as text; empty where there is none.
pub(super) fn field(json: &RawValue, name: &str) -> String {
    let found = One { name }.deserialize(&mut serde_json::Deserializer::from_str(json.get()));
    found.ok().and_then(|scalar| scalar.owned()).unwrap_or_default()
}

/// Which of some names a key is.
struct Which<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Which<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Which<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

struct Page<'a> {
    list: &'a str,
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = (Option<&'de RawValue>, Told);

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = (Option<&'de RawValue>, Told);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut listed, mut told) = (None, Told::default());
        while let Some(key) = map.next_key_seed(Which(&[self.list, "totalSetSize", "nextUri"]))? {
            match key {
                Some(0) => listed = Some(map.next_value()?),
                Some(1) => told.total_set_size = map.next_value()?,
                Some(_) => told.next_uri = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((listed, told))
    }
}

struct One<'a> {
    name: &'a str,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Scalar, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        let mut found = Scalar::default();
        while let Some(key) = map.next_key_seed(Which(&[self.name]))? {
            match key {
                Some(_) => found = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

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
    fn a_page_is_its_list_and_what_is_told_of_it() {
        let page = |text: &str| {
            let (objects, told) = page(text.as_bytes(), "users")?;
            let objects: Vec<_> = objects.iter().map(|one| one.get().to_owned()).collect();
            Ok::<_, &str>((objects, told.total(), told.next_uri.owned()))
        };
        let whole = r#" {"totalSetSize": "7", "other": [{"users": [1]}], "users": [{"a": 1.0}, {}], "nextUri": "/x"} "#;
        let objects = vec![r#"{"a": 1.0}"#.to_owned(), "{}".to_owned()];
        assert_eq!(page(whole), Ok((objects, Some(7), Some("/x".to_owned()))));
        for empty in ["{}", r#"{"users": {}}"#, r#"{"users": null, "nextUri": ""}"#, r#"{"users": [ ]}"#] {
            assert_eq!(page(empty), Ok((vec![], None, None)), "{empty}");
        }
        for (broken, why) in [
            ("", "is in no JSON object"),
            ("[]", "is in no JSON object"),
            (r#"{"users": []"#, "is in no JSON object"),
            (r#"{"users": []} x"#, "is in no JSON object"),
            (r#"{"users": "x"}"#, "is no list"),
            (r#"{"users": {"a": 1}}"#, "is no list"),
        ] {
            assert_eq!(page(broken), Err(why), "{broken}");
        }
    }

    #[test]
    fn a_field_is_text_however_it_is_written() {
        let json = RawValue::from_string(r#"{"a\u0062": "x", "n": 7, "o": {"ab": 1}, "t": true}"#.to_owned())
            .unwrap();
        assert_eq!(["ab", "n", "o", "t", "z"].map(|name| field(&json, name)), ["x", "7", "", "true", ""]);
        assert_eq!(field(&RawValue::from_string("[1]".to_owned()).unwrap(), "a"), "");
    }

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
