use super::{SerdeChoice, common_options};
use std::sync::Arc;
use streams_core::processor::{FailOnInvalidTimestamp, TimestampExtractor, TimestampedRecord};
use streams_core::topology::AutoOffsetReset;

/// How topics are read.
pub struct Consumed<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    pub(crate) extractor: Extractor<K, V>,
    pub(crate) reset: Option<AutoOffsetReset>,
}

/// Where event time comes from; knows the nullable forms in which a table's topic is read.
pub(crate) enum Extractor<K, V> {
    /// The record's own timestamp, which must be valid.
    Default,
    /// The user's.
    Given(Arc<dyn TimestampExtractor<K, V>>),
}

impl<K: 'static, V: 'static> Extractor<K, V> {
    pub(crate) fn get(&self) -> Arc<dyn TimestampExtractor<K, V>> {
        match self {
            Self::Default => Arc::new(FailOnInvalidTimestamp),
            Self::Given(extractor) => Arc::clone(extractor),
        }
    }
}

common_options!(Consumed, "the source's; a table calls its source `<name>-source` and itself `<name>`", {
    extractor: Extractor::Default,
    reset: None,
});

impl<K: 'static, V: 'static> Consumed<K, V> {
    /// Sets where event time comes from; [`FailOnInvalidTimestamp`] if not set.
    ///
    /// For a table, records with null key or value do not come to it: their own timestamp holds.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: impl TimestampExtractor<K, V>) -> Self {
        self.extractor = Extractor::Given(Arc::new(extractor));
        self
    }

    /// Takes event time (milliseconds since the epoch) from the record. A negative one drops the record, which is counted.
    #[must_use]
    pub fn with_timestamp(
        self,
        timestamp: impl Fn(&TimestampedRecord<'_, K, V>) -> i64 + Send + Sync + 'static,
    ) -> Self {
        self.with_timestamp_extractor(move |record: &TimestampedRecord<'_, K, V>, _: i64| timestamp(record))
    }

    /// Sets where to start in a partition without committed offset; `auto.offset.reset` of the configuration if not set.
    #[must_use]
    pub fn with_offset_reset_policy(mut self, policy: AutoOffsetReset) -> Self {
        self.reset = Some(policy);
        self
    }
}
