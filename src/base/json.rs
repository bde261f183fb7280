//! JSON as it is written for a change and read from a message: the same texts many times a second.

use std::fmt::{Display, Write as _};

/// How many bytes of a JSON string stand for themselves before one that does not: a quote, a backslash or a control
/// character.
pub fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((eight, after)) = rest.split_first_chunk() {
        if let Some(at) = first_special(eight) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    match bytes.last_chunk() {
        // Some of these are known to be plain already.
        Some(eight) => first_special(eight).map_or(bytes.len(), |at| bytes.len() - 8 + at),
        None => bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len()),
    }
}

/// The first of eight bytes that is not plain.
pub fn first_special(eight: &[u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    let eight = u64::from_le_bytes(*eight);
    // The high bit of each byte tells, up to the first that is found, whether it is less than the least.
    let below = |least: u64, eight: u64| eight.wrapping_sub(ONES * least);
    let is = |byte: u8| below(1, eight ^ (ONES * u64::from(byte)));
    let found = (is(b'"') | is(b'\\') | below(0x20, eight)) & !eight & HIGHS;
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// Writes a text as a JSON string.
pub fn write_text(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let stands = plain(rest.as_bytes());
        if stands == rest.len() {
            break;
        }
        // What does not stand for itself is ASCII: no character is cut in two.
        let (before, special) = rest.split_at(stands);
        let (special, after) = special.split_at(1);
        out.push_str(before);
        match special {
            "\"" => out.push_str("\\\""),
            "\\" => out.push_str("\\\\"),
            "\n" => out.push_str("\\n"),
            "\r" => out.push_str("\\r"),
            "\t" => out.push_str("\\t"),
            "\u{8}" => out.push_str("\\b"),
            "\u{c}" => out.push_str("\\f"),
            control => control.bytes().for_each(|byte| {
                let _ = write!(out, "\\u{byte:04x}");
            }),
        }
        rest = after;
    }
    out.push_str(rest);
    out.push('"');
}

/// A JSON object that is being written, entry by entry. Its keys must be plain: they are written as they are.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Writes an object with the entries that `entries` adds.
    pub fn write(out: &'o mut String, entries: impl FnOnce(&mut Self)) {
        out.push('{');
        let mut object = Self { out, empty: true };
        entries(&mut object);
        object.out.push('}');
    }

    #[inline(always)] // keys are constants, and then cost a store or two
    fn key(&mut self, key: &str) -> &mut String {
        self.out.push_str(if self.empty { "\"" } else { ",\"" });
        self.empty = false;
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    /// A text, or null.
    #[inline(always)]
    pub fn text<'t>(&mut self, key: &str, text: impl Into<Option<&'t str>>) -> &mut Self {
        let out = self.key(key);
        match text.into() {
            Some(text) => write_text(out, text),
            None => out.push_str("null"),
        }
        self
    }

    /// What is written between quotes as it displays, with nothing to be escaped in it, such as ids and times; or null.
    pub fn shown(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        let out = self.key(key);
        let _ = match value {
            Some(value) => {
                out.push('"');
                let shown = write!(out, "{value}");
                out.push('"');
                shown
            }
            None => out.write_str("null"),
        };
        self
    }

    /// What is JSON as it displays, such as numbers; or null.
    pub fn bare(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        let out = self.key(key);
        let _ = match value {
            Some(value) => write!(out, "{value}"),
            None => out.write_str("null"),
        };
        self
    }

    /// An object within.
    pub fn object(&mut self, key: &str, entries: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        Object::write(self.key(key), entries);
        self
    }

    /// A list of objects, each made of an item.
    pub fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut entries: impl FnMut(&mut Object<'_>, T),
    ) -> &mut Self {
        let out = self.key(key);
        out.push('[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            Object::write(out, |object| entries(object, item));
        }
        out.push(']');
        self
    }

    /// An object within that is made of something, or null where there is nothing to make it of.
    pub fn maybe<T>(
        &mut self,
        key: &str,
        of: Option<T>,
        entries: impl FnOnce(&mut Object<'_>, T),
    ) -> &mut Self {
        match of {
            Some(of) => self.object(key, |object| entries(object, of)),
            None => self.text(key, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_serde_json_writes_it(text in "[\\x00-\\x7f\u{80}\u{2028}\u{fffd}é🖋\"\\\\]{0,40}") {
            let mut out = String::new();
            write_text(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn what_is_plain_ends_where_a_byte_after_the_other_says(bytes: Vec<u8>, special in 0..64_usize) {
            let mut bytes = bytes;
            bytes.iter_mut().take(special).for_each(|byte| *byte |= 0x80);
            let one_by_one = bytes.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            prop_assert_eq!(plain(&bytes), one_by_one);
        }
    }

    #[test]
    fn an_object_is_written_entry_by_entry() {
        let mut out = String::new();
        Object::write(&mut out, |object| {
            object
                .text("a", "x\"")
                .text("b", None)
                .bare("c", Some(7))
                .shown("d", Some('z'))
                .bare("n", None::<u8>);
            object.object("e", |_| {}).maybe("f", Some(1), |object, of| {
                object.bare("g", Some(of));
            });
            object.maybe("h", None::<u8>, |_, _| {}).list("i", [1, 2], |object, of| {
                object.bare("j", Some(of));
            });
        });
        assert_eq!(
            out,
            r#"{"a":"x\"","b":null,"c":7,"d":"z","n":null,"e":{},"f":{"g":1},"h":null,"i":[{"j":1},{"j":2}]}"#
        );
    }
}
