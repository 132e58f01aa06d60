//! The errors of this crate: what happened, to which store or directory, and what to do about it.

use std::path::{Path, PathBuf};

/// The result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store operation was refused or failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is open elsewhere: in another process, or a second time in this one.
    #[error(
        "the stores in {} are in use by another process, or are still open in this one ({detail}); \
         close the other owner first, or give this process a state directory of its own",
        directory.display()
    )]
    Locked {
        /// Directory of the database.
        directory: PathBuf,
        /// RocksDB's own words.
        detail: String,
    },

    /// The database was written by a newer version of this program.
    #[error(
        "the stores in {} have format version {found}, but this program knows versions up to {supported}; \
         run the newer program again, or delete the directory to rebuild the stores from their changelogs",
        directory.display()
    )]
    NewerFormat {
        /// Directory of the database.
        directory: PathBuf,
        /// The version found there.
        found: u32,
        /// The newest version that this program can read.
        supported: u32,
    },

    /// Files are damaged or missing. Nothing was changed.
    #[error(
        "the stores in {} are damaged: {detail}; delete the directory (`TaskStores::destroy`) to rebuild \
         the stores from their changelogs",
        directory.display()
    )]
    Corrupt {
        /// Directory of the database.
        directory: PathBuf,
        /// What is wrong.
        detail: String,
    },

    /// The file system is full, or a quota is used up.
    #[error(
        "no space left for the stores in {}: {detail}; free some space and start the task again, it resumes \
         from its last commit",
        directory.display()
    )]
    DiskFull {
        /// Directory of the database.
        directory: PathBuf,
        /// RocksDB's own words.
        detail: String,
    },

    /// RocksDB failed in another way.
    #[error("RocksDB failed in {}: {detail}; close the task and open it again, it resumes from its last commit", directory.display())]
    Database {
        /// Directory of the database.
        directory: PathBuf,
        /// RocksDB's own words.
        detail: String,
    },

    /// The file system refused something.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },

    /// The store was closed, or its task was moved away from here.
    #[error("store `{store}` is closed here; its task was closed or moved, ask its present owner")]
    Closed {
        /// Name of the store.
        store: String,
    },

    /// No such store in this task.
    #[error("the task in {} has no store `{store}`; its stores are: {known}", directory.display())]
    UnknownStore {
        /// The name (or index) asked for.
        store: String,
        /// Directory of the task.
        directory: PathBuf,
        /// The names there are, separated by commas.
        known: String,
    },

    /// A store's description cannot be used.
    #[error("store `{store}` cannot be opened: {problem}")]
    InvalidSpec {
        /// Name of the store.
        store: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A commit was asked for while a buffer still held writes that were not forwarded: they would have
    /// reached the store, but not its changelog.
    #[error("store `{store}` has {entries} writes that were not forwarded; flush until nothing is left before sealing")]
    UnforwardedWrites {
        /// Name of the store.
        store: String,
        /// How many keys.
        entries: usize,
    },

    /// The store was used while its buffer was borrowed, on the same thread.
    #[error("store `{store}` is being used further up on this thread; release its buffer first")]
    InUse {
        /// Name of the store.
        store: String,
    },

    /// The steps of a commit came in the wrong order.
    #[error("{problem}")]
    CommitOrder {
        /// What is out of order.
        problem: &'static str,
    },

    /// The store has another layout than this operation needs.
    #[error("store `{store}` is not {needed}; open it with the layout that it is used with")]
    WrongLayout {
        /// Name of the store.
        store: String,
        /// What it would have to be, such as `a window store`.
        needed: &'static str,
    },

    /// A changelog record cannot be one of a windowed store. Nothing of its batch was written.
    #[error(
        "the changelog of store `{store}` has a record whose key of {length} bytes is too short for {needed}; \
         the topic belongs to another store, or was written by another program: check its name, or delete its records"
    )]
    InvalidChangelogKey {
        /// Name of the store.
        store: String,
        /// Bytes of the record's key.
        length: usize,
        /// What the store keeps, such as `a window`.
        needed: &'static str,
    },

    /// A changelog record, or a row on disk, cannot be a version of a versioned store.
    #[error(
        "store `{store}` was given {length} bytes that are no version of a row; delete its directory to rebuild it from its changelog"
    )]
    InvalidVersion {
        /// Name of the store.
        store: String,
        /// How many bytes.
        length: usize,
    },

    /// A session that ends before it starts, or starts before time does. Nothing was written.
    #[error(
        "store `{store}` cannot hold a session from {start} to {end}; its start must not be negative or after its end"
    )]
    InvalidSession {
        /// Name of the store.
        store: String,
        /// First millisecond.
        start: i64,
        /// Last millisecond.
        end: i64,
    },

    /// A slot was kept for too long: its entry was dropped from the cache. Nothing was written.
    #[error("a slot of store `{store}` is no longer valid; look the key up again")]
    StaleSlot {
        /// Name of the store.
        store: String,
    },
}

impl StoreError {
    /// Sorts a RocksDB error into the variant that says what to do.
    pub(crate) fn from_rocksdb(directory: &Path, error: rocksdb::Error) -> Self {
        Self::classify(directory.to_path_buf(), error.kind(), error.into_string())
    }

    fn classify(directory: PathBuf, kind: rocksdb::ErrorKind, detail: String) -> Self {
        if detail.contains("No space left on device") || detail.contains("Disk quota exceeded") {
            return Self::DiskFull { directory, detail };
        }
        let is_io = kind == rocksdb::ErrorKind::IOError;
        if is_io && detail.contains("/LOCK:") && detail.contains("lock") {
            return Self::Locked { directory, detail };
        }
        // A file that RocksDB's own records name, but that is gone, is damage too.
        if kind == rocksdb::ErrorKind::Corruption || (is_io && detail.contains("No such file or directory")) {
            return Self::Corrupt { directory, detail };
        }
        Self::Database { directory, detail }
    }
}

#[cfg(test)]
mod tests {
    use rocksdb::ErrorKind;

    use super::*;

    fn classify(kind: ErrorKind, detail: &str) -> StoreError {
        StoreError::classify(PathBuf::from("/state/0_1/rocksdb"), kind, detail.to_owned())
    }

    #[test]
    fn a_full_disk_is_told_from_damage_and_from_a_lock() {
        let full = "IO error: No space left on device: While appending to file: /state/0_1/rocksdb/000012.log: \
                    No space left on device";
        let error = classify(ErrorKind::IOError, full);
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("/state/0_1/rocksdb"), "{error}");
        // A lock file may be the first that does not fit.
        let full = "IO error: While open a file for lock: /state/0_1/rocksdb/LOCK: No space left on device";
        assert!(matches!(classify(ErrorKind::IOError, full), StoreError::DiskFull { .. }));

        let lost = "IO error: No such file or directory: While open a file for random read: /x/000007.sst: \
                    No such file or directory";
        assert!(matches!(classify(ErrorKind::IOError, lost), StoreError::Corrupt { .. }));
        let checksum = "Corruption: block checksum mismatch";
        assert!(matches!(classify(ErrorKind::Corruption, checksum), StoreError::Corrupt { .. }));
        let locked = "IO error: While lock file: /x/LOCK: Resource temporarily unavailable";
        assert!(matches!(classify(ErrorKind::IOError, locked), StoreError::Locked { .. }));
        let other = "IO error: While pread offset 0 len 9: /x/000007.sst: Input/output error";
        assert!(matches!(classify(ErrorKind::IOError, other), StoreError::Database { .. }));
    }
}
