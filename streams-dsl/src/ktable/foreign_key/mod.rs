//! Joins of tables by a foreign key.

mod declare;
mod names;
mod wiring;

use super::KTable;
use crate::data::Data;
use crate::operators::ktable::foreign_key::Extractor;
use crate::options::{Materialized, TableJoined};
use declare::ForeignKeyJoin;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::DefaultSerde;

/// Makes the joined row. The right one is there in inner joins.
type Joiner<V, VO, VR> = Arc<dyn Fn(V, Option<VO>) -> Result<VR, StreamsError> + Send + Sync>;

/// Joins by a foreign key (KIP-213): each row of this table names a row of the other one, as an order names its customer. Many rows may name
/// the same. The result has the keys of this table.
///
/// Both tables keep their rows, and may have any partition counts. This table's side subscribes to the rows it needs through a topic of the application's
/// own, keeps hearing of their changes through another, and drops what it hears of a row that has changed since. So the result follows a moment later, and a
/// deletion may be told twice or without need.
///
/// The extractor answers the foreign key, or an `Option` of it: `None` where the row has none. The serde of this table's rows must write equal rows as
/// equal bytes always, for by a hash of these it is known whether a row has changed: a row with a `HashMap` in it does not, one with a `BTreeMap` does.
/// Rows of the other table that are no bytes at all (an empty text) count as absent, as in Kafka Streams.
impl<K: Data, V: Data> KTable<K, V> {
    /// The table of the rows of this table that name a row of the other one. Serdes of rows are those known from above or else the default ones of
    /// the types.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// // By number of the order: the customer's name and what is bought.
    /// let orders = builder.table::<String, String>("orders");
    /// let customers = builder.table::<String, String>("customers");
    /// let customer_of = |_: &String, order: &String| order.split_once(':').map(|(customer, _)| customer.to_owned());
    /// let shipments = orders.join_on_foreign_key(&customers, customer_of, |order, customer| format!("{order} to {customer}"));
    /// ```
    pub fn join_on_foreign_key<KO: Data, VO: Data + DefaultSerde, VR: Data + DefaultSerde, F: Into<Option<KO>>>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> F + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        V: DefaultSerde,
    {
        let extractor = extractor(move |key: &K, row: &V| Ok::<_, Infallible>(foreign_key(key, row)));
        let joiner = inner(move |row, other| Ok::<_, Infallible>(joiner(row, other)));
        let (left, right) = (&self.or_default_serde(), &other.or_default_serde());
        let materialized = Materialized::new().with_value_serde(VR::Serde::default());
        ForeignKeyJoin { left, right, extractor, joiner, left_join: false, joined: TableJoined::new() }
            .declare(materialized)
    }

    /// [`join_on_foreign_key`](Self::join_on_foreign_key) with a name and partitioners, and with the serde of the joined rows, which are kept in a store
    /// where `materialized` names it.
    ///
    /// The names of all that the join consists of come from `joined`; [`named`](Self::named) changes that of the last node only.
    pub fn join_on_foreign_key_with<KO: Data, VO: Data, VR: Data, F: Into<Option<KO>>>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> F + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, KO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let foreign_key = move |key: &K, row: &V| Ok::<_, Infallible>(foreign_key(key, row));
        let joiner = move |row, other| Ok::<_, Infallible>(joiner(row, other));
        self.try_join_on_foreign_key(other, foreign_key, joiner, joined, materialized)
    }

    /// [`join_on_foreign_key_with`](Self::join_on_foreign_key_with) with functions that may fail.
    pub fn try_join_on_foreign_key<KO: Data, VO: Data, VR: Data, F: Into<Option<KO>>, E>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> Result<F, E> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> Result<VR, E> + Send + Sync + 'static,
        joined: TableJoined<K, KO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let (extractor, joiner) = (extractor(foreign_key), inner(joiner));
        ForeignKeyJoin { left: self, right: other, extractor, joiner, left_join: false, joined }.declare(materialized)
    }

    /// The table of the rows of this table, with the row of the other one that each names where there is such a row. Serdes as of
    /// [`join_on_foreign_key`](Self::join_on_foreign_key).
    pub fn left_join_on_foreign_key<KO: Data, VO: Data + DefaultSerde, VR: Data + DefaultSerde, F: Into<Option<KO>>>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> F + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        V: DefaultSerde,
    {
        let extractor = extractor(move |key: &K, row: &V| Ok::<_, Infallible>(foreign_key(key, row)));
        let joiner = left(move |row, other| Ok::<_, Infallible>(joiner(row, other)));
        let (left, right) = (&self.or_default_serde(), &other.or_default_serde());
        let materialized = Materialized::new().with_value_serde(VR::Serde::default());
        ForeignKeyJoin { left, right, extractor, joiner, left_join: true, joined: TableJoined::new() }
            .declare(materialized)
    }

    /// [`left_join_on_foreign_key`](Self::left_join_on_foreign_key) with what [`join_on_foreign_key_with`](Self::join_on_foreign_key_with) takes.
    pub fn left_join_on_foreign_key_with<KO: Data, VO: Data, VR: Data, F: Into<Option<KO>>>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> F + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, KO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let foreign_key = move |key: &K, row: &V| Ok::<_, Infallible>(foreign_key(key, row));
        let joiner = move |row, other| Ok::<_, Infallible>(joiner(row, other));
        self.try_left_join_on_foreign_key(other, foreign_key, joiner, joined, materialized)
    }

    /// [`left_join_on_foreign_key_with`](Self::left_join_on_foreign_key_with) with functions that may fail.
    pub fn try_left_join_on_foreign_key<KO: Data, VO: Data, VR: Data, F: Into<Option<KO>>, E>(
        &self,
        other: &KTable<KO, VO>,
        foreign_key: impl Fn(&K, &V) -> Result<F, E> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> Result<VR, E> + Send + Sync + 'static,
        joined: TableJoined<K, KO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let (extractor, joiner) = (extractor(foreign_key), left(joiner));
        ForeignKeyJoin { left: self, right: other, extractor, joiner, left_join: true, joined }.declare(materialized)
    }

    /// The same table, with the default serde of its rows where none is known.
    fn or_default_serde(&self) -> Self
    where
        V: DefaultSerde,
    {
        let mut table = self.clone();
        table.value_serde.get_or_insert_with(V::default_serde);
        table
    }
}

fn inner<V: Data, VO: Data, VR: Data, E>(
    joiner: impl Fn(V, VO) -> Result<VR, E> + Send + Sync + 'static,
) -> Joiner<V, VO, VR>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |row, other: Option<VO>| match other {
        Some(other) => joiner(row, other).map_err(StreamsError::user),
        // The node asks only where there is a right row.
        None => Err(StreamsError::user("an inner join has no right row".to_owned())),
    })
}

fn left<V: Data, VO: Data, VR: Data, E>(
    joiner: impl Fn(V, Option<VO>) -> Result<VR, E> + Send + Sync + 'static,
) -> Joiner<V, VO, VR>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |row, other| joiner(row, other).map_err(StreamsError::user))
}

fn extractor<K: Data, V: Data, KO: Data, F: Into<Option<KO>>, E>(
    foreign_key: impl Fn(&K, &V) -> Result<F, E> + Send + Sync + 'static,
) -> Extractor<K, V, KO>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    Arc::new(move |key, row| foreign_key(key, row).map(Into::into).map_err(StreamsError::user))
}
