use super::KStream;
use crate::data::Data;
use crate::graph::{Graph, Handle, Prefix, RepartitionSpec};
use std::sync::Arc;
use streams_core::serde::SerdeRef;

/// How a stream goes to where its records meet those of another one by key.
pub(crate) struct Meeting<'a, K, V> {
    /// Name of the repartition topic, where it is the user's.
    pub name: Option<String>,
    pub key_serde: &'a SerdeRef<K>,
    pub value_serde: &'a SerdeRef<V>,
    /// Whether records with a null key are of no use there.
    pub drop_null_keys: bool,
}

impl<K: Data, V: Data> KStream<K, V> {
    /// The stream where its records are partitioned by their present keys: behind a repartition topic where keys have changed. Without a name of the
    /// user's, all such steps share one topic, which is named after the stream.
    pub(crate) fn partitioned_by_key(&self, meeting: Meeting<'_, K, V>) -> Handle {
        if !self.repartition_required || self.handle.id == Graph::ROOT {
            return self.handle.clone();
        }
        let Meeting { name, key_serde, value_serde, drop_null_keys } = meeting;
        let names = self.handle.new_repartition_names();
        let is_named = name.is_some();
        if !is_named && let Some(shared) = self.handle.graph().shared_repartition(self.handle.id) {
            return self.handle.at(shared);
        }
        let spec = RepartitionSpec {
            key_serde: Arc::clone(key_serde),
            value_serde: Arc::clone(value_serde),
            partitioner: None,
            partitions: None,
            drop_null_keys,
        };
        let (generated, prefix) = match name {
            Some(name) => (name.clone(), Prefix::Fixed(name)),
            None => (names[2].clone(), Prefix::NameOf(self.handle.id)),
        };
        let handle = self.handle.add_repartition(generated, None, prefix, names, spec);
        if !is_named {
            self.handle.graph().share_repartition(self.handle.id, handle.id);
        }
        handle
    }
}
