//! Joins of tables by their keys.

use super::KTable;
use crate::data::Data;
use crate::graph::{Graph, Handle, Processor, Store};
use crate::operators::ktable::{JoinedRows, TableJoin, TableJoinMerge};
use crate::options::Materialized;
use crate::table_state::TableState;
use crate::table_view::{TableView, ValueGetterFactory, ViewRef};
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::store::{Change, TableStore};
use streams_core::topology::{BuiltNode, NodeFactory};

const MERGE: &str = "KTABLE-MERGE-";

/// Which rows a join has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinKind {
    Inner,
    Left,
    Outer,
}

/// Makes the joined row of the two sides' rows, none where the join has none.
pub(crate) type Joiner<V1, V2, VR> =
    Arc<dyn Fn(Option<V1>, Option<V2>) -> Result<Option<VR>, StreamsError> + Send + Sync>;

/// Joins by key (KIP-99 and the page "Joining" of Kafka Streams' documentation). Both tables keep their rows, and must have equal partition
/// counts, which is checked at the start. Every change of a row on one side makes a change of the joined row, with the larger timestamp of both.
impl<K: Data, V: Data> KTable<K, V> {
    /// The table of the keys that have a row in both tables.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, f64>("prices");
    /// let stock = builder.table::<String, i64>("stock");
    /// let worth = prices.join(&stock, |price, pieces| price * pieces as f64);
    /// ```
    pub fn join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        let joiner = move |row, other| Ok::<_, Infallible>(joiner(row, other));
        self.joined(other, JoinKind::Inner, inner(joiner), None)
    }

    /// [`join`](Self::join), with the joined rows kept in a store.
    pub fn join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.try_join(other, move |row, other| Ok::<_, Infallible>(joiner(row, other)), materialized)
    }

    /// [`join_with`](Self::join_with) with a function that may fail.
    pub fn try_join<VO: Data, VR: Data, E>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> Result<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.joined(other, JoinKind::Inner, inner(joiner), Some(materialized))
    }

    /// The table of the keys of this table, with the other one's row where it has one.
    pub fn left_join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        let joiner = move |row, other| Ok::<_, Infallible>(joiner(row, other));
        self.joined(other, JoinKind::Left, left(joiner), None)
    }

    /// [`left_join`](Self::left_join), with the joined rows kept in a store.
    pub fn left_join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.try_left_join(other, move |row, other| Ok::<_, Infallible>(joiner(row, other)), materialized)
    }

    /// [`left_join_with`](Self::left_join_with) with a function that may fail.
    pub fn try_left_join<VO: Data, VR: Data, E>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> Result<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.joined(other, JoinKind::Left, left(joiner), Some(materialized))
    }

    /// The table of the keys that have a row in one of the tables, or in both. One of the joiner's arguments is there always.
    pub fn outer_join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        let joiner = move |row, other| Ok::<_, Infallible>(joiner(row, other));
        self.joined(other, JoinKind::Outer, outer(joiner), None)
    }

    /// [`outer_join`](Self::outer_join), with the joined rows kept in a store.
    pub fn outer_join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.try_outer_join(other, move |row, other| Ok::<_, Infallible>(joiner(row, other)), materialized)
    }

    /// [`outer_join_with`](Self::outer_join_with) with a function that may fail.
    pub fn try_outer_join<VO: Data, VR: Data, E>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> Result<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.joined(other, JoinKind::Outer, outer(joiner), Some(materialized))
    }

    fn joined<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        kind: JoinKind,
        joiner: Joiner<V, VO, VR>,
        materialized: Option<Materialized<K, VR>>,
    ) -> KTable<K, VR> {
        // An option without a name has a store all the same, with a generated name, as in Kafka Streams.
        let queryable = materialized.as_ref().and_then(|materialized| materialized.name.clone());
        let store = materialized
            .as_ref()
            .map(|_| queryable.clone().unwrap_or_else(|| self.handle.graph().new_store_name(MERGE)));
        let merge_name = self.handle.graph().new_name(MERGE);
        let broken = || KTable::broken(self.handle.at(Graph::ROOT), queryable.clone());
        if !self.handle.same_graph(&other.handle, &merge_name) {
            return broken();
        }
        let materialized = materialized.unwrap_or_default();
        let key = materialized.key.resolve(self.key_serde.as_ref());
        let mut value = materialized.value.resolve(None);
        if matches!(kind, JoinKind::Left | JoinKind::Outer) {
            self.state.enable_sending_old_values();
        }
        if kind == JoinKind::Outer {
            other.state.enable_sending_old_values();
        }
        let state = TableState::join(&self.state, &other.state, store.is_some());
        let state = state.with_history(materialized.history_retention);
        let sides = self.sides(other, kind, &joiner, &state);
        let mut merge = Processor::new::<K, Change<VR>, K, Change<VR>>(merge_factory::<K, VR>(None, &state));
        let mut view = joined_view(&self.view, &other.view, joiner);
        if let Some(name) = &store {
            let key = self.handle.require(&merge_name, "key", key.clone());
            value = self.handle.require(&merge_name, "value", value);
            let (Some(key), Some(value)) = (&key, &value) else { return broken() };
            let spec = materialized.spec(name.clone(), Arc::clone(key), Arc::clone(value));
            merge.stores.push(Store { spec, materialized: state.materialized(), keep_prior: state.keep_prior() });
            merge.factory = Box::new(merge_factory(Some((name.clone(), Arc::clone(key), Arc::clone(value))), &state));
            view = KTable::kept_view(&state, name, key, value);
        }
        let handle = self.add_join(other, merge_name, sides, merge);
        KTable::new(handle, key, value, queryable, state, view)
    }

    /// The nodes of the two sides.
    fn sides<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        kind: JoinKind,
        joiner: &Joiner<V, VO, VR>,
        state: &Rc<TableState>,
    ) -> [Processor; 2] {
        let (this_view, other_view) = ((self.view)(), (other.view)());
        let reversed = Arc::clone(joiner);
        let reversed: Joiner<VO, V, VR> = Arc::new(move |other, row| reversed(row, other));
        let this = side_factory(Arc::clone(joiner), other_view.getter, kind == JoinKind::Inner, state);
        let other = side_factory(reversed, this_view.getter, kind != JoinKind::Outer, state);
        let mut this = Processor::new::<K, Change<V>, K, Change<VR>>(this);
        this.uses = other_view.stores;
        let mut other = Processor::new::<K, Change<VO>, K, Change<VR>>(other);
        other.uses = this_view.stores;
        [this, other]
    }

    /// Appends the three nodes of a join.
    fn add_join<VO: Data>(
        &self,
        other: &KTable<K, VO>,
        merge_name: String,
        sides: [Processor; 2],
        merge: Processor,
    ) -> Handle {
        let [this_name, other_name] =
            ["KTABLE-JOINTHIS-", "KTABLE-JOINOTHER-"].map(|prefix| self.handle.graph().new_name(prefix));
        let [this_side, other_side] = sides;
        let this_side = self.handle.add_processor(this_name, None, this_side);
        let other_side = other.handle.add_processor(other_name, None, other_side);
        let merge = this_side.add_merge(&other_side, merge_name, None, merge);
        let mut graph = merge.graph();
        graph.follow(this_side.id, merge.id, "-join-this");
        graph.follow(other_side.id, merge.id, "-join-other");
        graph.copartition(vec![self.handle.id, other.handle.id], merge.id);
        drop(graph);
        merge
    }
}

