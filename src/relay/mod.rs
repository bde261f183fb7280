//! From the outbox to the broker: in order, confirmed, settled.
