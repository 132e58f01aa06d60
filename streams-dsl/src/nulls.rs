use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::{SerdeRef, Written};

/// Tells null keys or values of a type that has them (as `Option<T>` has).
///
/// What is null, the serde says: so a record is asked only where the type has a null at all, and then its serde is.
pub(crate) struct NullCheck<T> {
    serde: SerdeRef<T>,
    topic: Arc<str>,
    scratch: Vec<u8>,
}

impl<T: 'static> NullCheck<T> {
    /// A check by this serde; none where there is no serde, or its type has no null.
    pub(crate) fn new(serde: Option<&SerdeRef<T>>, topic: &str) -> Option<Self> {
        let serde = serde?;
        serde.deserialize(topic, None).ok()?;
        Some(Self { serde: Arc::clone(serde), topic: topic.into(), scratch: Vec::new() })
    }

    /// Whether `value` is null.
    pub(crate) fn is_null(&mut self, value: &T) -> Result<bool, StreamsError> {
        self.scratch.clear();
        match self.serde.serialize(&self.topic, value, &mut self.scratch) {
            Ok(written) => Ok(written == Written::Null),
            Err(error) => Err(StreamsError::Serialization { topic: self.topic.to_string(), part: "null check", error }),
        }
    }
}
