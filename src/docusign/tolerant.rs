//! Reading of scalars, lists and objects that DocuSign writes in more than one way.
//!
//! Recorded answers carry `"true"`, `"True"` and `true`, `"3"` and `3`, and `{}` where a list is empty. What has
//! a shape that cannot be meant is read as absent: an answer is never refused for a field that we could do without.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::base::Moment;

/// Visitor methods for the shapes of JSON that are not meant: read over, and absent.
macro_rules! absent {
    ($($shape:ident)*) => { $(absent!(@$shape);)* };
    (@expecting) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
    };
    (@null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}
/// A scalar as text: text as it is, numbers and booleans as JSON writes them; anything else is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scalar(pub Option<String>);

impl Scalar {
    /// The text without white space around it; none where it is empty.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The same, owned.
    pub fn owned(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// True and false in any case.
    pub fn flag(&self) -> Option<bool> {
        let text = self.text()?;
        [("true", true), ("false", false)]
            .into_iter()
            .find_map(|(word, v)| text.eq_ignore_ascii_case(word).then_some(v))
    }

    /// A whole number.
    pub fn number(&self) -> Option<u32> {
        self.text()?.parse().ok()
    }

    /// A time; DocuSign's null date (`0001-01-01…`) is none. REST tells all times in UTC.
    pub fn time(&self) -> Option<Timestamp> {
        Moment::parse(self.text()?, None).map(|moment| moment.at)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Scalar;
            absent!(expecting null list object);

            fn visit_bool<E>(self, v: bool) -> Result<Scalar, E> {
                Ok(Scalar(Some(v.to_string())))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Scalar, E> {
                Ok(Scalar(Some(v.to_string())))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Scalar, E> {
                Ok(Scalar(Some(v.to_string())))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Scalar, E> {
                Ok(Scalar(Some(v.to_string())))
            }
            fn visit_str<E>(self, v: &str) -> Result<Scalar, E> {
                Ok(Scalar(Some(v.to_owned())))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

/// An object where one is meant; absent where anything else stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<fn() -> T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Of<T> {
            type Value = Object<T>;
            absent!(expecting null scalars list);

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|v| Object(Some(v)))
            }
        }
        deserializer.deserialize_any(Of(PhantomData))
    }
}

/// A list of objects: `[…]` without the elements of another shape; `{}`, `null` and anything else is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<fn() -> T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Of<T> {
            type Value = List<T>;
            absent!(expecting null scalars object);

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(Object(element)) = seq.next_element()? {
                    list.extend(element);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Of(PhantomData))
    }
}

/// A list of scalars: those of another shape are left out; one text is a list of its own, its items between commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts(pub Vec<String>);

impl Texts {
    /// Whether one of them is this, in any case.
    pub fn has(&self, text: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(text))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Texts;
            absent!(expecting null object);

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(item) = seq.next_element::<Scalar>()? {
                    texts.extend(item.owned());
                }
                Ok(Texts(texts))
            }
            fn visit_str<E>(self, list: &str) -> Result<Texts, E> {
                let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Texts(items.map(str::to_owned).collect()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Texts, E> {
                Ok(Texts::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Texts, E> {
                Ok(Texts::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Texts, E> {
                Ok(Texts::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Texts, E> {
                Ok(Texts::default())
            }
        }
        deserializer.deserialize_any(Of)
    }
}

/// An object of lists (recipients, tabs): each element with the name of its list. Lists that we do not know are
/// kept as well; what is no list (`recipientCount`, `errorDetails`) is passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Lists<T>(pub Vec<(String, T)>);

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lists<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<fn() -> T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Of<T> {
            type Value = Lists<T>;
            absent!(expecting null scalars list);

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lists<T>, A::Error> {
                let mut all = Vec::new();
                while let Some((name, List(list))) = map.next_entry::<String, List<T>>()? {
                    all.extend(list.into_iter().map(|element| (name.clone(), element)));
                }
                Ok(Lists(all))
            }
        }
        deserializer.deserialize_any(Of(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Probe {
        scalar: Scalar,
        object: Object<Inner>,
        list: List<Inner>,
        lists: Lists<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        a: Scalar,
    }

    const SHAPES: [&str; 9] =
        ["null", "true", "-3", "3", "1.5", "\"x\"", "[[1],{\"b\":[{}]},2]", "{}", "{\"a\":{\"b\":[1]}}"];

    #[test]
    fn no_field_refuses_any_shape_of_json() {
        for field in ["scalar", "object", "list", "lists", "unknown"] {
            for shape in SHAPES {
                let text = format!("{{\"{field}\":{shape}}}");
                assert!(serde_json::from_str::<Probe>(&text).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn elements_of_another_shape_are_left_out_of_a_list() {
        let probe: Probe =
            serde_json::from_str(r#"{"list":[1,{"a":"x"},"y",null,[{"a":"z"}],{"a":2}]}"#).unwrap();
        let told: Vec<_> = probe.list.into_iter().filter_map(|inner| inner.a.text()).collect();
        assert_eq!(told, ["x", "2"]);
    }

    #[test]
    fn each_element_keeps_the_name_of_its_list_and_what_is_no_list_is_passed_over() {
        let text = r#"{"lists":{"ones":[{"a":1},{"a":2}],"count":"2","errors":{"a":3},"none":{},"new":[{"a":4},5]}}"#;
        let probe: Probe = serde_json::from_str(text).unwrap();
        let told: Vec<_> =
            probe.lists.0.iter().map(|(list, one)| (list.as_str(), one.a.text().unwrap())).collect();
        assert_eq!(told, [("ones", "1"), ("ones", "2"), ("new", "4")]);
    }

    #[test]
    fn booleans_are_read_in_every_spelling_seen() {
        for (json, want) in [
            ("\"true\"", Some(true)),
            ("\"True\"", Some(true)),
            ("true", Some(true)),
            ("\"false\"", Some(false)),
            ("false", Some(false)),
            ("\"\"", None),
            ("null", None),
            ("\"yes\"", None),
            ("{}", None),
        ] {
            assert_eq!(serde_json::from_str::<Scalar>(json).unwrap().flag(), want, "{json}");
        }
    }

    #[test]
    fn numbers_come_as_text_or_as_numbers() {
        for (json, want) in [
            ("\"3\"", Some(3)),
            ("3", Some(3)),
            ("\" 3 \"", Some(3)),
            ("-1", None),
            ("\"many\"", None),
            ("1.5", None),
        ] {
            assert_eq!(serde_json::from_str::<Scalar>(json).unwrap().number(), want, "{json}");
        }
    }

    #[test]
    fn a_null_date_is_no_time() {
        let time = |json| serde_json::from_str::<Scalar>(json).unwrap().time().map(|at| at.to_string());
        assert_eq!(time("\"0001-01-01T08:00:00.0000000Z\""), None);
        assert_eq!(time("\"6/24/2026 12:31:10 pm\""), None);
        assert_eq!(time("\"2026-06-24T12:15:30.1530000Z\""), Some("2026-06-24T12:15:30.153Z".into()));
    }
}
