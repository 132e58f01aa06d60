//! How a later step reads the rows of a table: from its store, or computed from the rows of the tables that it comes from.

use crate::data::Data;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::SerdeRef;
use streams_core::store::{Direction, SessionTable, TableStore, WindowTable};
use streams_core::topology::TaskBuild;
use streams_core::windowed::{SessionWindow, Window, Windowed};

/// Reads the rows of a table in a task.
pub(crate) trait ValueGetter<K, V> {
    /// The row of `key` with its timestamp.
    fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError>;

    /// The row as those downstream know it: without changes that a cache holds back until the commit. Tables of windows answer the present row.
    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        self.get(key)
    }

    /// The row that `key` had at this time, where the table is versioned; else the row that it has.
    fn get_as_of(&mut self, key: &K, _time: i64) -> Result<Option<(i64, V)>, StreamsError> {
        self.get(key)
    }
}

/// Makes the getter of a task.
pub(crate) type ValueGetterFactory<K, V> =
    Arc<dyn Fn(&mut TaskBuild<'_>) -> Result<Box<dyn ValueGetter<K, V>>, StreamsError> + Send + Sync>;

/// What a step needs to read a table.
pub(crate) struct TableView<K, V> {
    /// The stores that it has to be connected to.
    pub stores: Vec<String>,
    pub getter: ValueGetterFactory<K, V>,
}

/// Gives the view of a table to a step that asks for it; the table then keeps its rows.
pub(crate) type ViewRef<K, V> = Rc<dyn Fn() -> TableView<K, V>>;

impl<K: Data, V: Data> TableView<K, V> {
    /// Of a table whose rows are in a key-value store.
    pub(crate) fn stored(store: &str, key: &SerdeRef<K>, value: &SerdeRef<V>) -> Self {
        let (name, key, value) = (store.to_owned(), Arc::clone(key), Arc::clone(value));
        let getter: ValueGetterFactory<K, V> = Arc::new(move |build| {
            let rows = TableStore::new(build.store(&name)?, Arc::clone(&key), Arc::clone(&value), false);
            Ok(Box::new(rows))
        });
        Self { stores: vec![store.to_owned()], getter }
    }

    /// Of a table that could not be declared; nothing is ever built with it.
    pub(crate) fn broken() -> Self {
        let missing = || StreamsError::Topology("a table that could not be declared is read".to_owned());
        Self { stores: Vec::new(), getter: Arc::new(move |_| Err(missing())) }
    }

    /// Of a table whose rows are made, when they are asked for, from those of this one.
    pub(crate) fn computed<V2: Data>(
        self,
        compute: impl Fn(&K, V) -> Result<Option<V2>, StreamsError> + Send + Sync + 'static,
    ) -> TableView<K, V2> {
        let (parent, compute) = (self.getter, Arc::new(compute));
        let getter: ValueGetterFactory<K, V2> =
            Arc::new(move |build| Ok(Box::new(Computed { rows: parent(build)?, compute: Arc::clone(&compute) })));
        TableView { stores: self.stores, getter }
    }
}

impl<K: Data, V: Data> ValueGetter<K, V> for TableStore<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        TableStore::get(self, key)
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        TableStore::get_forwarded(self, key)
    }

    fn get_as_of(&mut self, key: &K, time: i64) -> Result<Option<(i64, V)>, StreamsError> {
        TableStore::get_as_of(self, key, time)
    }
}

/// Rows made from those of another table.
struct Computed<K, V, F> {
    rows: Box<dyn ValueGetter<K, V>>,
    compute: Arc<F>,
}

impl<K, V, F> Computed<K, V, F> {
    fn compute<V2>(&self, key: &K, row: Option<(i64, V)>) -> Result<Option<(i64, V2)>, StreamsError>
    where
        F: Fn(&K, V) -> Result<Option<V2>, StreamsError>,
    {
        let Some((timestamp, row)) = row else { return Ok(None) };
        Ok((self.compute)(key, row)?.map(|row| (timestamp, row)))
    }
}

impl<K, V, V2, F> ValueGetter<K, V2> for Computed<K, V, F>
where
    F: Fn(&K, V) -> Result<Option<V2>, StreamsError>,
{
    fn get(&mut self, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get(key)?;
        self.compute(key, row)
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_forwarded(key)?;
        self.compute(key, row)
    }

    fn get_as_of(&mut self, key: &K, time: i64) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_as_of(key, time)?;
        self.compute(key, row)
    }
}

impl<K: Data, V: Data> ValueGetter<Windowed<K>, V> for WindowTable<K, V> {
    fn get(&mut self, key: &Windowed<K>) -> Result<Option<(i64, V)>, StreamsError> {
        if !self.begin(&key.key)? {
            return Ok(None);
        }
        let start = key.window.start();
        let mut found = None;
        self.visit(start, start, Direction::Forward, |window| {
            found = Some(window.row()?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}

/// Sessions have the time of their end.
impl<K: Data, V: Data> ValueGetter<Windowed<K, SessionWindow>, V> for SessionTable<K, V> {
    fn get(&mut self, key: &Windowed<K, SessionWindow>) -> Result<Option<(i64, V)>, StreamsError> {
        if !self.begin(&key.key)? {
            return Ok(None);
        }
        let (start, end) = (key.window.start(), key.window.end());
        let mut found = Vec::new();
        self.find(end, start, &mut found)?;
        let same = found.into_iter().find(|(session, _)| (session.start(), session.end()) == (start, end));
        Ok(same.map(|(_, row)| (end, row)))
    }
}
