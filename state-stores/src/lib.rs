//! Key-value state stores on RocksDB and in memory, with a write buffer
