//! The RocksDB database of one task: opening it, its format version, its column families.
//!
//! What is stored besides rows: in the default column family the version of the database's format; in each
//! store's column family a marker with the version of the store's format, and the changelog offset that its
//! rows have reached or a note of their owner's instead; and of a windowed store its stream time and what its row layout depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    AsColumnFamilyRef, BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, FlushOptions, IteratorMode,
    MultiThreaded, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::environment::StorageEnvironment;
use crate::error::{Result, StoreError};
use crate::expiry::StreamTime;

/// The newest format that this program writes and reads, of a database and of a store.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Keys in a plain store's column family that are not rows.
pub(crate) const META_KEY_COUNT: u64 = 2;

const DEFAULT_COLUMN_FAMILY: &str = rocksdb::DEFAULT_COLUMN_FAMILY_NAME;
const DATABASE_VERSION_KEY: &[u8] = b"format-version";
const STORE_VERSION_KEY: &[u8] = &[0x00, b'v'];
const STORE_OFFSET_KEY: &[u8] = &[0x00, b'o'];
const STORE_NOTE_KEY: &[u8] = &[0x00, b'n'];
const STORE_LAYOUT_KEY: &[u8] = &[0x00, b'l'];
pub(crate) const STORE_STREAM_TIME_KEY: &[u8] = &[0x00, b't'];
/// How often opening starts over when another process changes the files between two looks.
const OPEN_ATTEMPTS: usize = 3;

type RocksDb = DBWithThreadMode<MultiThreaded>;

/// An open database. Dropping it closes it, once background work has stopped.
pub(crate) struct Database {
    rocksdb: RocksDb,
    directory: PathBuf,
    environment: StorageEnvironment,
    read_options: ReadOptions,
    write_options: WriteOptions,
}

/// How far a store is: kept beside its rows.
#[derive(Clone, Copy)]
pub(crate) struct Committed {
    /// Of the next changelog record to restore.
    pub(crate) offset: i64,
    /// When, by the clock of the task's owner, in milliseconds.
    pub(crate) time: i64,
}

impl Committed {
    fn to_bytes(self) -> [u8; 16] {
        let bytes = (i128::from(self.offset) << 64) | i128::from(self.time as u64);
        bytes.to_be_bytes()
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = i128::from_be_bytes(bytes);
        Self { offset: (bits >> 64) as i64, time: bits as i64 }
    }
}

/// The column family of a store.
pub(crate) fn column_family_name(store: &str) -> String {
    format!("store/{store}")
}

