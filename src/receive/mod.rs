//! From bytes to an answer: read, verify, parse, append.
