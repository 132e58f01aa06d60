//! Tables computed row by row by something that keeps state of its own.

use super::KTable;
use crate::data::Data;
use crate::operators::ktable::{ByFunction, RowTransformer, TableTransformValues, TransformedRows};
use crate::options::Materialized;
use crate::table_view::{TableView, ValueGetterFactory, ViewRef};
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor_api::{Names, TransformerNode, ValueTransformerWithKey};
use streams_core::topology::TaskBuild;

const TRANSFORM_VALUES: &str = "KTABLE-TRANSFORMVALUES-";

/// Transforming (KIP-149, KIP-292).
impl<K: Data, V: Data> KTable<K, V> {
    /// Makes of each row another one, by a transformer that may keep something between its calls. `supplier` makes one for each task.
    ///
    /// The transformer is told of deletions, too, with `None`; where it answers `None`, there is no row. It is asked whenever the answer is needed, which is once for each
    /// change, and besides where a later step wants to know the row before (a `group_by`, say), or joins with this table (another transformer, of
    /// the same task, answers that): so what it answers should depend on key and row alone. Where the rows are
    /// [kept in a store](Self::transform_values_with), it is asked once for each change.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use streams_dsl::{Materialized, StreamsBuilder};
    /// # let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, f64>("prices");
    /// let texts = prices.transform_values_with(
    ///     || {
    ///         let mut known = HashMap::new();
    ///         move |product: &String, price: Option<f64>| {
    ///             let before = known.insert(product.clone(), price?);
    ///             Some(format!("{price:?} after {before:?}"))
    ///         }
    ///     },
    ///     Materialized::named("texts"),
    /// );
    /// # let _: streams_dsl::KTable<String, String> = texts;
    /// ```
    pub fn transform_values<V2, T>(&self, supplier: impl Fn() -> T + Send + Sync + 'static) -> KTable<K, V2>
    where
        V2: Data,
        T: FnMut(&K, Option<V>) -> Option<V2> + 'static,
    {
        self.transform_values_with(supplier, Materialized::new())
    }

    /// [`transform_values`](Self::transform_values), with the rows kept in a store where `materialized` names it.
    pub fn transform_values_with<V2, T>(
        &self,
        supplier: impl Fn() -> T + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2>
    where
        V2: Data,
        T: FnMut(&K, Option<V>) -> Option<V2> + 'static,
    {
        let supplier = move || {
            let mut transformer = supplier();
            move |key: &K, row: Option<V>| Ok::<_, Infallible>(transformer(key, row))
        };
        self.try_transform_values(supplier, materialized)
    }

    /// [`transform_values_with`](Self::transform_values_with) with a transformer that may fail.
    pub fn try_transform_values<V2, T, E>(
        &self,
        supplier: impl Fn() -> T + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2>
    where
        V2: Data,
        T: FnMut(&K, Option<V>) -> Result<Option<V2>, E> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.transformed(Vec::new(), materialized, move |_| {
            let mut transformer = supplier();
            Ok(ByFunction(move |key: &K, row: Option<V>| transformer(key, row).map_err(StreamsError::user)))
        })
    }

    /// Makes of each row another one, by a [`ValueTransformerWithKey`]: one that asks for stores, and sees where the change comes from. `supplier` makes one for each
    /// task, and for each later step that reads the rows without their being kept; `stores` are the stores that it asks for, as in
    /// [`process`](crate::KStream::process): `()` for none. The rows are kept where `materialized` names a store. When the transformer is asked is what
    /// [`transform_values`](Self::transform_values) says.
    ///
    /// ```
    /// # use std::error::Error;
    /// # use streams_dsl::processor_api::{
    /// #     KeyValueStore, ProcessingContext, ProcessorResult, Stores, ValueTransformerContext, ValueTransformerWithKey,
    /// # };
    /// # use streams_dsl::{Materialized, StreamsBuilder};
    /// /// The lowest price that each product has had.
    /// #[derive(Default)]
    /// struct Lowest {
    ///     lowest: KeyValueStore<String, i64>,
    /// }
    ///
    /// impl ValueTransformerWithKey<String, i64, i64> for Lowest {
    ///     fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
    ///         self.lowest = context.state_store("lowest")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn transform(
    ///         &mut self,
    ///         _: &mut ValueTransformerContext<'_>,
    ///         product: &String,
    ///         price: Option<i64>,
    ///     ) -> Result<Option<i64>, Box<dyn Error + Send + Sync>> {
    ///         let Some(price) = price else { return Ok(None) };
    ///         let lowest = self.lowest.get(product)?.map_or(price, |lowest| lowest.min(price));
    ///         self.lowest.put(product, &lowest)?;
    ///         Ok(Some(lowest))
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let lowest = builder.add_state_store(Stores::key_value_store::<String, i64>("lowest"));
    /// let prices = builder.table::<String, i64>("prices");
    /// prices.transform_values_with_stores(Lowest::default, &lowest, Materialized::named("lowest-prices"));
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn transform_values_with_stores<V2, T>(
        &self,
        supplier: impl Fn() -> T + Send + Sync + 'static,
        stores: impl Names,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2>
    where
        V2: Data,
        T: ValueTransformerWithKey<K, V, V2>,
    {
        let stores = stores.names();
        let of_node = stores.clone();
        self.transformed(stores, materialized, move |build| TransformerNode::new(build, &of_node, supplier()))
    }

    fn transformed<V2: Data, T: RowTransformer<K, V, V2>>(
        &self,
        stores: Vec<String>,
        materialized: Materialized<K, V2>,
        supplier: impl Fn(&mut TaskBuild<'_>) -> Result<T, StreamsError> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let supplier = Arc::new(supplier);
        let view = transformed_view(&self.view, Arc::clone(&supplier));
        let make = move |build: &mut TaskBuild<'_>, table, send_old, downstream| {
            Ok(TableTransformValues::<K, V, V2, T>::new(supplier(build)?, table, send_old, downstream))
        };
        self.derived(TRANSFORM_VALUES, stores, Some(materialized), None, view, make)
    }
}

/// The view of a transformed table that is not kept: the rows of the other one, each transformed when it is asked for.
///
/// Steps that read it are in the task that has the transformer's stores already: they need not be connected to those (nor are they in Kafka Streams, where
/// such a step fails when it asks for one).
fn transformed_view<K: Data, V: Data, V2: Data, T: RowTransformer<K, V, V2>>(
    parent: &ViewRef<K, V>,
    supplier: Arc<impl Fn(&mut TaskBuild<'_>) -> Result<T, StreamsError> + Send + Sync + 'static>,
) -> ViewRef<K, V2> {
    let parent = Rc::clone(parent);
    Rc::new(move || {
        let TableView { stores, getter } = parent();
        let supplier = Arc::clone(&supplier);
        let getter: ValueGetterFactory<K, V2> =
            Arc::new(move |build| Ok(Box::new(TransformedRows::new(getter(build)?, supplier(build)?))));
        TableView { stores, getter }
    })
}
