//! The committed rows of a task's stores: opening, restoring, wiping, closing.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::active::ActiveStores;
use crate::buffer::{WriteBuffer, WriteContext};
use crate::commit::{Advance, CommitBatch};
use crate::database::{Committed, Database, column_family_name};
use crate::engine::Engine;
use crate::engine::memory::MemoryStore;
use crate::engine::rocksdb::RocksDbStore;
use crate::environment::StorageEnvironment;
use crate::error::{Result, StoreError};
use crate::expiry::{StreamTime, segment_start};
use crate::layout::RowLayout;
use crate::reader::{CommittedReader, Gate};
use crate::restored_rows::RestoredRows;
use crate::segment_restore::prepare_layout;
use crate::spec::{self, EngineKind, StoreSpec};

/// Directory of the database in a task's directory.
const DATABASE_DIRECTORY: &str = "rocksdb";

/// All stores of one task, without buffers: what restoring and standby tasks work with. May move to another
/// thread. [`activate`](Self::activate) adds the buffers.
///
/// Stores are addressed by their index in the list they were opened with. Dropping it closes the stores.
pub struct TaskStores {
    directory: PathBuf,
    stores: Vec<Store>,
    specs: Vec<StoreSpec>,
    /// The directory's only owner in this process, besides the engines of `stores`. `None` without
    /// persistent stores.
    database: Option<Arc<Database>>,
    /// The owner's clock, in milliseconds: kept with each offset.
    time: i64,
}

pub(crate) struct Store {
    pub(crate) name: Arc<str>,
    pub(crate) engine: Engine,
    /// Where in the changelog restoring would go on.
    committed: Option<Committed>,
    /// What a windowed store has observed, as committed.
    pub(crate) stream_time: StreamTime,
    /// Segments below this one are known to be gone: forgotten when the store is opened, so that the next
    /// commit makes sure.
    pub(crate) dropped_below: i64,
    pub(crate) layout: RowLayout,
    /// What restored rows cannot advance the stream time beyond.
    pub(crate) stream_time_limit: i64,
    gate: Gate,
}

impl TaskStores {
    /// Opens the stores of a task in its directory; creates what is missing.
    ///
    /// Persistent stores on disk that are not in `specs` are left as they are. An interrupted creation is
    /// completed.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if the directory is open elsewhere, [`StoreError::NewerFormat`] if a newer
    /// program wrote it, [`StoreError::Corrupt`] if it is damaged: then [`destroy`](Self::destroy) it and
    /// restore. [`StoreError::InvalidSpec`] for names that cannot be used; [`StoreError::Io`],
    /// [`StoreError::DiskFull`] and [`StoreError::Database`] when the system fails.
    pub fn open(task_directory: &Path, specs: Vec<StoreSpec>, environment: &StorageEnvironment) -> Result<Self> {
        spec::check(&specs)?;
        let persistent: Vec<&str> =
            (specs.iter()).filter(|spec| spec.engine == EngineKind::RocksDb).map(|spec| spec.name.as_str()).collect();
        let mut database = None;
        if !persistent.is_empty() {
            let directory = task_directory.join(DATABASE_DIRECTORY);
            let opened = Database::open(&directory, &persistent, environment)?;
            database = Some(Arc::new(opened));
        }
        let mut stores = Vec::with_capacity(specs.len());
        for spec in &specs {
            stores.push(Store::open(spec, database.as_ref())?);
        }
        Ok(Self { directory: task_directory.to_path_buf(), stores, specs, database, time: 0 })
    }

    /// Deletes the persistent stores of a task, so that they can be opened anew and restored.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if they are open, [`StoreError::Io`] if files cannot be deleted.
    pub fn destroy(task_directory: &Path) -> Result<()> {
        Database::destroy(&task_directory.join(DATABASE_DIRECTORY))
    }

    /// Directory of the task.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The stores as they were opened.
    pub fn specs(&self) -> &[StoreSpec] {
        &self.specs
    }

