//! Reading JSON that is not quite as promised: scalars of any type, lists that are objects, duplicate keys.
//!
//! Only what is asked for is decoded, borrowed where it can be; all else is skipped unread.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::base::limits::TEXT_BYTES_MAX;

use super::text::told;

/// Something that can be filled from an object's entries, in whatever order and number they come.
pub(super) trait Fill<'de>: Default {
    /// Takes the value that belongs to `key`, or skips it. Of duplicate keys the last one stands.
    fn fill<A: MapAccess<'de>>(&mut self, key: Cow<'de, str>, map: &mut A) -> Result<(), A::Error>;
}

/// An object, or the default where something else stands in its place.
pub(super) struct Obj<T>(pub(super) T);

/// A list of objects; a single object counts as a list of one, anything else as an empty list.
///
/// Reads on past `CAP` elements without keeping more than one above it, so that the caller sees the excess.
pub(super) struct List<T, const CAP: usize>(pub(super) Vec<T>);

/// The next value as text, from any scalar; none for null, blanks, lists and objects.
pub(super) fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    let raw: &'de RawValue = map.next_value()?;
    Ok(decode(raw.get()))
}

/// Skips the next value.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

fn decode(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        // As written, between its quotes: so long a text is not in what is left of a large body either.
        b'"' if raw.len() > TEXT_BYTES_MAX + 2 => None,
        b'"' if !raw.contains('\\') => told(Cow::Borrowed(raw.get(1..raw.len() - 1)?)),
        b'"' => told(Cow::Owned(unescape(raw)?)),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// Half an emoji (a surrogate without its other half), as a text cut to a length may end in, is no reason to
/// refuse a whole message: it becomes U+FFFD.
fn unescape(raw: &str) -> Option<String> {
    struct Lossy;
    impl Visitor<'_> for Lossy {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            let mut text = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                // The three bytes of one half come as three invalid chunks.
                if !chunk.valid().is_empty() || text.is_empty() {
                    text.push_str(chunk.valid());
                    text.push_str(if chunk.invalid().is_empty() { "" } else { "\u{fffd}" });
                }
            }
            Ok(text)
        }
    }
    serde_json::Deserializer::from_str(raw).deserialize_bytes(Lossy).ok()
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

macro_rules! scalars_are {
    ($default:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($default)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($default)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($default)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($default)
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($default)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($default)
        }
    };
}

fn fill<'de, T: Fill<'de>, A: MapAccess<'de>>(mut map: A) -> Result<T, A::Error> {
    let mut object = T::default();
    while let Some(Key(key)) = map.next_key()? {
        object.fill(key, &mut map)?;
    }
    Ok(object)
}

impl<'de, T: Fill<'de>> Deserialize<'de> for Obj<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Objects<T>(PhantomData<T>);
        impl<'de, T: Fill<'de>> Visitor<'de> for Objects<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                fill(map)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(T::default())
            }
            scalars_are!(T::default());
        }
        from.deserialize_any(Objects(PhantomData)).map(Obj)
    }
}

impl<'de, T: Fill<'de>, const CAP: usize> Deserialize<'de> for List<T, CAP> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Lists<T, const CAP: usize>(PhantomData<T>);
        impl<'de, T: Fill<'de>, const CAP: usize> Visitor<'de> for Lists<T, CAP> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
                fill(map).map(|one| vec![one])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut all = Vec::new();
                while all.len() <= CAP {
                    match list.next_element::<Obj<T>>()? {
                        Some(Obj(one)) => all.push(one),
                        None => return Ok(all),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(all)
            }
            scalars_are!(Vec::new());
        }
        from.deserialize_any(Lists::<T, CAP>(PhantomData)).map(List)
    }
}
