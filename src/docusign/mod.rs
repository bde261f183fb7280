//! DocuSign's own words: the shapes of its JSON, shared by REST and Connect's envelopeSummary.
