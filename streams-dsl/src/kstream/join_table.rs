use super::KStream;
use crate::KTable;
use crate::data::Data;
use crate::graph::{Graph, Processor};
use crate::nulls::NullCheck;
use crate::operators::kstream::StreamTableJoin;
use crate::options::Joined;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::DefaultSerde;
use streams_core::topology::{BuiltNode, NodeFactory};

/// Makes the joined value of a record's key, its value and the table's row.
type Joiner<K, V, VT, VR> = Arc<dyn Fn(&K, V, Option<VT>) -> Result<VR, StreamsError> + Send + Sync>;

/// Joins of a stream with a table: each record meets the row that the table has of its key at that moment.
///
/// Records make results, changes of the table do not. Which rows are there when a record comes, timestamps decide: of the records that wait, a
/// task takes those with the lowest first. Stream and table must have equal partition counts, which is checked at the start; where the keys of the stream have
/// changed, it goes through a repartition topic first, of as many partitions as the table has. Results have the record's timestamp and headers.
impl<K: Data, V: Data> KStream<K, V> {
    /// The records whose key the table has. Records with null key or null value are dropped and counted.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let risks = builder.table::<String, f64>("risk-scores");
    /// let transactions = builder.stream::<String, i64>("transactions");
    /// transactions.join_table(&risks, |cents, risk| cents as f64 * risk).to("expected-losses");
    /// ```
    pub fn join_table<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_table_with(table, move |_, value, row| joiner(value, row), Joined::defaults())
    }

    /// [`join_table`](Self::join_table) with a joiner that sees the key, and options.
    pub fn join_table_with<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, VT) -> VR + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VR> {
        self.try_join_table(table, move |key, value, row| Ok::<_, Infallible>(joiner(key, value, row)), joined)
    }

    /// [`join_table_with`](Self::join_table_with) with a function that may fail.
    pub fn try_join_table<VT: Data, VR: Data, E>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, VT) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner: Joiner<K, V, VT, VR> = Arc::new(move |key, value, row| match row {
            Some(row) => joiner(key, value, row).map_err(StreamsError::user),
            None => Err(StreamsError::InvalidState("an inner join was asked for a record without a row".to_owned())),
        });
        self.joined_with_table(table, joiner, joined, false)
    }

    /// All records, with the table's row where it has one. Records with null value are dropped and counted; one with null key has no row.
    pub fn left_join_table<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_table_with(table, move |_, value, row| joiner(value, row), Joined::defaults())
    }

    /// [`left_join_table`](Self::left_join_table) with a joiner that sees the key, and options.
    pub fn left_join_table_with<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<VT>) -> VR + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VR> {
        self.try_left_join_table(table, move |key, value, row| Ok::<_, Infallible>(joiner(key, value, row)), joined)
    }

    /// [`left_join_table_with`](Self::left_join_table_with) with a function that may fail.
    pub fn try_left_join_table<VT: Data, VR: Data, E>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<VT>) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner: Joiner<K, V, VT, VR> =
            Arc::new(move |key, value, row| joiner(key, value, row).map_err(StreamsError::user));
        self.joined_with_table(table, joiner, joined, true)
    }

    fn joined_with_table<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: Joiner<K, V, VT, VR>,
        joined: Joined<K, V>,
        left: bool,
    ) -> KStream<K, VR> {
        let key = joined.key.resolve(self.key_serde.as_ref());
        let value = joined.value.resolve(self.value_serde.as_ref());
        let step = format!("the join with table {}", table.handle.graph().name(table.handle.id));
        let broken = || KStream::broken(self.handle.at(Graph::ROOT));
        if !self.handle.same_graph(&table.handle, &step) {
            return broken();
        }
        let stream = self.partitioned_for_join(&step, joined.name.clone(), key.clone(), value.clone(), left);
        let Some(stream) = stream else { return broken() };
        let generated = self.handle.graph().new_name(if left { "KSTREAM-LEFTJOIN-" } else { "KSTREAM-JOIN-" });
        let view = (table.view)();
        let (getter, keys) = (view.getter, key.clone());
        let factory: NodeFactory = Arc::new(move |build, children| {
            let joiner = Arc::clone(&joiner);
            let join = Arc::new(move |key: &K, value: V, row: Option<VT>| joiner(key, value, row));
            let nulls = (NullCheck::new(keys.as_ref(), ""), NullCheck::new(value.as_ref(), ""));
            let node = StreamTableJoin::new(join, getter(build)?, nulls, left, children.downstream()?);
            Ok(BuiltNode::node::<K, V>(node))
        });
        let mut node = Processor::new::<K, V, K, VR>(move || Arc::clone(&factory));
        node.uses = view.stores;
        let handle = stream.handle.add_processor(generated, joined.name, node);
        handle.graph().copartition(vec![stream.handle.id, table.handle.id], handle.id);
        KStream::new(handle, key, None, false)
    }
}
