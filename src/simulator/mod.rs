//! A stand-in for DocuSign and a sender of signed Connect traffic.