impl Database {
    /// Opens or creates the database in `directory`, with a column family for each of `stores`.
    pub(crate) fn open(directory: &Path, stores: &[&str], environment: &StorageEnvironment) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|source| io("create", directory, source))?;
        // RocksDB notices a second owner in the same process by the name of the directory, so the name
        // must be the same whatever links lead there.
        let directory = std::fs::canonicalize(directory).map_err(|source| io("resolve", directory, source))?;
        let wanted: Vec<String> = stores.iter().map(|store| column_family_name(store)).collect();
        let (rocksdb, on_disk) = open_rocksdb(&directory, &wanted, environment)?;
        let write_options = WriteOptions::default(); // Logged, never synced.
        let database = Self {
            rocksdb,
            directory,
            environment: environment.clone(),
            read_options: ReadOptions::default(),
            write_options,
        };
        database.report_others(&on_disk, &wanted);
        database.check_and_complete(&wanted)?;
        Ok(database)
    }

    /// Deletes the database, unless it is open somewhere.
    pub(crate) fn destroy(directory: &Path) -> Result<()> {
        if !directory.exists() {
            return Ok(());
        }
        let directory = std::fs::canonicalize(directory).map_err(|source| io("resolve", directory, source))?;
        // RocksDB deletes what it knows under its lock. What it does not know goes afterwards; its
        // complaints about damage are no reason to keep the damage.
        let destroyed = RocksDb::destroy(&Options::default(), &directory)
            .map_err(|error| StoreError::from_rocksdb(&directory, error));
        if let Err(error @ StoreError::Locked { .. }) = destroyed {
            return Err(error);
        }
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("delete", &directory, error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn rocksdb(&self) -> &RocksDb {
        &self.rocksdb
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn read_options(&self) -> &ReadOptions {
        &self.read_options
    }

    pub(crate) fn column_family(&self, name: &str) -> Result<Arc<BoundColumnFamily<'_>>> {
        self.rocksdb.cf_handle(name).ok_or_else(|| {
            // Only after a `recreate` that failed half way.
            self.corrupt(format!("column family `{name}` is missing"))
        })
    }

    /// Writes all of `batch` or nothing. Survives the process, not the machine.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<()> {
        self.rocksdb.write_opt(batch, &self.write_options).map_err(|error| self.error(error))
    }

    /// The changelog offset that a store has reached, and when.
    pub(crate) fn committed(&self, column_family: &str) -> Result<Option<Committed>> {
        let handle = self.column_family(column_family)?;
        let Some(bytes) = self.meta(&handle, STORE_OFFSET_KEY)? else {
            return Ok(None);
        };
        match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(Some(Committed::from_bytes(bytes))),
            Err(_) => Err(self.corrupt(format!("`{column_family}` has an unreadable offset"))),
        }
    }

    /// The stream time that a windowed store has committed.
    pub(crate) fn stream_time(&self, column_family: &str) -> Result<StreamTime> {
        let handle = self.column_family(column_family)?;
        let Some(bytes) = self.meta(&handle, STORE_STREAM_TIME_KEY)? else {
            return Ok(StreamTime::NOTHING);
        };
        StreamTime::from_bytes(&bytes)
            .ok_or_else(|| self.corrupt(format!("`{column_family}` has an unreadable stream time")))
    }

    /// The fingerprint of the layout in which a store has its rows; empty for a plain one.
    pub(crate) fn layout(&self, column_family: &str) -> Result<Vec<u8>> {
        let handle = self.column_family(column_family)?;
        Ok(self.meta(&handle, STORE_LAYOUT_KEY)?.unwrap_or_default())
    }

    /// Notes the layout of a store that has no rows yet.
    pub(crate) fn set_layout(&self, column_family: &str, fingerprint: &[u8]) -> Result<()> {
        let handle = self.column_family(column_family)?;
        let mut batch = WriteBatch::default();
        batch.put_cf(&handle, STORE_LAYOUT_KEY, fingerprint);
        self.write(batch)
    }

    /// Adds what a store reaches to `batch`.
    pub(crate) fn put_committed(
        &self,
        batch: &mut WriteBatch,
        column_family: &str,
        committed: Committed,
    ) -> Result<()> {
        let handle = self.column_family(column_family)?;
        batch.put_cf(&handle, STORE_OFFSET_KEY, committed.to_bytes());
        Ok(())
    }

    /// What the owner of a store has noted with its rows.
    pub(crate) fn note(&self, column_family: &str) -> Result<Option<Vec<u8>>> {
        let handle = self.column_family(column_family)?;
        self.meta(&handle, STORE_NOTE_KEY)
    }

    /// Adds a note to `batch`, in the place of the one before.
    pub(crate) fn put_note(&self, batch: &mut WriteBatch, column_family: &str, note: &[u8]) -> Result<()> {
        let handle = self.column_family(column_family)?;
        batch.put_cf(&handle, STORE_NOTE_KEY, note);
        Ok(())
    }

    /// Has the memtables written to files in the background, so that their memory is free.
    pub(crate) fn flush_memtables(&self, column_families: &[&str]) -> Result<()> {
        let mut options = FlushOptions::new();
        options.set_wait(false);
        for name in column_families {
            let handle = self.column_family(name)?;
            (self.rocksdb.flush_cf_opt(&handle, &options)).map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// Drops a store's rows and offset, whatever their number, and starts it anew.
    pub(crate) fn recreate(&self, column_family: &str, layout: &[u8]) -> Result<()> {
        let options = self.environment.column_family_options();
        self.rocksdb
            .drop_cf(column_family)
            .and_then(|()| self.rocksdb.create_cf(column_family, &options))
            .map_err(|error| self.error(error))?;
        let mut batch = WriteBatch::default();
        let handle = self.column_family(column_family)?;
        batch.put_cf(&handle, STORE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
        if !layout.is_empty() {
            batch.put_cf(&handle, STORE_LAYOUT_KEY, layout);
        }
        self.write(batch)
    }

    /// Refuses what a newer program wrote and what is damaged; then adds what is missing, in an order in
    /// which a crash leaves either the old state or one that is completed in the same way next time.
    fn check_and_complete(&self, wanted: &[String]) -> Result<()> {
        let default = self.column_family(DEFAULT_COLUMN_FAMILY)?;
        let mut batch = WriteBatch::default();
        if self.version(&default, DATABASE_VERSION_KEY, "the database")?.is_none() {
            // Creation was interrupted before its last step, or this is the creation.
            batch.put(DATABASE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
        }
        for name in wanted {
            if self.rocksdb.cf_handle(name).is_none() {
                let options = self.environment.column_family_options();
                (self.rocksdb.create_cf(name, &options)).map_err(|error| self.error(error))?;
            }
            let handle = self.column_family(name)?;
            if self.version(&handle, STORE_VERSION_KEY, name)?.is_none() {
                batch.put_cf(&handle, STORE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch)
    }

    /// Says which stores on disk are not this program's any more. They are kept: an earlier version of the
    /// program may come back, and deleting is for its user to decide.
    fn report_others(&self, on_disk: &BTreeSet<String>, wanted: &[String]) {
        let others: Vec<&String> =
            (on_disk.iter()).filter(|name| *name != DEFAULT_COLUMN_FAMILY && !wanted.contains(name)).collect();
        if !others.is_empty() {
            tracing::info!(
                directory = %self.directory.display(),
                ?others,
                "kept stores that the topology does not have"
            );
        }
    }

    /// The format version under `key`; `None` if nothing was ever written beside it.
    fn version(&self, handle: &impl AsColumnFamilyRef, key: &[u8], what: &str) -> Result<Option<u32>> {
        let Some(bytes) = self.meta(handle, key)? else {
            let mut rows = self.rocksdb.iterator_cf(handle, IteratorMode::Start);
            return match rows.next() {
                None => Ok(None),
                Some(Ok(_)) => Err(self.corrupt(format!("{what} has rows but no format version"))),
                Some(Err(error)) => Err(self.error(error)),
            };
        };
        let Ok(bytes) = <[u8; 4]>::try_from(bytes.as_slice()) else {
            return Err(self.corrupt(format!("{what} has an unreadable format version")));
        };
        let found = u32::from_be_bytes(bytes);
        if found > FORMAT_VERSION {
            return Err(StoreError::NewerFormat {
                directory: self.directory.clone(),
                found,
                supported: FORMAT_VERSION,
            });
        }
        Ok(Some(found))
    }

    fn meta(&self, handle: &impl AsColumnFamilyRef, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.rocksdb.get_cf(handle, key).map_err(|error| self.error(error))
    }

    fn error(&self, error: rocksdb::Error) -> StoreError {
        StoreError::from_rocksdb(&self.directory, error)
    }

    fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt { directory: self.directory.clone(), detail }
    }
}

/// Opens the database with the column families that it has: RocksDB wants all of them, also those of stores
/// that this program no longer has. A new one gets all that are `wanted`; an older one is first looked at.
fn open_rocksdb(
    directory: &Path,
    wanted: &[String],
    environment: &StorageEnvironment,
) -> Result<(RocksDb, BTreeSet<String>)> {
    let options = environment.database_options();
    let mut attempt = 1;
    loop {
        let mut open_options = options.clone();
        let listed = existing_column_families(directory, &options);
        let names = match &listed {
            Ok(Some(names)) => names.clone(),
            Ok(None) => {
                open_options.create_if_missing(true);
                open_options.create_missing_column_families(true);
                let default = DEFAULT_COLUMN_FAMILY.to_owned();
                wanted.iter().cloned().chain([default]).collect()
            }
            // Not damage, perhaps, but another process that is writing: opening tells, as it takes the lock.
            Err(_) => BTreeSet::from([DEFAULT_COLUMN_FAMILY.to_owned()]),
        };
        let families =
            (names.iter()).map(|name| ColumnFamilyDescriptor::new(name, environment.column_family_options()));
        let opened = RocksDb::open_cf_descriptors(&open_options, directory, families)
            .map_err(|error| StoreError::from_rocksdb(directory, error));
        match (listed, opened) {
            (Ok(_), Ok(rocksdb)) => return Ok((rocksdb, names)),
            (_, Err(error @ StoreError::Locked { .. })) => return Err(error),
            (Err(error), _) | (_, Err(error)) if attempt == OPEN_ATTEMPTS => return Err(error),
            _ => attempt += 1,
        }
    }
}

/// The column families on disk; `None` if there is no database yet.
fn existing_column_families(directory: &Path, options: &Options) -> Result<Option<BTreeSet<String>>> {
    if directory.join("CURRENT").exists() {
        let listed =
            RocksDb::list_cf(options, directory).map_err(|error| StoreError::from_rocksdb(directory, error))?;
        return Ok(Some(listed.into_iter().collect()));
    }
    // Without CURRENT the creation was interrupted, and goes on now: unless there are rows, which cannot be
    // older than CURRENT.
    let entries = std::fs::read_dir(directory).map_err(|source| io("list", directory, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| io("list", directory, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let has_bytes = entry.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if name.ends_with(".sst") || (name.ends_with(".log") && has_bytes) {
            return Err(StoreError::Corrupt {
                directory: directory.to_path_buf(),
                detail: format!("there is `{name}`, but no CURRENT"),
            });
        }
    }
    Ok(None)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    StoreError::Io { action, path, source }
}
