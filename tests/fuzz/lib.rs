//! The targets for libFuzzer: each binary in `bins/` is one of them.

mod targets;

use std::path::Path;

/// Holds these bytes to what must hold for the target of that name.
pub fn check(name: &str, data: &[u8]) {
    (targets::target(name).check)(data);
}

/// Writes the target's seeds into the folder that `COUNTERSIGN_FUZZ_SEEDS` names, before libFuzzer reads it.
pub fn plant(name: &str) {
    let Some(folder) = std::env::var_os("COUNTERSIGN_FUZZ_SEEDS") else { return };
    let folder = Path::new(&folder);
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::create_dir_all(folder).expect("a folder for the seeds");
    for (number, seed) in targets::target(name).seeds(&top).into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a seed written");
    }
}
