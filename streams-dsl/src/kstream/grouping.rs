use super::KStream;
use crate::KGroupedStream;
use crate::data::Data;
use crate::options::Grouped;
use streams_core::serde::DefaultSerde;

/// Grouping: what comes before an aggregation.
impl<K: Data, V: Data> KStream<K, V> {
    /// Groups the records by their present key, with the serdes known from above or else the default ones of their types.
    ///
    /// Where keys have changed since the records were partitioned by them, they go through a repartition topic.
    pub fn group_by_key(&self) -> KGroupedStream<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.group_by_key_with(Grouped::defaults())
    }

    /// Groups the records by their present key.
    pub fn group_by_key_with(&self, grouped: Grouped<K, V>) -> KGroupedStream<K, V> {
        KGroupedStream::new(self, grouped)
    }

    /// Groups the records by another key; they go through a repartition topic. Serdes are those known from above or else the
    /// default ones of the types.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let words = builder.stream::<String, String>("words");
    /// words.group_by(|_, word| word.clone()).count().to_stream().to("counts");
    /// ```
    pub fn group_by<K2>(&self, selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static) -> KGroupedStream<K2, V>
    where
        K2: Data + DefaultSerde,
        V: DefaultSerde,
    {
        self.group_by_with(selector, Grouped::defaults())
    }

    /// Groups the records by another key; they go through a repartition topic. The grouping's name is also that of the step that selects the key.
    pub fn group_by_with<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V> {
        let rekeyed = self.select_key(selector);
        if let Some(name) = &grouped.name {
            rekeyed.handle.named(name.as_str());
        }
        rekeyed.group_by_key_with(grouped)
    }
}
