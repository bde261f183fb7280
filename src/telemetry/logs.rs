//! Structured logs: text for people at a terminal, JSON lines for machines.
