use super::WindowedBy;
use crate::data::Data;
use crate::windows::CountWindows;
use crate::{KGroupedStream, KTable, Materialized};
use streams_core::serde::ListSerde;

/// A stream whose records are grouped by key, of which the last few of each key count.
///
/// The state is the list of their values, and every result is made of that list anew: what has left the window has left the result. Records with
/// null key or null value are dropped and counted.
pub struct CountWindowedKStream<K, V> {
    grouped: KGroupedStream<K, V>,
    windows: CountWindows,
}

impl<K: Data, V: Data> WindowedBy<K, V> for CountWindows {
    type Stream = CountWindowedKStream<K, V>;

    fn apply(self, grouped: &KGroupedStream<K, V>) -> Self::Stream {
        CountWindowedKStream { grouped: grouped.clone(), windows: self }
    }
}

impl<K: Data, V: Data> CountWindowedKStream<K, V> {
    /// The last values of each key, oldest first.
    pub fn values(&self) -> KTable<K, Vec<V>> {
        self.values_with(Materialized::new())
    }

    /// [`values`](Self::values) in a store that can be named.
    pub fn values_with(&self, mut materialized: Materialized<K, Vec<V>>) -> KTable<K, Vec<V>> {
        if let Some(mistake) = self.windows.mistake() {
            self.grouped.handle.mistake(mistake);
        }
        if materialized.value.resolve(None).is_none()
            && let Some(serde) = &self.grouped.value_serde
        {
            materialized = materialized.with_value_serde(ListSerde::shared(serde.clone()));
        }
        let records = self.windows.records;
        let push = move |_: &K, value: V, mut values: Vec<V>| {
            let surplus = (values.len() + 1).saturating_sub(records).min(values.len());
            values.drain(..surplus);
            values.push(value);
            values
        };
        self.grouped.aggregate_with(Vec::new, push, materialized)
    }

    /// Makes one of the last values of each key, oldest first, beginning with what `initializer` says.
    pub fn aggregate<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(A, V) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        self.values().map_values(move |values: Vec<V>| values.into_iter().fold(initializer(), &aggregator))
    }
}
