//! How the nodes of a join are made in a task.

use super::declare::{ForeignKeyJoin, Serdes};
use crate::data::Data;
use crate::graph::{sink_factory, source_factory};
use crate::nulls::NullCheck;
use crate::operators::ktable::foreign_key::{
    ForeignKeys, ForeignTableJoin, Responder, ResponseJoin, ResponseKind, ResponsePartitioner, Resubscriber, RowHasher,
    SubscriptionJoin, SubscriptionPartitioner, SubscriptionReceive, SubscriptionSend,
};
use crate::operators::ktable::{TableSourceNode, UpsertOrDelete};
use crate::table_state::TableState;
use crate::table_view::ValueGetterFactory;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Partitioning, SinkNode, SinkTopic, StreamPartitioner};
use streams_core::serde::{DefaultSerde, OptionSerde, SerdeRef};
use streams_core::store::{
    Change, Subscription, SubscriptionResponse, SubscriptionResponseSerde, SubscriptionSerde, SubscriptionStore,
    TableStore,
};
use streams_core::topology::{BuiltNode, NodeFactory, TaskBuild};

/// Makes the factory of a node when the topology is built.
type Late = Box<dyn Fn() -> NodeFactory>;

/// Makes the factories of sink and source of a topic, given its name.
type Ends = Box<dyn Fn(&str) -> (NodeFactory, NodeFactory)>;

type PartitionerRef<K> = Arc<dyn StreamPartitioner<K, ()>>;

fn late(factory: NodeFactory) -> Late {
    Box::new(move || Arc::clone(&factory))
}

/// What serdes are told where bytes are in no topic of their own: the name of the subscriptions' topic with this at its end.
fn pseudo_topic(build: &TaskBuild<'_>, topic: &str, end: &str) -> Arc<str> {
    format!("{}-{end}", build.topic_name(topic)).into()
}

pub(super) fn send<K: Data, V: Data, KO: Data, VO: Data, VR: Data>(
    join: &ForeignKeyJoin<'_, K, V, KO, VO, VR>,
    serdes: &Serdes<K, V, KO, VO>,
    topic: &str,
) -> Late {
    let (extractor, left_join, topic) = (Arc::clone(&join.extractor), join.left_join, topic.to_owned());
    let (rows, foreign_keys) = (Arc::clone(&serdes.rows), Arc::clone(&serdes.foreign_keys));
    let partitioner = join.joined.other_partitioner.clone();
    late(Arc::new(move |build, children| {
        let extractor = Arc::clone(&extractor);
        let node = SubscriptionSend::new(
            Arc::new(move |key: &K, row: &V| extractor(key, row)),
            ForeignKeys::new(Arc::clone(&foreign_keys), pseudo_topic(build, &topic, "fk")),
            RowHasher::new(Arc::clone(&rows), pseudo_topic(build, &topic, "vh")),
            left_join,
            partitioner.clone().map(|partitioner| {
                let topic = build.topic_name(&topic);
                SubscriptionPartitioner { partitioner, topic }
            }),
            children.downstream()?,
        );
        Ok(BuiltNode::node::<K, Change<V>>(node))
    }))
}

/// Sink and source of the subscriptions, which are partitioned as the right table.
pub(super) fn registration_ends<K: Data, V: Data, KO: Data, VO: Data>(
    serdes: &Serdes<K, V, KO, VO>,
    partitioner: Option<PartitionerRef<KO>>,
) -> Ends {
    let foreign_keys: SerdeRef<Option<KO>> = Arc::new(OptionSerde::shared(Arc::clone(&serdes.foreign_keys)));
    let serdes = serdes.clone();
    Box::new(move |topic| {
        let open = registration_sink(&serdes, partitioner.clone(), topic);
        let sink: NodeFactory =
            Arc::new(move |build, _| Ok(BuiltNode::node::<Option<KO>, Subscription<K>>(open(build))));
        let subscriptions: SerdeRef<Subscription<Bytes>> =
            Arc::new(SubscriptionSerde::new(&Bytes::default_serde(), ""));
        (sink, source_factory(&foreign_keys, &subscriptions))
    })
}

