use super::names::Names;
use super::{Joiner, wiring};
use crate::KTable;
use crate::data::Data;
use crate::graph::{Graph, Handle, Prefix, Processor, Repartition, Store};
use crate::operators::ktable::foreign_key::Extractor;
use crate::options::{Materialized, TableJoined};
use crate::table_state::TableState;
use bytes::Bytes;
use std::any::type_name;
use std::sync::Arc;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{Change, Subscription, SubscriptionResponse, SubscriptionSerde};
use streams_core::topology::FlowType;

/// A join that is being declared.
pub(super) struct ForeignKeyJoin<'a, K, V, KO, VO, VR> {
    pub left: &'a KTable<K, V>,
    pub right: &'a KTable<KO, VO>,
    pub extractor: Extractor<K, V, KO>,
    pub joiner: Joiner<V, VO, VR>,
    pub left_join: bool,
    pub joined: TableJoined<K, KO>,
}

/// The serdes of both tables.
pub(super) struct Serdes<K, V, KO, VO> {
    pub keys: SerdeRef<K>,
    pub rows: SerdeRef<V>,
    pub foreign_keys: SerdeRef<KO>,
    pub foreign_rows: SerdeRef<VO>,
}

impl<K, V, KO, VO> Clone for Serdes<K, V, KO, VO> {
    fn clone(&self) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            rows: Arc::clone(&self.rows),
            foreign_keys: Arc::clone(&self.foreign_keys),
            foreign_rows: Arc::clone(&self.foreign_rows),
        }
    }
}

