use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef, Written};
use std::sync::Arc;

/// Null as `None`, anything else by the serde of `T`.
pub struct OptionSerde<T> {
    inner: SerdeRef<T>,
}

impl<T: 'static> OptionSerde<T> {
    /// A nullable form of `inner`.
    pub fn new(inner: impl Serde<T>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// A nullable form of a serde that is shared already.
    pub fn shared(inner: SerdeRef<T>) -> Self {
        Self { inner }
    }
}

impl<T: DefaultSerde> Default for OptionSerde<T> {
    fn default() -> Self {
        Self { inner: T::default_serde() }
    }
}

impl<T: 'static> Serde<Option<T>> for OptionSerde<T> {
    fn serialize(&self, topic: &str, value: &Option<T>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        match value {
            None => Ok(Written::Null),
            Some(value) => self.inner.serialize(topic, value, out),
        }
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<Option<T>, SerdeError> {
        match data {
            None => Ok(None),
            data => self.inner.deserialize(topic, data).map(Some),
        }
    }
}

impl<T: DefaultSerde> DefaultSerde for Option<T> {
    type Serde = OptionSerde<T>;
}