/// Makes a sink of subscriptions in a task.
fn registration_sink<K: Data, V: Data, KO: Data, VO: Data>(
    serdes: &Serdes<K, V, KO, VO>,
    partitioner: Option<PartitionerRef<KO>>,
    topic: &str,
) -> impl Fn(&TaskBuild<'_>) -> SinkNode<Option<KO>, Subscription<K>> + Send + Sync + 'static {
    let foreign_keys: SerdeRef<Option<KO>> = Arc::new(OptionSerde::shared(Arc::clone(&serdes.foreign_keys)));
    let (keys, topic) = (Arc::clone(&serdes.keys), topic.to_owned());
    move |build| {
        let subscriptions = SubscriptionSerde::new(&keys, pseudo_topic(build, &topic, "pk"));
        let to = SinkTopic::Fixed(build.topic_name(&topic));
        let partitioner = partitioner.clone().map(registration_partitioner);
        SinkNode::new(to, Arc::clone(&foreign_keys), Arc::new(subscriptions), partitioner)
    }
}

/// Asks the user's partitioner about foreign keys; a null one may be anywhere.
fn registration_partitioner<K: Data, KO: Data>(
    partitioner: PartitionerRef<KO>,
) -> Arc<dyn StreamPartitioner<Option<KO>, Subscription<K>>> {
    Arc::new(move |topic: &str, key: &Option<KO>, _: &Subscription<K>, partitions: i32| match key {
        Some(key) => partitioner.partition(topic, key, &(), partitions),
        None => Partitioning::Default,
    })
}

pub(super) fn receive<K: Data, V: Data, KO: Data, VO: Data>(
    serdes: &Serdes<K, V, KO, VO>,
    store: &str,
    topic: &str,
) -> Late {
    let subscriptions = subscriptions(&serdes.foreign_keys, store, topic);
    late(Arc::new(move |build, children| {
        let node = SubscriptionReceive::new(subscriptions(build)?, children.downstream()?);
        Ok(BuiltNode::node::<Option<KO>, Subscription<Bytes>>(node))
    }))
}

pub(super) fn join<K: Data, V: Data, KO: Data, VO: Data>(
    serdes: &Serdes<K, V, KO, VO>,
    getter: ValueGetterFactory<KO, VO>,
    partitioner: Option<PartitionerRef<K>>,
    topic: &str,
) -> Late {
    let (serdes, topic) = (serdes.clone(), topic.to_owned());
    late(Arc::new(move |build, children| {
        let rows = getter(build)?;
        let responder = responder(build, &serdes, partitioner.as_ref(), &topic, children.downstream()?);
        Ok(BuiltNode::node::<Option<KO>, Subscription<Bytes>>(SubscriptionJoin::new(rows, responder)))
    }))
}

pub(super) fn foreign_table<K: Data, V: Data, KO: Data, VO: Data>(
    serdes: &Serdes<K, V, KO, VO>,
    partitioner: Option<PartitionerRef<K>>,
    store: &str,
    registration_topic: &str,
    topic: &str,
) -> Late {
    let subscriptions = subscriptions(&serdes.foreign_keys, store, registration_topic);
    let (serdes, topic) = (serdes.clone(), topic.to_owned());
    late(Arc::new(move |build, children| {
        let subscriptions = subscriptions(build)?;
        let responder = responder(build, &serdes, partitioner.as_ref(), &topic, children.downstream()?);
        Ok(BuiltNode::node::<KO, Change<VO>>(ForeignTableJoin::new(subscriptions, responder)))
    }))
}

/// Sink and source of the responses, which go to the partition of the left row.
pub(super) fn response_ends<K: Data, V: Data, KO: Data, VO: Data>(serdes: &Serdes<K, V, KO, VO>) -> Ends {
    let keys = Arc::clone(&serdes.keys);
    let responses: SerdeRef<SubscriptionResponse<VO>> = Arc::new(SubscriptionResponseSerde::new(&serdes.foreign_rows));
    Box::new(move |topic| {
        let encoded = Bytes::default_serde();
        let to_partition = |_: &str, _: &Bytes, response: &SubscriptionResponse<Bytes>, _: i32| {
            response.partition.map_or(Partitioning::Default, Partitioning::To)
        };
        let written = Arc::new(SubscriptionResponseSerde::new(&encoded));
        let sink = sink_factory(topic, encoded, written, Some(Arc::new(to_partition)));
        (sink, source_factory(&keys, &responses))
    })
}

pub(super) fn resolve<K: Data, V: Data, KO: Data, VO: Data, VR: Data>(
    join: &ForeignKeyJoin<'_, K, V, KO, VO, VR>,
    serdes: Serdes<K, V, KO, VO>,
    getter: ValueGetterFactory<K, V>,
    registration_topic: &str,
) -> Late {
    let (joiner, extractor, left_join) = (Arc::clone(&join.joiner), Arc::clone(&join.extractor), join.left_join);
    let sink = registration_sink(&serdes, join.joined.other_partitioner.clone(), registration_topic);
    let topic = registration_topic.to_owned();
    late(Arc::new(move |build, children| {
        let joiner = Arc::clone(&joiner);
        let kind = match left_join {
            true => ResponseKind::Left,
            false => {
                let foreign_keys =
                    ForeignKeys::new(Arc::clone(&serdes.foreign_keys), pseudo_topic(build, &topic, "fk"));
                let resubscriber = Resubscriber::new(Arc::clone(&extractor), foreign_keys, sink(build));
                ResponseKind::Inner(Box::new(resubscriber))
            }
        };
        let node = ResponseJoin::new(
            getter(build)?,
            RowHasher::new(Arc::clone(&serdes.rows), pseudo_topic(build, &topic, "vh")),
            Arc::new(move |row: V, other: Option<VO>| joiner(row, other)),
            kind,
            children.downstream()?,
        );
        Ok(BuiltNode::node::<K, SubscriptionResponse<VO>>(node))
    }))
}

pub(super) fn result<K: Data, VR: Data>(
    store: String,
    key: &SerdeRef<K>,
    row: &SerdeRef<VR>,
    state: &Rc<TableState>,
) -> impl Fn() -> NodeFactory + 'static {
    let (key, row, state) = (Arc::clone(key), Arc::clone(row), Rc::clone(state));
    move || {
        let (key, row, send_old) = (Arc::clone(&key), Arc::clone(&row), state.sends_old());
        let store = state.is_materialized().then(|| store.clone());
        Arc::new(move |build, children| {
            let table = match &store {
                Some(store) => Some(TableStore::new(build.store(store)?, Arc::clone(&key), Arc::clone(&row), send_old)),
                None => None,
            };
            let nulls = NullCheck::new(Some(&key), "");
            let node = TableSourceNode::<K, VR, UpsertOrDelete>::new(table, nulls, children.downstream()?);
            Ok(BuiltNode::node::<K, Option<VR>>(node))
        })
    }
}

