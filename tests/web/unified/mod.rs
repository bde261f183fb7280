//! The unified APIs over the simulated DocuSign: what each resource and method answers, and what wrong requests are told.

mod formats;
mod frame;
mod lines;
mod changing;
mod collections;
mod contacts;
mod document_fields;
mod documents;
mod frame;
mod groups;
mod making;
mod signing_requests;
mod templates;
mod world;
mod writes;
