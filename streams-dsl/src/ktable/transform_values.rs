//! Tables computed row by row by something that keeps state of its own.

use super::KTable;
use crate::data::Data;
use crate::operators::ktable::{TableTransformValues, TransformedRows};
use crate::options::Materialized;
use crate::table_view::{TableView, ValueGetterFactory, ViewRef};
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;

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
        let supplier = Arc::new(move || {
            let mut transformer = supplier();
            move |key: &K, row: Option<V>| transformer(key, row).map_err(StreamsError::user)
        });
        let view = transformed_view(&self.view, Arc::clone(&supplier));
        let make =
            move |table, send_old, downstream| TableTransformValues::new(supplier(), table, send_old, downstream);
        self.derived(TRANSFORM_VALUES, Some(materialized), None, view, make)
    }
}

/// The view of a transformed table that is not kept: the rows of the other one, each transformed when it is asked for.
fn transformed_view<K: Data, V: Data, V2: Data, T>(
    parent: &ViewRef<K, V>,
    supplier: Arc<impl Fn() -> T + Send + Sync + 'static>,
) -> ViewRef<K, V2>
where
    T: FnMut(&K, Option<V>) -> Result<Option<V2>, StreamsError> + 'static,
{
    let parent = Rc::clone(parent);
    Rc::new(move || {
        let TableView { stores, getter } = parent();
        let supplier = Arc::clone(&supplier);
        let getter: ValueGetterFactory<K, V2> =
            Arc::new(move |build| Ok(Box::new(TransformedRows::new(getter(build)?, supplier()))));
        TableView { stores, getter }
    })
}
