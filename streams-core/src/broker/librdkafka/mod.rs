//! Real Kafka through rdkafka.
