use super::KStream;
use crate::GlobalKTable;
use crate::data::Data;
use crate::graph::{Graph, Processor};
use crate::nulls::NullCheck;
use crate::operators::kstream::GlobalTableJoin;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::store::GlobalTable;
use streams_core::topology::{BuiltNode, NodeFactory};

/// The record's key in the table.
type Selector<K, V, KG> = Arc<dyn Fn(&K, &V) -> Result<KG, StreamsError> + Send + Sync>;
/// Makes the joined value of a record's key, its value and the table's row.
type Joiner<K, V, VG, VR> = Arc<dyn Fn(&K, V, Option<VG>) -> Result<VR, StreamsError> + Send + Sync>;

/// Joins of a stream with a global table: each record meets the row that the table has at that moment of the key that `selector` names.
///
/// No repartitioning is needed, and no equal partition counts. Results have the record's key, timestamp and headers. Which row a record meets does
/// not depend on timestamps: the table is followed as its records come.
impl<K: Data, V: Data> KStream<K, V> {
    /// The records for whose selected key the table has a row. Records with null value are dropped and counted, and so are those whose selected key is
    /// null.
    pub fn join_global_table<KG: Data, VG: Data, VR: Data>(
        &self,
        table: &GlobalKTable<KG, VG>,
        selector: impl Fn(&K, &V) -> KG + Send + Sync + 'static,
        joiner: impl Fn(V, VG) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR> {
        let selector = move |key: &K, value: &V| Ok::<_, Infallible>(selector(key, value));
        self.try_join_global_table(table, selector, move |_, value, row| Ok(joiner(value, row)))
    }

    /// [`join_global_table`](Self::join_global_table) with functions that may fail, and a joiner that sees the record's key.
    pub fn try_join_global_table<KG: Data, VG: Data, VR: Data, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        selector: impl Fn(&K, &V) -> Result<KG, E> + Send + Sync + 'static,
        joiner: impl Fn(&K, V, VG) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner: Joiner<K, V, VG, VR> = Arc::new(move |key, value, row| match row {
            Some(row) => joiner(key, value, row).map_err(StreamsError::user),
            None => Err(StreamsError::InvalidState("an inner join was asked for a record without a row".to_owned())),
        });
        let selector = move |key: &K, value: &V| selector(key, value).map_err(StreamsError::user);
        self.joined_with_global_table(table, Arc::new(selector), joiner, false)
    }

    /// All records, with the table's row of their selected key where it has one. Records with null value are dropped and counted; where the selected
    /// key is null there is no row.
    pub fn left_join_global_table<KG: Data, VG: Data, VR: Data>(
        &self,
        table: &GlobalKTable<KG, VG>,
        selector: impl Fn(&K, &V) -> KG + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VG>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR> {
        let selector = move |key: &K, value: &V| Ok::<_, Infallible>(selector(key, value));
        self.try_left_join_global_table(table, selector, move |_, value, row| Ok(joiner(value, row)))
    }

    /// [`left_join_global_table`](Self::left_join_global_table) with functions that may fail, and a joiner that sees the record's key.
    pub fn try_left_join_global_table<KG: Data, VG: Data, VR: Data, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        selector: impl Fn(&K, &V) -> Result<KG, E> + Send + Sync + 'static,
        joiner: impl Fn(&K, V, Option<VG>) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let selector = move |key: &K, value: &V| selector(key, value).map_err(StreamsError::user);
        let joiner = move |key: &K, value: V, row: Option<VG>| joiner(key, value, row).map_err(StreamsError::user);
        self.joined_with_global_table(table, Arc::new(selector), Arc::new(joiner), true)
    }

    fn joined_with_global_table<KG: Data, VG: Data, VR: Data>(
        &self,
        table: &GlobalKTable<KG, VG>,
        selector: Selector<K, V, KG>,
        joiner: Joiner<K, V, VG, VR>,
        left: bool,
    ) -> KStream<K, VR> {
        // Of both kinds, as in Kafka Streams.
        let generated = self.handle.graph().new_name("KSTREAM-LEFTJOIN-");
        let same = self.handle.same_graph(&table.handle, &generated);
        let (true, Some((store, key, row))) = (same, table.store.clone()) else {
            return KStream::broken(self.handle.at(Graph::ROOT));
        };
        let value = self.value_serde.clone();
        let factory: NodeFactory = Arc::new(move |build, children| {
            let (selector, joiner) = (Arc::clone(&selector), Arc::clone(&joiner));
            let functions = (
                Arc::new(move |key: &K, value: &V| selector(key, value)),
                Arc::new(move |key: &K, value: V, row: Option<VG>| joiner(key, value, row)),
            );
            let format = build.store_spec(&store)?.format;
            let rows = GlobalTable::new(build.global_store(&store)?, format, Arc::clone(&key), Arc::clone(&row));
            let nulls = (NullCheck::new(Some(&key), ""), NullCheck::new(value.as_ref(), ""));
            let node = GlobalTableJoin::new(functions, rows, nulls, left, children.downstream()?);
            Ok(BuiltNode::node::<K, V>(node))
        });
        let node = Processor::new::<K, V, K, VR>(move || Arc::clone(&factory));
        let handle = self.handle.add_processor(generated, None, node);
        KStream::new(handle, self.key_serde.clone(), None, self.repartition_required)
    }
}
