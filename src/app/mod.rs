//! Wiring: build everything without traffic, then run until stopped.
