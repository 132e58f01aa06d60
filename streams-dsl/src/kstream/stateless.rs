use super::KStream;
use crate::data::Data;
use crate::operators::kstream::PassThrough;
use std::convert::Infallible;

/// Steps that look at one record at a time.
impl<K: Data, V: Data> KStream<K, V> {
    /// Keeps the records for which the predicate holds.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let messages = builder.stream::<String, String>("messages");
    /// messages.filter(|_, text| text.contains("important")).to("important-messages");
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.try_filter(move |key: &K, value: &V| Ok::<_, Infallible>(predicate(key, value)))
    }

    /// Drops the records for which the predicate holds.
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(move |key: &K, value: &V| !predicate(key, value))
    }

    /// Makes of each record another one.
    ///
    /// As keys may have changed, a grouping or a join further down goes through a repartition topic; [`map_values`](Self::map_values) avoids that.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let lengths = builder.stream::<String, String>("words").map(|_, word| (word.len() as i64, word));
    /// # let _: streams_dsl::KStream<i64, String> = lengths;
    /// ```
    pub fn map<K2: Data, V2: Data>(
        &self,
        mapper: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.try_map(move |key: K, value: V| Ok::<_, Infallible>(mapper(key, value)))
    }

    /// Makes of each value another one; keys stay, so records stay in their partitions.
    pub fn map_values<V2: Data>(&self, mapper: impl Fn(V) -> V2 + Send + Sync + 'static) -> KStream<K, V2> {
        self.map_values_with_key(move |_: &K, value: V| mapper(value))
    }

    /// [`map_values`](Self::map_values) that sees the key.
    pub fn map_values_with_key<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key(move |key: &K, value: V| Ok::<_, Infallible>(mapper(key, value)))
    }

    /// Makes of each record any number of others, which have its timestamp and headers. Keys count as changed, as with [`map`](Self::map).
    pub fn flat_map<K2: Data, V2: Data, I>(&self, mapper: impl Fn(K, V) -> I + Send + Sync + 'static) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        self.try_flat_map(move |key: K, value: V| Ok::<_, Infallible>(mapper(key, value)))
    }

    /// Makes of each value any number of others; keys stay.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// let words = lines.flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    /// # let _: streams_dsl::KStream<String, String> = words;
    /// ```
    pub fn flat_map_values<V2: Data, I>(&self, mapper: impl Fn(V) -> I + Send + Sync + 'static) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.flat_map_values_with_key(move |_: &K, value: V| mapper(value))
    }

    /// [`flat_map_values`](Self::flat_map_values) that sees the key.
    pub fn flat_map_values_with_key<V2: Data, I>(
        &self,
        mapper: impl Fn(&K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.try_flat_map_values_with_key(move |key: &K, value: V| Ok::<_, Infallible>(mapper(key, value)))
    }

    /// Gives each record another key. A grouping or a join further down then goes through a repartition topic.
    pub fn select_key<K2: Data>(&self, selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static) -> KStream<K2, V> {
        self.try_select_key(move |key: &K, value: &V| Ok::<_, Infallible>(selector(key, value)))
    }

    /// Shows each record to a function and passes it on unchanged. Records that are processed again after a failure are shown again.
    pub fn peek(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.try_peek(move |key: &K, value: &V| {
            action(key, value);
            Ok::<_, Infallible>(())
        })
    }

    /// The records of both streams. Those of one stream stay in their order; nothing is said about the order between the two.
    pub fn merge(&self, other: &Self) -> Self {
        if !self.handle.same_graph(&other.handle, "a merge") {
            return Self::broken(self.handle.at(crate::graph::Graph::ROOT));
        }
        let merged = self.handle.add::<K, V, K, V, _>("KSTREAM-MERGE-", PassThrough::new);
        merged.graph().add_parent(merged.id, other.handle.id);
        let mut merged = self.same(merged);
        merged.repartition_required |= other.repartition_required;
        merged
    }
}
