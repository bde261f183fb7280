//! The unified APIs over the simulated DocuSign: what each resource and method answers, and what wrong requests are told.

mod changing;
mod collections;
mod contacts;
mod directory;
mod document_fields;
mod documents;
mod formats;
mod frame;
mod groups;
mod lines;
mod making;
mod signing_requests;
mod templates;
mod world;
mod writes;
