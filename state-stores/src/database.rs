//! The RocksDB database of one task: opening it, its format version, its column families.
//!
//! What is stored besides rows: in the default column family the version of the database's format; in each
//! store's column family a marker with the version of the store's format, and the changelog offset that its
//! rows have reached.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    AsColumnFamilyRef, BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, IteratorMode,
    MultiThreaded, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::environment::StorageEnvironment;
use crate::error::{Result, StoreError};

/// The newest format that this program writes and reads, of a database and of a store.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Keys in a store's column family that are not rows.
pub(crate) const META_KEY_COUNT: u64 = 2;

const DEFAULT_COLUMN_FAMILY: &str = rocksdb::DEFAULT_COLUMN_FAMILY_NAME;
const DATABASE_VERSION_KEY: &[u8] = b"format-version";
const STORE_VERSION_KEY: &[u8] = &[0x00, b'v'];
const STORE_OFFSET_KEY: &[u8] = &[0x00, b'o'];
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

/// The column family of a store.
pub(crate) fn column_family_name(store: &str) -> String {
    format!("store/{store}")
}

impl Database {
    /// Opens or creates the database in `directory`, with a column family for each of `stores`.
    pub(crate) fn open(
        directory: &Path,
        stores: &[&str],
        environment: &StorageEnvironment,
    ) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|source| io("create", directory, source))?;
        // RocksDB notices a second owner in the same process by the name of the directory, so the name
        // must be the same whatever links lead there.
        let directory =
            std::fs::canonicalize(directory).map_err(|source| io("resolve", directory, source))?;
        let rocksdb = open_existing_column_families(&directory, environment)?;
        let write_options = WriteOptions::default(); // Logged, never synced.
        let database = Self {
            rocksdb,
            directory,
            environment: environment.clone(),
            read_options: ReadOptions::default(),
            write_options,
        };
        database.check_and_complete(stores)?;
        Ok(database)
    }

    /// Deletes the database, unless it is open somewhere.
    pub(crate) fn destroy(directory: &Path) -> Result<()> {
        if !directory.exists() {
            return Ok(());
        }
        let directory =
            std::fs::canonicalize(directory).map_err(|source| io("resolve", directory, source))?;
        // RocksDB deletes what it knows under its lock. What it does not know goes afterwards; its
        // complaints about damage are no reason to keep the damage.
        match RocksDb::destroy(&Options::default(), &directory)
            .map_err(|error| StoreError::from_rocksdb(&directory, error))
        {
            Err(error @ StoreError::Locked { .. }) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io("delete", &directory, error))
            }
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
        self.rocksdb
            .write_opt(batch, &self.write_options)
            .map_err(|error| self.error(error))
    }

    /// The changelog offset that a store has reached.
    pub(crate) fn offset(&self, column_family: &str) -> Result<Option<i64>> {
        let handle = self.column_family(column_family)?;
        let Some(bytes) = self.meta(&handle, STORE_OFFSET_KEY)? else {
            return Ok(None);
        };
        match <[u8; 8]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(Some(i64::from_be_bytes(bytes))),
            Err(_) => Err(self.corrupt(format!("`{column_family}` has an unreadable offset"))),
        }
    }

    /// Adds a store's new offset to `batch`.
    pub(crate) fn put_offset(
        &self,
        batch: &mut WriteBatch,
        column_family: &str,
        offset: i64,
    ) -> Result<()> {
        let handle = self.column_family(column_family)?;
        batch.put_cf(&handle, STORE_OFFSET_KEY, offset.to_be_bytes());
        Ok(())
    }

    /// Drops a store's rows and offset, whatever their number, and starts it anew.
    pub(crate) fn recreate(&self, column_family: &str) -> Result<()> {
        let options = self.environment.column_family_options();
        self.rocksdb
            .drop_cf(column_family)
            .and_then(|()| self.rocksdb.create_cf(column_family, &options))
            .map_err(|error| self.error(error))?;
        let mut batch = WriteBatch::default();
        let handle = self.column_family(column_family)?;
        batch.put_cf(&handle, STORE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
        self.write(batch)
    }

    /// Refuses what a newer program wrote and what is damaged; then adds what is missing, in an order in
    /// which a crash leaves either the old state or one that is completed in the same way next time.
    fn check_and_complete(&self, stores: &[&str]) -> Result<()> {
        let default = self.column_family(DEFAULT_COLUMN_FAMILY)?;
        let mut batch = WriteBatch::default();
        if self
            .version(&default, DATABASE_VERSION_KEY, "the database")?
            .is_none()
        {
            // Creation was interrupted before its last step, or this is the creation.
            batch.put(DATABASE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
        }
        for store in stores {
            let name = column_family_name(store);
            if self.rocksdb.cf_handle(&name).is_none() {
                let options = self.environment.column_family_options();
                (self.rocksdb.create_cf(&name, &options)).map_err(|error| self.error(error))?;
            }
            let handle = self.column_family(&name)?;
            if self.version(&handle, STORE_VERSION_KEY, &name)?.is_none() {
                batch.put_cf(&handle, STORE_VERSION_KEY, FORMAT_VERSION.to_be_bytes());
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.write(batch)
    }

    /// The format version under `key`; `None` if nothing was ever written beside it.
    fn version(
        &self,
        handle: &impl AsColumnFamilyRef,
        key: &[u8],
        what: &str,
    ) -> Result<Option<u32>> {
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
        self.rocksdb
            .get_cf(handle, key)
            .map_err(|error| self.error(error))
    }

    fn error(&self, error: rocksdb::Error) -> StoreError {
        StoreError::from_rocksdb(&self.directory, error)
    }

    fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt {
            directory: self.directory.clone(),
            detail,
        }
    }
}

/// Opens the database with the column families that it has: RocksDB wants all of them, also those of stores
/// that this program no longer has.
fn open_existing_column_families(
    directory: &Path,
    environment: &StorageEnvironment,
) -> Result<RocksDb> {
    let options = environment.database_options();
    let mut attempt = 1;
    loop {
        let listed = existing_column_families(directory, &options);
        let names = match &listed {
            Ok(names) => names.clone(),
            // Not damage, perhaps, but another process that is writing: opening tells, as it takes the lock.
            Err(_) => BTreeSet::from([DEFAULT_COLUMN_FAMILY.to_owned()]),
        };
        let mut open_options = options.clone();
        open_options.create_if_missing(listed.is_ok());
        let families = (names.into_iter())
            .map(|name| ColumnFamilyDescriptor::new(name, environment.column_family_options()));
        let opened = RocksDb::open_cf_descriptors(&open_options, directory, families)
            .map_err(|error| StoreError::from_rocksdb(directory, error));
        match (listed, opened) {
            (Ok(_), Ok(rocksdb)) => return Ok(rocksdb),
            (_, Err(error @ StoreError::Locked { .. })) => return Err(error),
            (Err(error), _) | (_, Err(error)) if attempt == OPEN_ATTEMPTS => return Err(error),
            _ => attempt += 1,
        }
    }
}

/// The column families on disk, the default one always among them.
fn existing_column_families(directory: &Path, options: &Options) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::from([DEFAULT_COLUMN_FAMILY.to_owned()]);
    if directory.join("CURRENT").exists() {
        let listed = RocksDb::list_cf(options, directory)
            .map_err(|error| StoreError::from_rocksdb(directory, error))?;
        names.extend(listed);
        return Ok(names);
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
    Ok(names)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    StoreError::Io {
        action,
        path,
        source,
    }
}
