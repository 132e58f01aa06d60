use super::KStream;
use crate::data::Data;
use crate::graph::{Prefix, RepartitionSpec};
use crate::options::Repartitioned;
use streams_core::serde::DefaultSerde;

/// Repartitioning on demand.
impl<K: Data, V: Data> KStream<K, V> {
    /// Sends the records through a topic of the application's own, so that they are partitioned by their present keys and what follows is a
    /// subtopology of its own. Serdes are those known from above or else the default ones of the types.
    pub fn repartition(&self) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.repartition_with(Repartitioned::defaults())
    }

    /// Sends the records through a topic of the application's own, with this name, number of partitions or partitioner.
    pub fn repartition_with(&self, repartitioned: Repartitioned<K, V>) -> Self {
        let handle = &self.handle;
        let generated = match &repartitioned.name {
            Some(name) => name.clone(),
            None => handle.graph().new_name("KSTREAM-REPARTITION-"),
        };
        let step = format!("repartition {generated}");
        let names = handle.new_repartition_names();
        let key = handle.require(&step, "key", repartitioned.key.resolve(self.key_serde.as_ref()));
        let value = handle.require(&step, "value", repartitioned.value.resolve(self.value_serde.as_ref()));
        if repartitioned.partitions.is_some_and(|partitions| partitions < 1) {
            handle.graph().mistake(format!("{step} has fewer than one partition"));
        }
        let (Some(key), Some(value)) = (key, value) else {
            return Self::broken(handle.at(crate::graph::Graph::ROOT));
        };
        let spec = RepartitionSpec {
            key_serde: super::share(&key),
            value_serde: super::share(&value),
            partitioner: repartitioned.partitioner,
            partitions: repartitioned.partitions,
            drop_null_keys: false,
        };
        let handle = handle.add_repartition(generated, None, Prefix::Own, names, spec);
        Self::new(handle, Some(key), Some(value), false)
    }
}
