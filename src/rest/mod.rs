//! DocuSign's REST API and OAuth behind one client.
