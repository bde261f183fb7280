//! From a claim to the whole object: fetch, map, append.
