//! Settings as written, then as checked.