/// Opens the store of the subscriptions in a task.
fn subscriptions<KO: Data>(
    foreign_keys: &SerdeRef<KO>,
    store: &str,
    topic: &str,
) -> impl Fn(&TaskBuild<'_>) -> Result<SubscriptionStore<KO>, StreamsError> + Send + Sync + 'static {
    let (foreign_keys, store, topic) = (Arc::clone(foreign_keys), store.to_owned(), topic.to_owned());
    move |build| {
        let topic = pseudo_topic(build, &topic, "fk");
        Ok(SubscriptionStore::new(build.store(&store)?, Arc::clone(&foreign_keys), topic))
    }
}

fn responder<K: Data, V: Data, KO: Data, VO: Data>(
    build: &TaskBuild<'_>,
    serdes: &Serdes<K, V, KO, VO>,
    partitioner: Option<&PartitionerRef<K>>,
    topic: &str,
    downstream: Downstream<Bytes, SubscriptionResponse<Bytes>>,
) -> Responder<K, VO> {
    let partitioner = partitioner.map(|partitioner| ResponsePartitioner {
        partitioner: Arc::clone(partitioner),
        keys: Arc::clone(&serdes.keys),
    });
    Responder::new(Arc::clone(&serdes.foreign_rows), partitioner, build.topic_name(topic), downstream)
}
