//! What all stores of a process share, so that their number does not multiply their memory.

use std::path::Path;
use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DataBlockIndexType, Env, LogLevel, Options, WriteBufferManager,
};

use crate::error::{Result, StoreError};

/// A memtable looks for the place of a row beside that of the row before it: commits and restored batches are sorted. (All rows
/// have their first byte in common, and so one last place.)
const INSERT_BESIDE_LAST: &str = "memtable_insert_with_hint_prefix_extractor=fixed:1";

/// How blocks of a store are compressed on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all: the default, as in Kafka Streams.
    #[default]
    None,
    /// LZ4: cheap, for large values.
    Lz4,
}

/// Limits that hold for the whole process, and a few that hold per task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageLimits {
    /// Block cache of all stores together, in bytes: data, index and filter blocks, and the memtables,
    /// which are charged to it. Default: 64 MiB.
    pub block_cache_bytes: usize,
    /// Memtables (rows not yet in a file) of all stores together, in bytes. When they exceed this, the
    /// task that writes next flushes its own to disk. Default: 64 MiB.
    pub write_buffer_bytes: usize,
    /// Threads for compaction, process-wide; as many again serve flushes. Default: 2.
    pub background_threads: u16,
    /// Open files per task. Default: 64; RocksDB's minimum is 20.
    pub max_open_files: u16,
    /// Write-ahead log per task, in bytes: bounds both disk use and the time to open after a crash.
    /// Default: 32 MiB.
    pub max_wal_bytes: u64,
    /// Compression of data on disk. Default: none.
    pub compression: Compression,
}

impl Default for StorageLimits {
    fn default() -> Self {
        Self {
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 64 << 20,
            background_threads: 2,
            max_open_files: 64,
            max_wal_bytes: 32 << 20,
            compression: Compression::None,
        }
    }
}

/// The shared part of all stores in a process: one block cache, one account of memtable memory, one set of
/// background threads. Make one per process and clone it: a clone is the same environment.
#[derive(Clone)]
pub struct StorageEnvironment {
    shared: Arc<Shared>,
}

struct Shared {
    limits: StorageLimits,
    cache: Cache,
    write_buffers: WriteBufferManager,
    env: Env,
}

impl StorageEnvironment {
    /// Makes an environment with these limits.
    ///
    /// # Errors
    /// [`StoreError::Database`] if RocksDB cannot be initialized.
    pub fn new(limits: StorageLimits) -> Result<Self> {
        let mut env = Env::new().map_err(|error| StoreError::Database {
            directory: Path::new(".").to_path_buf(),
            detail: error.into_string(),
        })?;
        let threads = i32::from(limits.background_threads.max(1));
        env.set_low_priority_background_threads(threads);
        env.set_high_priority_background_threads(threads);
        let cache = Cache::new_lru_cache(limits.block_cache_bytes);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            limits.write_buffer_bytes,
            false, // Writers never stall: a stalled stream thread could be thrown out of its group.
            cache.clone(),
        );
        Ok(Self { shared: Arc::new(Shared { limits, cache, write_buffers, env }) })
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &StorageLimits {
        &self.shared.limits
    }

    /// Bytes in the block cache, the memtables charged to it included.
    pub fn block_cache_usage(&self) -> usize {
        self.shared.cache.get_usage()
    }

    /// Bytes in memtables.
    pub fn write_buffer_usage(&self) -> usize {
        self.shared.write_buffers.get_usage()
    }

    /// Options of a task's database. They are small on purpose: a process may have hundreds of tasks.
    pub(crate) fn database_options(&self) -> Options {
        let limits = &self.shared.limits;
        let mut options = self.column_family_options();
        options.set_env(&self.shared.env);
        options.set_write_buffer_manager(&self.shared.write_buffers);
        options.set_max_background_jobs(i32::from(limits.background_threads.max(1)) + 1);
        options.set_max_open_files(i32::from(limits.max_open_files.max(20)));
        options.set_max_file_opening_threads(1);
        options.set_table_cache_num_shard_bits(2);
        options.set_max_total_wal_size(limits.max_wal_bytes);
        options.set_max_manifest_file_size(4 << 20);
        options.set_manifest_preallocation_size(64 << 10);
        // One thread writes a task's stores, so RocksDB need not arbitrate between writers.
        options.set_allow_concurrent_memtable_write(false);
        options.set_enable_write_thread_adaptive_yield(false);
        options.set_skip_stats_update_on_db_open(true);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    /// Options of one store's column family.
    pub(crate) fn column_family_options(&self) -> Options {
        let limits = &self.shared.limits;
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.shared.cache);
        blocks.set_block_size(4 << 10);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_whole_key_filtering(true);
        // Indexes and filters count against the cache too: otherwise they grow with the data, unbounded.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_cache_index_and_filter_blocks_with_high_priority(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);

        let mut options = Options::default().get_options_from_string(INSERT_BESIDE_LAST).unwrap_or_else(|error| {
            tracing::warn!(%error, "RocksDB does not know {INSERT_BESIDE_LAST}: commits take longer");
            Options::default()
        });
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(match limits.compression {
            Compression::None => DBCompressionType::None,
            Compression::Lz4 => DBCompressionType::Lz4,
        });
        options.set_write_buffer_size(8 << 20);
        options.set_max_write_buffer_number(2);
        // The unit in which a memtable takes memory: the default of 1 MiB would be the price of every
        // store that holds a single row.
        options.set_arena_block_size(64 << 10);
        options.set_level_compaction_dynamic_level_bytes(true);
        options
    }
}

impl std::fmt::Debug for StorageEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageEnvironment")
            .field("limits", &self.shared.limits)
            .field("block_cache_usage", &self.block_cache_usage())
            .field("write_buffer_usage", &self.write_buffer_usage())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rocksdb_knows_the_options_that_are_given_as_text() {
        Options::default().get_options_from_string(INSERT_BESIDE_LAST).unwrap();
    }
}
