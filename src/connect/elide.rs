//! A large body without its documents: copied as it arrives, long texts left out, in bounded memory.
//!
//! JSON strings longer than [`TEXT_BYTES_MAX`] become empty strings, XML texts and CDATA longer than that are
//! dropped; all else is copied byte for byte. The result reads the same as the whole body (documents are never
//! read) and does not depend on how the body was cut into pieces. A body that is neither is copied up to the bound.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::base::limits::{SKELETON_BYTES_MAX, TEXT_BYTES_MAX};

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Where in the body the filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first significant byte.
    Start,
    /// Neither JSON nor XML: copied.
    Other,
    /// JSON, outside of strings.
    Json,
    /// In a JSON string; `true` after a backslash.
    Text(bool),
    /// XML character data.
    Data,
    /// After `<`, until it is clear what it opens; the bytes since are at the end of the output.
    Opening,
    /// In a tag, or a document type.
    Tag,
    /// In a quoted attribute value.
    Quoted(u8),
    /// In what ends with `-->` (comment), `?>` (instruction) or `]]>` (CDATA).
    Until(&'static [u8]),
}

/// The filter. Feed it the bytes in order, then take what is left of them.
#[derive(Debug)]
pub struct Elider {
    place: Place,
    out: Vec<u8>,
    /// Where in `out` the present text began, or the present `<`.
    mark: usize,
    /// True while the rest of a long text is being left out.
    dropping: bool,
    /// How many bytes of the ending of [`Place::Until`] have just been seen.
    ending: usize,
    /// False once even the skeleton is too large.
    fits: bool,
}

impl Default for Elider {
    fn default() -> Self {
        Self::new()
    }
}

impl Elider {
    /// A filter at the beginning of a body; it tells JSON from XML by the first significant byte.
    pub fn new() -> Self {
        Self { place: Place::Start, out: Vec::new(), mark: 0, dropping: false, ending: 0, fits: true }
    }

