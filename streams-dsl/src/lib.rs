//! Kafka Streams for Rust: a typed DSL of streams and tables, run inside your process