impl<K: Data, V: Data, KO: Data, VO: Data, VR: Data> ForeignKeyJoin<'_, K, V, KO, VO, VR> {
    pub(super) fn declare(self, materialized: Materialized<K, VR>) -> KTable<K, VR> {
        let handle = &self.left.handle;
        self.right.state.enable_sending_old_values();
        self.left.state.enable_sending_old_values();
        let names = Names::new(handle, self.joined.name.as_deref());
        let queryable = materialized.name.clone();
        let store = queryable.clone().unwrap_or_else(|| handle.graph().new_store_name("KTABLE-FK-JOIN-OUTPUT-"));
        let key = materialized.key.resolve(self.left.key_serde.as_ref());
        let key = handle.require(&names.result, "key", key);
        let row = handle.require(&names.result, "value", materialized.value.resolve(None));
        let serdes = self.serdes(&names.result);
        let same = handle.same_graph(&self.right.handle, &names.result);
        let (Some(key), Some(row), Some(serdes), true) = (key, row, serdes, same) else {
            return KTable::broken(handle.at(Graph::ROOT), queryable);
        };
        let responses = self.right_side(&names, &serdes);
        let resolver = self.resolver(&names, serdes, &responses);
        let state = TableState::source(queryable.is_some());
        let view = KTable::kept_view(&state, &store, &key, &row);
        let spec = materialized.spec(store.clone(), Arc::clone(&key), Arc::clone(&row));
        let factory = wiring::result::<K, VR>(store, &key, &row, &state);
        let mut result = Processor::new::<K, Option<VR>, K, Change<VR>>(factory);
        result.stores.push(Store { spec, materialized: state.materialized(), keep_prior: state.keep_prior() });
        let result = resolver.add_processor(names.result, None, result);
        KTable::new(result, Some(key), Some(row), queryable, state, view)
    }

    /// The serdes of both tables, or mistakes that name what is missing.
    fn serdes(&self, step: &str) -> Option<Serdes<K, V, KO, VO>> {
        let handle = &self.left.handle;
        Some(Serdes {
            keys: require(handle, step, "keys of the left table", &self.left.key_serde)?,
            rows: require(handle, step, "rows of the left table", &self.left.value_serde)?,
            foreign_keys: require(handle, step, "keys of the right table", &self.right.key_serde)?,
            foreign_rows: require(handle, step, "rows of the right table", &self.right.value_serde)?,
        })
    }

    /// Declares all up to the topic of responses.
    fn right_side(&self, names: &Names, serdes: &Serdes<K, V, KO, VO>) -> Handle {
        let topic = &names.registration_topic;
        let send = wiring::send(self, serdes, topic);
        let send = Processor::new::<K, Change<V>, Option<KO>, Subscription<K>>(send);
        let send = self.left.handle.add_processor(names.send.clone(), None, send);
        let registration = Repartition {
            prefix: Prefix::Whole(topic.clone()),
            names: names.registration_ends(),
            partitions: None,
            input: FlowType::of::<Option<KO>, Subscription<K>>(),
            output: FlowType::of::<Option<KO>, Subscription<Bytes>>(),
            filter: None,
            ends: wiring::registration_ends(serdes, self.joined.other_partitioner.clone()),
        };
        let registration = send.add_topic(topic, registration);

        let receive = wiring::receive(serdes, &names.store, topic);
        let mut receive = Processor::new::<Option<KO>, Subscription<Bytes>, Option<KO>, Subscription<Bytes>>(receive);
        receive.stores.push(subscription_store(&names.store));
        let receive = registration.add_processor(names.receive.clone(), None, receive);

        let view = (self.right.view)();
        let partitioner = self.joined.partitioner.clone();
        let join = wiring::join(serdes, view.getter, partitioner.clone(), &names.response_topic);
        let mut join = Processor::new::<Option<KO>, Subscription<Bytes>, Bytes, SubscriptionResponse<Bytes>>(join);
        join.uses = view.stores;
        let join = receive.add_processor(names.join.clone(), None, join);

        let foreign = wiring::foreign_table(serdes, partitioner, &names.store, topic, &names.response_topic);
        let mut foreign = Processor::new::<KO, Change<VO>, Bytes, SubscriptionResponse<Bytes>>(foreign);
        foreign.uses.push(names.store.clone());
        let foreign = self.right.handle.add_processor(names.foreign_table.clone(), None, foreign);

        let response = Repartition {
            prefix: Prefix::Whole(names.response_topic.clone()),
            names: names.response_ends(),
            partitions: None,
            input: FlowType::of::<Bytes, SubscriptionResponse<Bytes>>(),
            output: FlowType::of::<K, SubscriptionResponse<VO>>(),
            filter: None,
            ends: wiring::response_ends(serdes),
        };
        let response = join.add_topic(&names.response_topic, response);
        let mut graph = response.graph();
        graph.add_parent(response.id, foreign.id);
        graph.copartition(vec![self.right.handle.id, registration.id], join.id);
        drop(graph);
        response
    }

    /// Declares the node that joins responses with the rows of the left table.
    fn resolver(&self, names: &Names, serdes: Serdes<K, V, KO, VO>, responses: &Handle) -> Handle {
        let view = (self.left.view)();
        let resolve = wiring::resolve(self, serdes, view.getter, &names.registration_topic);
        let mut resolve = Processor::new::<K, SubscriptionResponse<VO>, K, Option<VR>>(resolve);
        resolve.uses = view.stores;
        let resolver = responses.add_processor(names.resolve.clone(), None, resolve);
        let mut graph = resolver.graph();
        graph.copartition(vec![self.left.handle.id, responses.id], resolver.id);
        graph.partitioned_as(resolver.id, self.left.handle.id);
        drop(graph);
        resolver
    }
}

fn subscription_store(name: &str) -> Store {
    let keys = Bytes::default_serde();
    let subscriptions: SerdeRef<Subscription<Bytes>> = Arc::new(SubscriptionSerde::new(&keys, ""));
    let materialized = Materialized::<Bytes, Subscription<Bytes>>::new().with_caching_disabled();
    Store::always(materialized.spec(name.to_owned(), keys, subscriptions))
}

/// A serde that the join needs of one of its tables.
fn require<T>(handle: &Handle, step: &str, what: &str, serde: &Option<SerdeRef<T>>) -> Option<SerdeRef<T>> {
    if serde.is_none() {
        handle.mistake(format!(
            "{step} knows no serde for the {what}, of type {}; name one where that table is declared (`Consumed`, `Materialized`)",
            type_name::<T>()
        ));
    }
    serde.clone()
}
