//! `countersign`: from a signed DocuSign Connect delivery to an enriched status change on RabbitMQ.

// floor 0, words: no I/O, no async, no clock
pub mod base;
pub mod connect;
pub mod docusign;
pub mod signing;
// floor 1, ports: each hides one library
pub mod broker;
pub mod rest;
pub mod store;
pub mod telemetry;
// floor 2, flows
pub mod enrich;
pub mod receive;
pub mod relay;
// floor 3, faces
pub mod simulator;
pub mod web;
// floor 4, wiring
pub mod app;
pub mod config;
// floor 5, the command line: it starts what the wiring builds
pub mod cli;
