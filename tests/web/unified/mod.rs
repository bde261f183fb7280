//! The unified APIs over the simulated DocuSign: what each resource and method answers, and what wrong requests are told.

mod formats;
mod frame;
mod lines;
mod documents;
mod frame;
mod signing_requests;
mod templates;
mod world;
