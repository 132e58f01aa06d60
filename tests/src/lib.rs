//! End-to-end suites on the embedded broker and on real Kafka
