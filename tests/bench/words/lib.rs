//! The words alone, floor 0 of the program, from the program's own files.

// What only the other floors use is not used here.
#![allow(dead_code, missing_docs)]

#[path = "../../../src/base/mod.rs"]
pub mod base;
#[path = "../../../src/connect/mod.rs"]
pub mod connect;
#[path = "../../../src/docusign/mod.rs"]
pub mod docusign;
#[path = "../../../src/evidence/mod.rs"]
pub mod evidence;
#[path = "../../../src/signing/mod.rs"]
pub mod signing;
