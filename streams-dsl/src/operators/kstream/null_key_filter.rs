use crate::data::Data;
use crate::nulls::NullCheck;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Drops records with a null key, which the aggregation behind the repartition topic could not use.
pub(crate) struct NullKeyFilter<K, V> {
    nulls: NullCheck<K>,
    downstream: Downstream<K, V>,
}

impl<K, V> NullKeyFilter<K, V> {
    pub(crate) fn new(nulls: NullCheck<K>, downstream: Downstream<K, V>) -> Self {
        Self { nulls, downstream }
    }
}

impl<K: Data, V: Data> Operator for NullKeyFilter<K, V> {}

impl<K: Data, V: Data> Node<K, V> for NullKeyFilter<K, V> {
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        if self.nulls.is_null(&record.key)? {
            context.drop_record("its key is null");
            return Ok(());
        }
        self.downstream.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;
    use streams_core::serde::DefaultSerde;

    #[test]
    fn null_keys_are_dropped_and_counted() {
        let collector = Collector::new();
        let nulls = NullCheck::new(Some(&Option::<String>::default_serde()), "").unwrap();
        let mut filter = NullKeyFilter::new(nulls, collector.downstream());
        collector.process_any(&mut filter, None, 1).unwrap();
        collector.process_any(&mut filter, Some("k".to_owned()), 2).unwrap();
        assert_eq!(collector.taken(), [(Some("k".to_owned()), 2)]);
        assert_eq!(collector.dropped(), 1);
    }

    #[test]
    fn a_type_without_null_needs_no_check() {
        assert!(NullCheck::new(Some(&String::default_serde()), "").is_none());
    }
}
