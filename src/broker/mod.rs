//! RabbitMQ's door: topology, publisher, confirms.
