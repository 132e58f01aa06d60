use crate::data::Data;
use crate::graph::Handle;
use crate::options::{Consumed, Materialized};
use crate::{KTable, StreamsBuilder};
use std::marker::PhantomData;
use streams_core::serde::{DefaultSerde, SerdeRef};

/// A table of which every instance has all rows, whatever tasks it has: for joins by any key.
///
/// Every instance reads the topic from all partitions: to its end before the first task begins, and from then on as records come, on a thread of its own.
/// So a stream that is joined with it need not be partitioned by its key; but which row a record meets depends on when it is processed, not on timestamps.
/// The rows are kept in a store below `state.dir`, which the next start goes on from; there is no changelog beside the topic. Make the topic a
/// compacted one: where records that were read are gone for another reason, the instance closes, and rebuilds the store at its next start.
pub struct GlobalKTable<K, V> {
    pub(crate) handle: Handle,
    /// Name of the store with the serdes of its rows; none where the table could not be declared.
    pub(crate) store: Option<(String, SerdeRef<K>, SerdeRef<V>)>,
    queryable: Option<String>,
    rows: PhantomData<(K, V)>,
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            store: self.store.clone(),
            queryable: self.queryable.clone(),
            rows: PhantomData,
        }
    }
}

impl<K, V> GlobalKTable<K, V> {
    /// The name of the store to query, where it was given one.
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.queryable.as_deref()
    }
}

/// Global tables.
impl StreamsBuilder {
    /// A global table of the last value of each key of a topic, with the default serdes of their types.
    ///
    /// A null value deletes the row of its key. Records with null key are dropped and counted.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let countries = builder.global_table::<String, String>("country-names");
    /// let visits = builder.stream::<String, String>("visits");
    /// visits.join_global_table(&countries, |_user, country| country.clone(), |_, name| name).to("visits-by-country");
    /// ```
    pub fn global_table<K, V>(&self, topic: impl Into<String>) -> GlobalKTable<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.global_table_with(topic, Consumed::defaults(), Materialized::new())
    }

    /// A global table of the last value of each key of a topic, in a store that can be named. Caching, logging and retention of `materialized`
    /// mean nothing here.
    pub fn global_table_with<K: Data, V: Data>(
        &self,
        topic: impl Into<String>,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
    ) -> GlobalKTable<K, V> {
        let queryable = materialized.name.clone();
        let materialized = Materialized { time_to_live: None, ..materialized };
        let KTable { handle, key_serde, value_serde, view, .. } =
            self.table_source(topic.into(), consumed, materialized, true);
        let store = match (view().stores.pop(), key_serde, value_serde) {
            (Some(name), Some(key), Some(value)) => Some((name, key, value)),
            _ => None,
        };
        GlobalKTable { handle, store, queryable, rows: PhantomData }
    }
}
