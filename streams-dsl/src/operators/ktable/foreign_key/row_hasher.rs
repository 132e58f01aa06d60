use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::{SerdeRef, Written};
use streams_core::store::RowHash;

/// Hashes rows by the bytes that their serde makes of them.
pub(crate) struct RowHasher<V> {
    serde: SerdeRef<V>,
    topic: Arc<str>,
    bytes: Vec<u8>,
}

impl<V: 'static> RowHasher<V> {
    pub(crate) fn new(serde: SerdeRef<V>, topic: impl Into<Arc<str>>) -> Self {
        Self { serde, topic: topic.into(), bytes: Vec::new() }
    }

    /// The hash of a row; none where there is no row.
    pub(crate) fn hash(&mut self, row: Option<&V>) -> Result<Option<RowHash>, StreamsError> {
        let Some(row) = row else { return Ok(None) };
        self.bytes.clear();
        match self.serde.serialize(&self.topic, row, &mut self.bytes) {
            Ok(Written::Bytes) => Ok(Some(RowHash::of(&self.bytes))),
            Ok(Written::Null) => Ok(None),
            Err(error) => Err(StreamsError::Serialization { topic: self.topic.to_string(), part: "value", error }),
        }
    }
}