    /// The index of the store of this name.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] if there is none.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        (self.specs.iter().position(|spec| spec.name == name)).ok_or_else(|| self.unknown(name))
    }

    /// The changelog offset that a store has reached: of the next record to restore. `None` if nothing was
    /// ever committed, or for a store in memory that was just opened.
    pub fn committed_offset(&self, store: usize) -> Option<i64> {
        Some(self.stores.get(store)?.committed?.offset)
    }

    /// The time that was [set](Self::set_time) when a store reached its offset, in milliseconds. Tells whether
    /// the changelog may have dropped deletions since (`delete.retention.ms`), so that the store must be rebuilt.
    pub fn committed_time(&self, store: usize) -> Option<i64> {
        Some(self.stores.get(store)?.committed?.time)
    }

    /// Sets the time to be kept with the offsets of the following writes, in milliseconds. Default: 0.
    pub fn set_time(&mut self, milliseconds: i64) {
        self.time = milliseconds;
    }

    /// Lets nothing that was restored, or is restored from now on, move the windowed stores' observed stream time beyond `limit`, in milliseconds:
    /// for the largest time whose processing is known to have ended.
    ///
    /// A changelog may be ahead of that. What its last rows belong to is then processed again, and needs rows that would have expired by the
    /// time of those: they would begin anew, with too little in them.
    pub fn limit_stream_time(&mut self, limit: i64) {
        for store in self.stores.iter_mut().filter(|store| store.layout.is_segmented()) {
            store.stream_time_limit = limit;
            let time = store.stream_time;
            store.set_stream_time(StreamTime { observed: time.observed.min(limit), ..time });
        }
    }

    /// Sets the changelog offset of a store whose rows are unchanged.
    ///
    /// # Errors
    /// If there is no such store, or the database cannot be written.
    pub fn set_committed_offset(&mut self, store: usize, offset: i64) -> Result<()> {
        self.write(CommitBatch::default(), &[(store, offset)])
    }

    /// Writes restored rows together with the changelog offset that follows them: all or nothing. `None`
    /// deletes a row.
    ///
    /// A windowed store takes the keys of its changelog: it arranges the rows itself, observes their times, and
    /// skips what has expired. A versioned store takes versions ([`join_version`](crate::formats::join_version)), deletions among them, in the
    /// order in which they were put.
    ///
    /// # Errors
    /// If there is no such store, or the database cannot be written. [`StoreError::InvalidChangelogKey`] if a
    /// key is too short for a windowed store; nothing is written then.
    pub fn restore<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        store: usize,
        rows: impl IntoIterator<Item = (K, Option<V>)>,
        next_offset: i64,
    ) -> Result<()> {
        let mut batch = CommitBatch::default();
        let target = self.store(store)?;
        if target.layout.is_versioned() {
            target.restore_versions(store, rows, &mut batch)?;
        } else if target.layout.is_segmented() {
            target.restore_segments(store, rows, &mut batch)?;
        } else {
            let mut restored = RestoredRows::default();
            rows.into_iter().for_each(|(key, value)| restored.push(key.as_ref(), value.as_ref().map(AsRef::as_ref)));
            restored.write(&mut batch.writer(store, &target.engine)?);
        }
        self.write(batch, &[(store, next_offset)])
    }

    /// Deletes all rows of a store and forgets its offset, for a rebuild. Takes no longer for many rows.
    ///
    /// # Errors
    /// If there is no such store, or the database cannot be written.
    pub fn wipe(&mut self, store: usize) -> Result<()> {
        let target = self.store(store)?;
        target.gate.exclusive(|_| match &target.engine {
            Engine::Memory(engine) => {
                engine.clear();
                Ok(())
            }
            Engine::RocksDb(engine) => {
                let layout = target.layout.fingerprint();
                (self.database.as_ref()).map_or(Ok(()), |db| db.recreate(engine.column_family_name(), &layout))
            }
        })?;
        let target = &mut self.stores[store];
        target.committed = None;
        target.dropped_below = 0;
        target.set_stream_time(StreamTime::NOTHING);
        Ok(())
    }

    /// Has the rows that are only in memory and in the log written to files, in the background. For tasks that
    /// have become idle: RocksDB frees the shared memtable memory at the cost of whoever writes next, never of
    /// who holds it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn flush_memtables(&self) -> Result<()> {
        let families: Vec<&str> = (self.stores.iter())
            .filter_map(|store| match &store.engine {
                Engine::RocksDb(engine) => Some(engine.column_family_name()),
                Engine::Memory(_) => None,
            })
            .collect();
        (self.database.as_ref()).map_or(Ok(()), |database| database.flush_memtables(&families))
    }

    /// A handle for other threads to read a store's committed rows.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] if there is no such store.
    pub fn reader(&self, store: usize) -> Result<CommittedReader> {
        let store = self.store(store)?;
        Ok(CommittedReader::new(store.name.clone(), store.gate.clone()))
    }

    /// Adds write buffers, for a task that starts processing on this thread.
    pub fn activate(self) -> ActiveStores {
        ActiveStores::new(self)
    }

    /// Closes the stores. Waits for reads on other threads that are under way, each of one key or one page;
    /// afterwards the directory can be opened again at once. Dropping does the same.
    pub fn close(self) {
        drop(self);
    }

    /// Writes a batch and offsets at once: the stores in RocksDB atomically, then those in memory.
    pub(crate) fn write(&mut self, batch: CommitBatch, offsets: &[(usize, i64)]) -> Result<()> {
        let CommitBatch { mut rocksdb, memory, advances } = batch;
        let time = self.time;
        for &(store, offset) in offsets {
            if let (Engine::RocksDb(engine), Some(database)) = (&self.store(store)?.engine, &self.database) {
                let committed = Committed { offset, time };
                database.put_committed(&mut rocksdb, engine.column_family_name(), committed)?;
            }
        }
        if let (Some(database), false) = (&self.database, rocksdb.is_empty()) {
            database.write(rocksdb)?;
        }
        let mut memory = memory.into_iter().peekable();
        while let Some(&(store, _)) = memory.peek() {
            let rows = std::iter::from_fn(|| memory.next_if(|(of, _)| *of == store));
            let rows = rows.map(|(_, row)| row);
            match &self.stores[store].engine {
                Engine::Memory(engine) => engine.write(rows),
                Engine::RocksDb(_) => rows.for_each(drop),
            }
        }
        for &(store, offset) in offsets {
            self.stores[store].committed = Some(Committed { offset, time });
        }
        for (store, advance) in advances {
            self.stores[store].advance(advance);
        }
        Ok(())
    }

    /// A buffer for a store.
    pub(crate) fn buffer(&self, store: usize, context: Rc<Cell<WriteContext>>) -> (Arc<str>, WriteBuffer) {
        let (spec, store) = (&self.specs[store], &self.stores[store]);
        let buffer = WriteBuffer::new(store.name.clone(), store.engine.clone(), spec.buffer.clone(), context);
        let buffer = buffer.with_segments(store.layout, store.stream_time, store.dropped_below);
        (store.name.clone(), buffer)
    }

    /// Each store's name and engine.
    pub(crate) fn engines(&self) -> impl Iterator<Item = (&Arc<str>, &Engine)> {
        self.stores.iter().map(|store| (&store.name, &store.engine))
    }

    pub(crate) fn unknown(&self, store: &str) -> StoreError {
        let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
        StoreError::UnknownStore { store: store.to_owned(), directory: self.directory.clone(), known: names.join(", ") }
    }

    fn store(&self, store: usize) -> Result<&Store> {
        (self.stores.get(store)).ok_or_else(|| self.unknown(&format!("number {store}")))
    }
}

