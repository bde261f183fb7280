//! The unified APIs over the simulated DocuSign: what each resource and method answers, and what wrong requests are told.

mod directory;
mod frame;
mod templates;
mod world;
