use super::KStream;
use crate::data::Data;
use crate::graph::{Graph, GraphId, Prefix, RepartitionSpec};
use crate::options::Repartitioned;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use streams_core::serde::{DefaultSerde, SerdeRef};

/// The repartition topic that joins of a stream share, and whether it drops records with null keys.
pub(crate) type JoinRepartition = Rc<RefCell<Option<(GraphId, Rc<Cell<bool>>)>>>;

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
            handle.mistake(format!(
                "{step} has fewer than one partition; set one at least, or none to have as many as the topics it comes from"
            ));
        }
        let (Some(key), Some(value)) = (key, value) else {
            return Self::broken(handle.at(Graph::ROOT));
        };
        let spec = RepartitionSpec {
            key_serde: super::share(&key),
            value_serde: super::share(&value),
            partitioner: repartitioned.partitioner,
            partitions: repartitioned.partitions,
            drop_null_keys: Rc::new(Cell::new(false)),
        };
        let handle = handle.add_repartition(generated, None, Prefix::Own, names, spec);
        Self::new(handle, Some(key), Some(value), false)
    }

    /// The stream as a join by key needs it: through a repartition topic where its keys have changed, named after `name` or else after the
    /// step that made the stream. Then all its joins share the topic. Records with null key go through it where a join keeps them.
    ///
    /// `None` where a serde is missing, which is noted as a mistake of `step`.
    pub(crate) fn partitioned_for_join(
        &self,
        step: &str,
        name: Option<String>,
        key: Option<SerdeRef<K>>,
        value: Option<SerdeRef<V>>,
        keep_null_keys: bool,
    ) -> Option<Self> {
        if !self.repartition_required {
            return Some(self.clone());
        }
        let handle = &self.handle;
        let names = handle.new_repartition_names();
        let key = handle.require(step, "key", key.or_else(|| self.key_serde.clone()));
        let value = handle.require(step, "value", value.or_else(|| self.value_serde.clone()));
        let (key, value) = (key?, value?);
        let shared = self.join_repartition.borrow().clone().filter(|_| name.is_none());
        let id = match shared {
            Some((id, drop_null_keys)) => {
                drop_null_keys.set(drop_null_keys.get() && !keep_null_keys);
                id
            }
            None => {
                let drop_null_keys = Rc::new(Cell::new(!keep_null_keys));
                let prefix = name.map_or(Prefix::NameOf(handle.id), Prefix::Fixed);
                let spec = RepartitionSpec {
                    key_serde: super::share(&key),
                    value_serde: super::share(&value),
                    partitioner: None,
                    partitions: None,
                    drop_null_keys: Rc::clone(&drop_null_keys),
                };
                let id = handle.add_repartition(format!("{step}-repartition"), None, prefix, names, spec).id;
                self.join_repartition.replace(Some((id, drop_null_keys)));
                id
            }
        };
        Some(Self::new(handle.at(id), Some(key), Some(value), false))
    }
}