fn inner<V1, V2, VR, E>(joiner: impl Fn(V1, V2) -> Result<VR, E> + Send + Sync + 'static) -> Joiner<V1, V2, VR>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |row, other| match (row, other) {
        (Some(row), Some(other)) => joiner(row, other).map(Some).map_err(StreamsError::user),
        _ => Ok(None),
    })
}

fn left<V1, V2, VR, E>(joiner: impl Fn(V1, Option<V2>) -> Result<VR, E> + Send + Sync + 'static) -> Joiner<V1, V2, VR>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |row, other| match row {
        Some(row) => joiner(row, other).map(Some).map_err(StreamsError::user),
        None => Ok(None),
    })
}

fn outer<V1, V2, VR, E>(
    joiner: impl Fn(Option<V1>, Option<V2>) -> Result<VR, E> + Send + Sync + 'static,
) -> Joiner<V1, V2, VR>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |row, other| match (row, other) {
        (None, None) => Ok(None),
        (row, other) => joiner(row, other).map(Some).map_err(StreamsError::user),
    })
}

fn side_factory<K: Data, V1: Data, V2: Data, VR: Data>(
    joiner: Joiner<V1, V2, VR>,
    getter: ValueGetterFactory<K, V2>,
    needs_other: bool,
    state: &Rc<TableState>,
) -> impl Fn() -> NodeFactory + 'static {
    let state = Rc::clone(state);
    move || {
        let (joiner, getter, send_old) = (Arc::clone(&joiner), Arc::clone(&getter), state.sends_old());
        Arc::new(move |build, children| {
            let joiner = Arc::clone(&joiner);
            let join = Arc::new(move |row: Option<V1>, other: Option<V2>| joiner(row, other));
            let node = TableJoin::new(join, getter(build)?, needs_other, send_old, children.downstream()?);
            Ok(BuiltNode::node::<K, Change<V1>>(node))
        })
    }
}

/// A store with the serdes of its key and value.
type Kept<K, V> = (String, streams_core::serde::SerdeRef<K>, streams_core::serde::SerdeRef<V>);

fn merge_factory<K: Data, VR: Data>(
    kept: Option<Kept<K, VR>>,
    state: &Rc<TableState>,
) -> impl Fn() -> NodeFactory + 'static {
    let state = Rc::clone(state);
    move || {
        let (kept, send_old) = (kept.clone(), state.sends_old());
        Arc::new(move |build, children| {
            let table = match &kept {
                Some((name, key, value)) => {
                    Some(TableStore::new(build.store(name)?, Arc::clone(key), Arc::clone(value), send_old))
                }
                None => None,
            };
            let node = TableJoinMerge::<K, VR>::new(table, send_old, children.downstream()?);
            Ok(BuiltNode::node::<K, Change<VR>>(node))
        })
    }
}

/// The view of a joined table that is not kept: the rows of both sides, joined when they are asked for.
fn joined_view<K: Data, V1: Data, V2: Data, VR: Data>(
    this: &ViewRef<K, V1>,
    other: &ViewRef<K, V2>,
    joiner: Joiner<V1, V2, VR>,
) -> ViewRef<K, VR> {
    let (this, other) = (Rc::clone(this), Rc::clone(other));
    Rc::new(move || {
        let (this, other, joiner) = (this(), other(), Arc::clone(&joiner));
        let mut stores = this.stores;
        stores.extend(other.stores.into_iter().filter(|store| !stores.contains(store)).collect::<Vec<_>>());
        let getter: ValueGetterFactory<K, VR> = Arc::new(move |build| {
            let (this, other) = ((this.getter)(build)?, (other.getter)(build)?);
            Ok(Box::new(JoinedRows::new(this, other, Arc::clone(&joiner))))
        });
        TableView { stores, getter }
    })
}