impl Store {
    fn open(spec: &StoreSpec, database: Option<&Arc<Database>>) -> Result<Self> {
        let mut stream_time = StreamTime::NOTHING;
        let (engine, committed) = match (spec.engine, database) {
            (EngineKind::RocksDb, Some(database)) => {
                let column_family = column_family_name(&spec.name);
                let engine = RocksDbStore::new(database.clone(), column_family.as_str().into());
                prepare_layout(spec, database, &engine)?;
                let committed = database.committed(&column_family)?;
                stream_time = database.stream_time(&column_family)?;
                (Engine::RocksDb(engine), committed)
            }
            _ => (Engine::Memory(MemoryStore::default()), None),
        };
        let (name, layout) = (spec.name.as_str().into(), spec.layout);
        let gate = Gate::open(engine.clone(), layout, stream_time);
        Ok(Self { name, gate, engine, committed, stream_time, dropped_below: 0, layout, stream_time_limit: i64::MAX })
    }

    /// Follows a commit that was written.
    fn advance(&mut self, advance: Advance) {
        match advance {
            Advance::Time(time) => self.set_stream_time(time),
            Advance::DropBelow(first_live) => {
                self.dropped_below = first_live;
                let start = segment_start(first_live);
                match &self.engine {
                    Engine::Memory(engine) => engine.delete_below(&start),
                    Engine::RocksDb(engine) => {
                        // The rows are deleted already: without this they only keep their space for longer.
                        if let Err(error) = engine.delete_files_below(&start) {
                            tracing::warn!(store = %self.name, %error, "could not delete the files of expired rows");
                        }
                    }
                }
            }
        }
    }

    fn set_stream_time(&mut self, time: StreamTime) {
        self.stream_time = time;
        self.gate.set_time(time);
    }
}

impl Drop for TaskStores {
    fn drop(&mut self) {
        // Readers first: after this the engines here are the last owners of the database.
        for store in &self.stores {
            store.gate.close();
        }
    }
}

impl std::fmt::Debug for TaskStores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let offsets =
            (self.stores.iter()).map(|store| (&store.name, store.committed.map(|committed| committed.offset)));
        f.debug_struct("TaskStores")
            .field("directory", &self.directory)
            .field("offsets", &offsets.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
