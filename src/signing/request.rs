//! The unified signing request: the whole object that enriched messages carry.
