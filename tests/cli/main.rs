//! The real program, as its users start it: arguments, environment and files in; streams and exit code out.

mod check;
mod events;
mod help;
mod kit;
mod pages;
mod quarantine;
mod settings;
mod signature;
