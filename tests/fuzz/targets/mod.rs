//! What must hold whatever comes in from outside: one check for each face that reads foreign bytes.
//!
//! libFuzzer calls the checks (`tests/fuzz/run`), and so does `tests/fuzz.rs`, with seeds and seeded mutations of
//! them. A check panics where something does not hold, and must do the same for the same bytes every time.

mod cut;
mod elide;
mod http;
mod json;
mod life;
mod rest;
mod settings;
mod signature;
mod sse;
mod story;
mod xml;

use std::fs;
use std::path::{Path, PathBuf};

/// One face.
pub(crate) struct Target {
    /// Its word on the command line, and the name of its folders.
    pub(crate) name: &'static str,
    /// Panics where something does not hold for these bytes.
    pub(crate) check: fn(&[u8]),
    /// What to begin with, made of the fixtures in this folder.
    seeds: fn(&Path) -> Vec<Vec<u8>>,
}

/// All faces.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "json", check: json::check, seeds: json::seeds },
    Target { name: "xml", check: xml::check, seeds: xml::seeds },
    Target { name: "life", check: life::check, seeds: life::seeds },
    Target { name: "elide", check: elide::check, seeds: elide::seeds },
    Target { name: "signature", check: signature::check, seeds: signature::seeds },
    Target { name: "http", check: http::check, seeds: http::seeds },
    Target { name: "settings", check: settings::check, seeds: settings::seeds },
    Target { name: "rest", check: rest::check, seeds: rest::seeds },
    Target { name: "sse", check: sse::check, seeds: sse::seeds },
];

/// The face of that name.
pub(crate) fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target `{name}`"))
}

impl Target {
    /// What to begin with: seeds made of the fixtures, and whatever once broke it (`tests/fuzz/broke/<name>/`).
    pub(crate) fn seeds(&self, top: &Path) -> Vec<Vec<u8>> {
        let broke = files(&top.join("tests/fuzz/broke").join(self.name), |_| true);
        (self.seeds)(&top.join("fixtures")).into_iter().chain(broke).collect()
    }
}

/// The contents of the files in a folder and the folders in it that are wanted, in the order of their paths.
fn files(folder: &Path, wanted: fn(&Path) -> bool) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.retain(|path| wanted(path));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
        .collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    // A target that nothing ever broke has no folder.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() { walk(&path, paths) } else { paths.push(path) }
    }
}

/// True for files whose name ends so.
fn ends(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}
