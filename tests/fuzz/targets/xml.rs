//! An XML delivery, with and without a time zone of its source.

use std::path::Path;

use countersign::connect::{Unreadable, parse_bytes};
use jiff::tz::{Offset, TimeZone};

use super::{ends, files, story};

const DTD: &[u8] = b"<!DOCTYPE x [<!ENTITY a \"b\">]>";

pub(crate) fn check(body: &[u8]) {
    let zone = TimeZone::fixed(Offset::constant(-7));
    for zone in [None, Some(&zone)] {
        story::tell(body, zone);
    }
    if body.starts_with(b"<") {
        let defined = [DTD, body].concat();
        // What is no text at all is told first.
        let why = parse_bytes(&defined, None).expect_err("a document type is never read");
        assert!(matches!(why, Unreadable::Dtd | Unreadable::NotUtf8), "{why}");
    }
}

pub(crate) fn seeds(fixtures: &Path) -> Vec<Vec<u8>> {
    files(&fixtures.join("connect"), |path| ends(path, "xml"))
}
