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
mod hostile;
mod lines;
mod making;
mod once;
mod signing_requests;
mod stored;
mod templates;
mod world;
mod writes;
