//! HTTP faces: deliveries, feed, operations, dashboard.
