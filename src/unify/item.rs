//! Unified objects on their way out, each beside what DocuSign told of it.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Place;
use crate::rest::Passed;

/// One unified object, and what DocuSign told of it.
#[derive(Debug, Clone)]
pub struct Item {
    /// The object in our words, as JSON: without `remote_data`.
    pub unified: String,
    /// The object in DocuSign's words; none where DocuSign has no such thing.
    pub remote: Option<Box<RawValue>>,
}

impl Item {
    /// An object and what it was mapped from.
    pub fn new(unified: &impl Serialize, remote: Option<&RawValue>) -> Self {
        // Our own types: text, numbers, lists and times, on which serde_json cannot fail.
        let unified = serde_json::to_string(unified).unwrap_or_else(|_| "{}".to_owned());
        Self { unified, remote: remote.map(ToOwned::to_owned) }
    }

    /// Writes the object, with `remote_data` where that is wanted.
    pub fn write(&self, with_remote: bool, out: &mut String) {
        let fields = self.unified.strip_suffix('}').unwrap_or_default();
        match &self.remote {
            Some(remote) if with_remote => {
                out.push_str(fields);
                out.push_str(if fields.len() > 1 { ",\"remote_data\":" } else { "\"remote_data\":" });
                out.push_str(remote.get());
                out.push('}');
            }
            _ => out.push_str(&self.unified),
        }
    }
}

/// A page of a list.
#[derive(Debug, Default)]
pub struct Page {
    /// Its objects.
    pub items: Vec<Item>,
    /// Where the next page begins; none where there is none.
    pub next: Option<Place>,
    /// Where the page before this one is; none where there is none.
    pub prev: Option<Place>,
    /// Whether the objects have more to tell when they are got one by one.
    pub is_partial: bool,
}

/// What a method other than a list answers.
#[derive(Debug)]
pub enum Reply {
    /// One object.
    Item(Item),
    /// The id of an object that is no more.
    Deleted(String),
    /// What a custom method came to.
    Result(Value),
    /// A file, as DocuSign sends it.
    File(Passed),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_docusign_told_stands_inside_the_object_where_it_is_wanted() {
        let remote = RawValue::from_string(r#"{"a":"}"}"#.to_owned()).unwrap();
        for (unified, want) in [
            (json!({}), json!({"remote_data": {"a": "}"}})),
            (json!({"id": {"b": {}}}), json!({"id": {"b": {}}, "remote_data": {"a": "}"}})),
        ] {
            let item = Item::new(&unified, Some(&remote));
            let written = |with| {
                let mut out = String::new();
                item.write(with, &mut out);
                serde_json::from_str::<Value>(&out).unwrap()
            };
            assert_eq!((written(true), written(false)), (want, unified));
        }
    }
}
