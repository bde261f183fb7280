//! The unified APIs over the simulated DocuSign: what each resource and method answers, and what wrong requests are told.

mod formats;
mod frame;
mod lines;
mod templates;
mod world;