    /// Takes in the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while self.fits && !bytes.is_empty() {
            let taken = match self.place {
                Place::Start => self.start(bytes),
                Place::Other => self.copy(bytes),
                Place::Json => self.json(bytes),
                Place::Text(escaped) => self.text(bytes, escaped),
                Place::Data => self.data(bytes),
                Place::Opening => self.opening(bytes),
                Place::Tag => self.tag(bytes),
                Place::Quoted(quote) => self.quoted(bytes, quote),
                Place::Until(end) => self.until(bytes, end),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Bytes of memory that it holds.
    pub fn held(&self) -> usize {
        self.out.capacity()
    }

    /// What is left of the body; `None` where even that is more than [`SKELETON_BYTES_MAX`].
    pub fn finish(mut self) -> Option<Bytes> {
        if let Place::Until(end) = self.place {
            self.keep(&end[..self.ending]);
        }
        self.check();
        self.fits.then(|| Bytes::from(self.out))
    }

    /// Holds the output to its bound. Called only where all of it is there to stay, so that the answer does not
    /// depend on the pieces.
    fn check(&mut self) {
        if self.out.len() > SKELETON_BYTES_MAX {
            self.fits = false;
            self.out = Vec::new();
        }
    }

    /// Copies what is no text, and so stays.
    fn copy(&mut self, bytes: &[u8]) -> usize {
        self.out.extend_from_slice(bytes);
        self.check();
        bytes.len()
    }

    /// Copies a part of a text, until the text proves to be too long: then it goes, with all that follows of it.
    fn keep(&mut self, bytes: &[u8]) {
        if self.dropping {
            return;
        }
        if self.out.len() - self.mark + bytes.len() > TEXT_BYTES_MAX {
            self.out.truncate(self.mark);
            self.dropping = true;
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Begins a text at the end of what was copied.
    fn begin(&mut self, place: Place) {
        self.place = place;
        self.mark = self.out.len();
        self.dropping = false;
        self.ending = 0;
    }

    fn start(&mut self, bytes: &[u8]) -> usize {
        let Some(&byte) = bytes.first() else { return 0 };
        let at = self.out.len();
        let mark = BOM.get(at) == Some(&byte) && BOM.starts_with(&self.out);
        self.copy(&bytes[..1]);
        match byte {
            _ if mark || byte.is_ascii_whitespace() => {}
            b'{' => self.place = Place::Json,
            b'<' => {
                self.place = Place::Opening;
                self.mark = at;
            }
            _ => self.place = Place::Other,
        }
        1
    }

    fn json(&mut self, bytes: &[u8]) -> usize {
        match memchr(b'"', bytes) {
            None => self.copy(bytes),
            Some(at) => {
                self.copy(&bytes[..=at]);
                self.begin(Place::Text(false));
                at + 1
            }
        }
    }

    fn text(&mut self, bytes: &[u8], escaped: bool) -> usize {
        if escaped {
            self.keep(&bytes[..1]);
            self.place = Place::Text(false);
            return 1;
        }
        match memchr2(b'"', b'\\', bytes) {
            None => {
                self.keep(bytes);
                bytes.len()
            }
            Some(at) if bytes[at] == b'\\' => {
                self.keep(&bytes[..=at]);
                self.place = Place::Text(true);
                at + 1
            }
            Some(at) => {
                self.keep(&bytes[..at]);
                self.place = Place::Json;
                self.copy(b"\"");
                at + 1
            }
        }
    }

    fn data(&mut self, bytes: &[u8]) -> usize {
        let Some(at) = memchr(b'<', bytes) else {
            self.keep(bytes);
            return bytes.len();
        };
        self.keep(&bytes[..at]);
        self.mark = self.out.len();
        self.place = Place::Opening;
        self.copy(b"<");
        at + 1
    }

    /// Looks at one byte after another until `<!--`, `<![CDATA[`, `<?` or a tag is recognised.
    fn opening(&mut self, bytes: &[u8]) -> usize {
        const CDATA: &[u8] = b"<![CDATA[";
        const COMMENT: &[u8] = b"<!--";
        let opened = [&self.out[self.mark..], &bytes[..1]].concat();
        if opened == COMMENT {
            self.copy(&bytes[..1]);
            self.begin(Place::Until(b"-->"));
        } else if opened == CDATA {
            self.copy(&bytes[..1]);
            self.begin(Place::Until(b"]]>"));
        } else if opened == b"<?" {
            self.copy(&bytes[..1]);
            self.begin(Place::Until(b"?>"));
        } else if CDATA.starts_with(&opened) || COMMENT.starts_with(&opened) {
            self.copy(&bytes[..1]);
        } else {
            // The byte is the tag's own, and may already end it.
            self.place = Place::Tag;
            return 0;
        }
        1
    }

    fn tag(&mut self, bytes: &[u8]) -> usize {
        let Some(at) = memchr::memchr3(b'>', b'"', b'\'', bytes) else { return self.copy(bytes) };
        self.copy(&bytes[..=at]);
        match bytes[at] {
            b'>' => self.begin(Place::Data),
            quote => self.place = Place::Quoted(quote),
        }
        at + 1
    }

    fn quoted(&mut self, bytes: &[u8], quote: u8) -> usize {
        let Some(at) = memchr(quote, bytes) else { return self.copy(bytes) };
        self.place = Place::Tag;
        self.copy(&bytes[..=at])
    }

    /// In a comment, an instruction or CDATA: a text, up to the three (or two) bytes that end it.
    fn until(&mut self, bytes: &[u8], end: &'static [u8]) -> usize {
        if self.ending == 0 {
            // Nothing of the ending is seen yet: all before its first byte is text.
            let at = memchr(end[0], bytes).unwrap_or(bytes.len());
            if at > 0 {
                self.keep(&bytes[..at]);
                return at;
            }
        }
        if bytes[0] == end[self.ending] {
            self.ending += 1;
            if self.ending == end.len() {
                self.copy(end);
                self.begin(Place::Data);
            }
            return 1;
        }
        // Not the ending after all. `--` before `-->` and `]]` before `]]>` may still be its beginning.
        if self.ending == 2 && bytes[0] == end[0] {
            self.keep(&end[..1]);
            return 1;
        }
        let seen = std::mem::take(&mut self.ending);
        self.keep(&end[..seen]);
        0
    }
}

#[cfg(test)]
mod tests;
