//! The words against recorded messages, hostile bytes, fixtures and whole lives: verify, parse, map, apply.
mod words {
    mod common;
    mod fixtures;
}
