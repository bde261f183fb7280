//! A JSON delivery.

use std::path::Path;

use super::{ends, files, story};

pub(crate) fn check(body: &[u8]) {
    story::tell(body, None);
}

pub(crate) fn seeds(fixtures: &Path) -> Vec<Vec<u8>> {
    files(&fixtures.join("connect"), |path| {
        ends(path, "json") && path.file_stem().is_some_and(|stem| stem == "body")
    })
}
