//! Enrichment, from DocuSign's REST API to the enriched change: over real HTTP where there is a wire.

mod enrich {
    mod mapping;
}
