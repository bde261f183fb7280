//! Reading JSON from front to back, borrowed: who reads says at each value what is wanted of it, and what is not wanted
//! is skipped. All of it is held to the grammar, skipped or not.
//!
//! A parser that knows what it looks for: to build on one for everything takes twice the instructions (see
//! `docs/bench/words.md`). `serde_json` judges the same bytes in its tests.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, Visitor};

use crate::base::json::{first_special, plain};

/// The JSON breaks its own rules: where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

type Read<T = ()> = Result<T, Broken>;

/// JSON that is being read.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    /// The same, where all of it is UTF-8: then no part of it has to be asked again.
    text: Option<&'a str>,
    at: usize,
}

impl<'a> Scan<'a> {
    /// At the beginning of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, text: std::str::from_utf8(bytes).ok(), at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The first byte of what comes next, white space passed over.
    pub(super) fn next(&mut self) -> Read<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Broken)
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Read {
        if self.next().is_ok() { Err(Broken) } else { Ok(()) }
    }

    /// Gives each entry of an object by its key, to be read or skipped; false where no object stands, which is skipped.
    pub(super) fn object(&mut self, mut entry: impl FnMut(&mut Self, Cow<'a, str>) -> Read) -> Read<bool> {
        if self.next()? != b'{' {
            return self.skip().map(|_| false);
        }
        self.at += 1;
        if self.closes(b'}')? {
            return Ok(true);
        }
        loop {
            let (written, escaped) = self.key()?;
            let key = self.unquoted(written, escaped)?;
            entry(self, key)?;
            if !self.goes_on(b'}')? {
                return Ok(true);
            }
        }
    }

    /// Stops at each element of a list, to be read or skipped; false where no list stands, which is skipped.
    pub(super) fn list(&mut self, mut element: impl FnMut(&mut Self) -> Read) -> Read<bool> {
        if self.next()? != b'[' {
            return self.skip().map(|_| false);
        }
        self.at += 1;
        if self.closes(b']')? {
            return Ok(true);
        }
        loop {
            element(self)?;
            if !self.goes_on(b']')? {
                return Ok(true);
            }
        }
    }

    /// The next value as text, from any scalar but null; none for the others, and for strings that are longer as
    /// written than `most`.
    pub(super) fn scalar(&mut self, most: usize) -> Read<Option<Cow<'a, str>>> {
        match self.next()? {
            b'"' => {
                let from = self.at;
                let escaped = self.string()?;
                let written = from..self.at;
                // But for its quotes.
                if written.len() > most + 2 { Ok(None) } else { self.unquoted(written, escaped).map(Some) }
            }
            b'{' | b'[' | b'n' => self.skip().map(|_| None),
            _ => {
                let written = self.skip()?;
                self.str(written).map(|text| Some(Cow::Borrowed(text)))
            }
        }
    }

    /// Skips the next value, however deep it is; its bytes as written.
    pub(super) fn skip(&mut self) -> Read<Range<usize>> {
        let first = self.next()?;
        let from = self.at;
        if !matches!(first, b'{' | b'[') {
            return self.simple(first).map(|()| from..self.at);
        }
        // What closes the objects and lists that are open.
        let mut open: Vec<u8> = Vec::new();
        loop {
            let closer = match self.next()? {
                b'{' => b'}',
                b'[' => b']',
                first => {
                    self.simple(first)?;
                    0
                }
            };
            if closer != 0 {
                self.at += 1;
                if !self.closes(closer)? {
                    open.push(closer);
                    if closer == b'}' {
                        self.key()?;
                    }
                    continue;
                }
            }
            loop {
                let Some(&closer) = open.last() else { return Ok(from..self.at) };
                if self.goes_on(closer)? {
                    if closer == b'}' {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    /// The bytes of what was skipped.
    pub(super) fn written(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    #[inline(always)]
    fn str(&self, range: Range<usize>) -> Read<&'a str> {
        let text = match self.text {
            Some(text) => text.get(range),
            None => std::str::from_utf8(self.written(range)).ok(),
        };
        text.ok_or(Broken)
    }

    /// Whether the object or list that was just opened ends at once.
    fn closes(&mut self, closer: u8) -> Read<bool> {
        let closes = self.next()? == closer;
        self.at += usize::from(closes);
        Ok(closes)
    }

    /// Whether after a value another one follows in the same object or list, or that ends.
    fn goes_on(&mut self, closer: u8) -> Read<bool> {
        let next = self.next()?;
        if next != b',' && next != closer {
            return Err(Broken);
        }
        self.at += 1;
        Ok(next == b',')
    }

    /// A key, and its colon: as [`Self::string`], and where it stands.
    fn key(&mut self) -> Read<(Range<usize>, bool)> {
        if self.next()? != b'"' {
            return Err(Broken);
        }
        let from = self.at;
        let escaped = self.string()?;
        let key = from..self.at;
        if self.next()? != b':' {
            return Err(Broken);
        }
        self.at += 1;
        Ok((key, escaped))
    }

    /// A value that is neither object nor list.
    fn simple(&mut self, first: u8) -> Read {
        match first {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Broken),
        }
    }

    fn word(&mut self, word: &[u8]) -> Read {
        for byte in word {
            self.one(|found| found == byte)?;
        }
        Ok(())
    }

    fn number(&mut self) -> Read {
        self.maybe(|byte| *byte == b'-');
        if !self.maybe(|byte| *byte == b'0') {
            self.digits()?;
        }
        if self.maybe(|byte| *byte == b'.') {
            self.digits()?;
        }
        if self.maybe(|byte| matches!(byte, b'e' | b'E')) {
            self.maybe(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Read {
        self.one(u8::is_ascii_digit)?;
        while self.maybe(u8::is_ascii_digit) {}
        Ok(())
    }

    fn maybe(&mut self, fits: impl Fn(&u8) -> bool) -> bool {
        let found = self.bytes.get(self.at).is_some_and(fits);
        self.at += usize::from(found);
        found
    }

    fn one(&mut self, fits: impl Fn(&u8) -> bool) -> Read {
        if self.maybe(fits) { Ok(()) } else { Err(Broken) }
    }

    /// A string, from its opening quote; whether anything in it is escaped.
    fn string(&mut self) -> Read<bool> {
        let (mut at, mut escaped) = (self.at + 1, false);
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            at += match rest.first_chunk().map(first_special) {
                Some(None) => {
                    at += 8;
                    continue;
                }
                Some(Some(plain)) => plain,
                None => plain(rest),
            };
            self.at = at;
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(Broken),
            }
            (at, escaped) = (self.at, true);
        }
        self.at = at + 1;
        Ok(escaped)
    }

    #[cold]
    fn escape(&mut self) -> Read {
        self.at += 1;
        if !self.maybe(|byte| *byte == b'u') {
            return self.one(|byte| matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'));
        }
        (0..4).try_for_each(|_| self.one(u8::is_ascii_hexdigit))
    }

    /// What a string says that is written there, quotes included.
    #[inline(always)]
    fn unquoted(&self, written: Range<usize>, escaped: bool) -> Read<Cow<'a, str>> {
        if escaped {
            return self.unescaped(written);
        }
        self.str(written.start + 1..written.end - 1).map(Cow::Borrowed)
    }

    #[cold]
    fn unescaped(&self, written: Range<usize>) -> Read<Cow<'a, str>> {
        unescaped(self.str(written)?).map(Cow::Owned).ok_or(Broken)
    }
}

/// Half an emoji (a surrogate without its other half), as a text cut to a length may end in, is no reason to
/// refuse a whole message: it becomes U+FFFD.
fn unescaped(written: &str) -> Option<String> {
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
    serde_json::Deserializer::from_str(written).deserialize_bytes(Lossy).ok()
}

#[cfg(test)]
mod tests;
