use super::KStream;
use crate::KTable;
use crate::data::Data;
use crate::graph::{Graph, Processor, Store};
use crate::nulls::NullCheck;
use crate::operators::kstream::StreamTableJoin;
use crate::options::Joined;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::JoinBuffer;
use streams_core::topology::{
    BuiltNode, NodeFactory, RowLayout, StoreEngine, StoreFormat, StoreSpec, StoreTypes, TaskBuild,
};

/// Makes the joined value of a record's key, its value and the table's row.
type Joiner<K, V, VT, VR> = Arc<dyn Fn(&K, V, Option<VT>) -> Result<VR, StreamsError> + Send + Sync>;

/// Joins of a stream with a table: each record meets the row that the table has of its key at that moment, or had at the record's time where the table
/// is [versioned](crate::Materialized::persistent_versioned_key_value_store).
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

    /// As-of join: each record meets the row that the versioned table had at the record's time, whenever both come.
    ///
    /// Records wait for `grace` of stream time, so that changes of the table which come late are there by then, and go on in the order of their
    /// timestamps: it is [`join_table_with`](Self::join_table_with) and [`Joined::with_grace_period`]. With a grace of zero they do not
    /// wait, and meet what the table knows then of their time. Serdes are those known from above or else the default ones of the types.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::test_driver::TopologyTestDriver;
    /// use streams_dsl::{Consumed, Materialized, StreamsBuilder};
    ///
    /// let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    /// let builder = StreamsBuilder::new();
    /// let rates = Materialized::persistent_versioned_key_value_store("rates", hour);
    /// let rates = builder.table_with::<String, i64>("exchange-rates", Consumed::new(), rates);
    /// let payments = builder.stream::<String, i64>("payments");
    /// payments.join_as_of(&rates, minute, |amount, rate| amount * rate).to("converted");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?);
    /// let rates = driver.create_input_topic::<String, i64>("exchange-rates");
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// let eur = || "EUR".to_owned();
    /// rates.pipe_input_at(eur(), 2, 0)?;
    /// payments.pipe_input_at(eur(), 10, 1_500)?;
    /// rates.pipe_input_at(eur(), 9, 2_000)?; // Of a later time,
    /// rates.pipe_input_at(eur(), 3, 1_000)?; // and of the right one, which comes late.
    /// payments.pipe_input_at(eur(), 1, 61_500)?; // A minute has passed.
    /// let converted = driver.create_output_topic::<String, i64>("converted");
    /// assert_eq!(converted.read_values_to_list()?, [30]);
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn join_as_of<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        grace: Duration,
        joiner: impl Fn(V, VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        let joined = Joined::defaults().with_grace_period(grace);
        self.join_table_with(table, move |_, value, row| joiner(value, row), joined)
    }

    /// [`join_as_of`](Self::join_as_of) that keeps the records for which the table had no row at their time.
    pub fn left_join_as_of<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        grace: Duration,
        joiner: impl Fn(V, Option<VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        let joined = Joined::defaults().with_grace_period(grace);
        self.left_join_table_with(table, move |_, value, row| joiner(value, row), joined)
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
        let buffered = match joined.grace {
            Some(grace) => {
                let name = joined.name.as_deref().unwrap_or(&generated);
                let keys = self.handle.require(&step, "key", key.clone());
                let values = self.handle.require(&step, "value", value.clone());
                let (Some(keys), Some(values)) = (keys, values) else { return broken() };
                if !self.may_wait(&step, table.state.history(), grace) {
                    return broken();
                }
                Some(Buffered { store: format!("{name}-Buffer"), keys, values, grace })
            }
            None => None,
        };
        let buffer_spec = buffered.as_ref().map(Buffered::spec);
        let view = (table.view)();
        let (getter, keys) = (view.getter, key.clone());
        let factory: NodeFactory = Arc::new(move |build, children| {
            let joiner = Arc::clone(&joiner);
            let join = Arc::new(move |key: &K, value: V, row: Option<VT>| joiner(key, value, row));
            let nulls = (NullCheck::new(keys.as_ref(), ""), NullCheck::new(value.as_ref(), ""));
            let buffer = match &buffered {
                Some(buffered) => Some(buffered.open(build)?),
                None => None,
            };
            let node = StreamTableJoin::new(join, getter(build)?, nulls, left, children.downstream()?);
            let node = node.with_buffer(buffer);
            Ok(BuiltNode::node::<K, V>(node))
        });
        let mut node = Processor::new::<K, V, K, VR>(move || Arc::clone(&factory));
        node.uses = view.stores;
        node.stores.extend(buffer_spec.map(Store::always));
        let handle = stream.handle.add_processor(generated, joined.name, node);
        handle.graph().copartition(vec![stream.handle.id, table.handle.id], handle.id);
        KStream::new(handle, key, None, false)
    }

    /// Whether records may wait for a table of this history for so long; a mistake if not.
    fn may_wait(&self, step: &str, history: Option<i64>, grace: i64) -> bool {
        let problem = match history {
            None => "that is not versioned: keep it in a versioned store (`Materialized::with_history_retention`)"
                .to_owned(),
            Some(history) if history < grace => {
                format!("whose history of {history} ms is shorter: make it as long as the grace period at least")
            }
            Some(_) => return true,
        };
        self.handle.mistake(format!("{step} has a grace period of {grace} ms, for a table {problem}"));
        false
    }
}

/// The buffer of a join with grace.
struct Buffered<K, V> {
    store: String,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    grace: i64,
}

impl<K: Data, V: Data> Buffered<K, V> {
    /// Its store. The rows are no values of the stream: to queries they are bytes.
    fn spec(&self) -> StoreSpec {
        StoreSpec {
            name: self.store.clone(),
            engine: StoreEngine::RocksDb,
            format: StoreFormat::JoinBuffer,
            layout: RowLayout::Plain,
            window_size_ms: None,
            caching: true,
            keep_prior: false,
            logging: Some(BTreeMap::new()),
            types: StoreTypes::new(Vec::<u8>::default_serde(), Vec::<u8>::default_serde()),
            users: Vec::new(),
        }
    }

    fn open(&self, build: &TaskBuild<'_>) -> Result<JoinBuffer<K, V>, StreamsError> {
        let (keys, values) = (Arc::clone(&self.keys), Arc::clone(&self.values));
        Ok(JoinBuffer::new(build.store(&self.store)?, keys, values, self.grace))
    }
}
